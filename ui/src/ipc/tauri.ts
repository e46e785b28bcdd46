import { invoke, isTauri } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Ipc } from "./client";

/** True when the page runs inside the shell. */
export const insideShell = isTauri;

/** The core behind the shell's commands and its one push event. */
export function createTauriIpc(): Ipc {
  return {
    query: (key) => invoke("query", { key }),
    subscribe: (keys) => invoke("subscribe", { keys }),
    unsubscribe: (keys) => invoke("unsubscribe", { keys }),
    onUpdates: (listener) => listen("updates", (event) => listener(event.payload)),
    painted: (pushId) => invoke("painted", { pushId }),
    execute: (command, commandId, force) =>
      invoke("execute", { command, commandId, ...(force && { force }) }),
    settled: (commandId, timeoutMs) => invoke("settled", { commandId, timeoutMs }),
    fate: (commandId) => invoke("fate", { commandId }),
    resolve: (entryId, action, reason) => invoke("resolve", { entryId, action, ...(reason && { reason }) }),
    pair: (code, deviceName) => invoke("pair", { code, ...(deviceName && { deviceName }) }),
    status: () => invoke("status"),
    venueChoice: () => invoke("venue_choice"),
    chooseVenue: (choice) => invoke("choose_venue", { choice }),
    appInfo: () => invoke("app_info"),
  };
}
