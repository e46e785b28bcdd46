import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Pick } from "../components/Pick";
import { LANGUAGES } from "../lib/i18n/setup";
import { chooseTheme, storedTheme, THEMES, type Theme } from "./theme";

const LANGUAGE_NAMES = { en: "English", es: "Español" } as const;

/** Language and colours of this desk. */
export function DeskSwitches() {
  const { t, i18n } = useTranslation();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const change = (next: Theme) => {
    setTheme(next);
    chooseTheme(next);
  };
  return (
    <div className="desk-switches">
      <Pick
        label={t("desk.language")}
        value={i18n.language}
        onChange={(language) => void i18n.changeLanguage(language)}
        options={LANGUAGES.map((value) => ({ value, text: LANGUAGE_NAMES[value], lang: value }))}
      />
      <Pick
        label={t("desk.theme")}
        value={theme}
        onChange={change}
        options={THEMES.map((value) => ({ value, text: t(`desk.${value}`) }))}
      />
    </div>
  );
}
