export const THEMES = ["system", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

const STORED = "gangway.theme";

export function storedTheme(): Theme {
  const stored = localStorage.getItem(STORED);
  return THEMES.find((theme) => theme === stored) ?? "system";
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(STORED, theme);
  applyTheme(theme);
}

/** Puts the theme on the page; `system` follows the machine, also when it changes its mind. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme === "system" ? machineTheme() : theme;
  window.matchMedia("(prefers-color-scheme: dark)").onchange = () => {
    if (storedTheme() === "system") applyTheme("system");
  };
}

function machineTheme(): Exclude<Theme, "system"> {
  if (window.matchMedia("(prefers-contrast: more)").matches) return "contrast";
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
