import { useTranslation } from "react-i18next";
import { NavLink } from "react-router";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { DeskMenu } from "./DeskMenu";
import { VIEWS, type View } from "./views";
import "./rail.css";

/** The way to every view, as an icon and a word; at the foot how this desk stands and what it is. */
export function Rail({ onHelp }: { onHelp: () => void }) {
  const { t } = useTranslation();
  const item = (view: View) => <RailItem key={view.name} view={view} number={VIEWS.indexOf(view) + 1} />;
  return (
    <nav className="rail" aria-label={t("nav.views")}>
      <ul>{VIEWS.filter(({ part }) => part !== "foot").map(item)}</ul>
      <div className="rail-foot">
        <ul>{VIEWS.filter(({ part }) => part === "foot").map(item)}</ul>
        <DeskMenu onHelp={onHelp} />
      </div>
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
        {name === "attention" && <AttentionCount />}
      </NavLink>
    </li>
  );
}

/** More fit neither the rail nor a head. */
const COUNT_MAX = 99;

function AttentionCount() {
  const { t } = useTranslation();
  const count = useVenueQuery(["syncStatus"]).data?.attention ?? 0;
  if (count === 0) return null;
  return (
    <span className="rail-count figure" data-testid="attention-count">
      <span aria-hidden>{count > COUNT_MAX ? `${COUNT_MAX}+` : count}</span>
      <span className="visually-hidden">, {t("nav.attentionCount", { count })}</span>
    </span>
  );
}
