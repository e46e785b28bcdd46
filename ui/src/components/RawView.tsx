import { ChevronDown } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import "./rawView.css";

/** A thing as programs see it, one tap further. */
export function RawView({ of: thing }: { of: unknown }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="raw-view" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {t("raw.show")} <ChevronDown className="chevron" aria-hidden />
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      {isOpen && <pre tabIndex={0}>{JSON.stringify(thing, null, 2)}</pre>}
    </details>
  );
}
