import { useTranslation } from "react-i18next";
import { NavLink } from "react-router";
import { DeskMenu } from "./DeskMenu";
import { VIEWS, type View } from "./views";
import "./rail.css";

/** The way to every view, as an icon and a word. */
export function Rail({ onHelp }: { onHelp: () => void }) {
  const { t } = useTranslation();
  return (
    <nav className="rail" aria-label={t("nav.views")}>
      <ul>
        {VIEWS.map((view, index) => (
          <RailItem key={view.name} view={view} number={index + 1} />
        ))}
      </ul>
      <DeskMenu onHelp={onHelp} />
    </nav>
  );
}

function RailItem({ view: { name, icon: Icon, part }, number }: { view: View; number: number }) {
  const { t } = useTranslation();
  return (
    <li data-part={part}>
      <NavLink
        to={`/${name}`}
        className="rail-item"
        data-testid={`nav-${name}`}
        aria-keyshortcuts={`${number} Alt+${number}`}
      >
        <Icon aria-hidden />
        <span>{t(`nav.${name}`)}</span>
      </NavLink>
    </li>
  );
}
