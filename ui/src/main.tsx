import "@fontsource-variable/inter";
import "./theme/tokens.css";
import "./theme/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { Outside } from "./app/Outside";
import { applyTheme, storedTheme } from "./app/theme";
import type { Ipc } from "./ipc/client";
import { createTauriIpc, insideShell } from "./ipc/tauri";
import { createI18n } from "./lib/i18n/setup";

/** The core, or null in a browser: only a development build has a venue of its own there. */
async function findCore(): Promise<Ipc | null> {
  if (insideShell()) return createTauriIpc();
  if (import.meta.env.DEV || import.meta.env.VITE_FAKE_IPC === "1") {
    const { createBrowserIpc } = await import("./ipc/fake/forBrowser");
    return createBrowserIpc(window.location.search);
  }
  return null;
}

async function open(): Promise<void> {
  const place = document.getElementById("root");
  if (!place) return;
  applyTheme(storedTheme());
  const i18n = createI18n();
  const ipc = await findCore();
  createRoot(place).render(
    <StrictMode>{ipc ? <App ipc={ipc} i18n={i18n} /> : <Outside i18n={i18n} />}</StrictMode>,
  );
}

void open();
