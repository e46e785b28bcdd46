import { useTranslation } from "react-i18next";
import { Sheet } from "../components/Sheet";
import { VIEWS } from "./views";

/** Which keys do what, and what the scanner does. */
export function KeysHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const keys = [
    [`1 – ${VIEWS.length}`, t("desk.keyViews")],
    ["F2", t("desk.keyBand")],
    ["F9", t("desk.keyCharge")],
    ["F8", t("desk.keyUndo")],
    ["Esc", t("desk.keyClose")],
    ["?", t("desk.keyHelp")],
  ] as const;
  return (
    <Sheet title={t("desk.keysHelp")} open={open} onClose={onClose}>
      <dl className="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="quiet">{t("desk.scanner")}</p>
    </Sheet>
  );
}
