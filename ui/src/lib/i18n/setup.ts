import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { es } from "./es";

export const LANGUAGES = ["en", "es"] as const;
export type Language = (typeof LANGUAGES)[number];

const STORED = "gangway.language";

/** The catalogue, in the language chosen on this desk, else in the machine's, else in English. */
export function createI18n(language: Language = preferredLanguage()): i18n {
  const instance = i18next.createInstance();
  void instance.use(initReactI18next).init({
    lng: language,
    fallbackLng: "en",
    resources: { en: { translation: en }, es: { translation: es } },
    interpolation: { escapeValue: false },
    initAsync: false,
  });
  document.documentElement.lang = language;
  instance.on("languageChanged", (next) => {
    document.documentElement.lang = next;
    localStorage.setItem(STORED, next);
  });
  return instance;
}

function preferredLanguage(): Language {
  const wish = localStorage.getItem(STORED) ?? navigator.language.slice(0, 2);
  return LANGUAGES.find((language) => language === wish) ?? "en";
}
