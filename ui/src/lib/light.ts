import type { TFunction } from "i18next";
import { type Customs, formatNumber, formatTime } from "./format";

/** How far what this desk shows is what the venue knows. */
export type Light = "agreed" | "unsent" | "checking" | "catchingUp" | "connecting" | "offline";

/** What the light is read from. */
export interface Lit {
  link: "live" | "catchingUp" | "connecting" | "offline";
  inSync: boolean;
  pending: number;
  oldestPendingAt?: string | null;
  drain?: unknown;
  offlineSince: string | null;
}

/** With a link a command waits for less: what waits longer is worth a word. */
const AT_ONCE_MS = 5_000;

/** Reads the light. Without a word from the core it claims nothing; green is only what was found equal. */
export function lightOf(status: Lit | undefined, nowMs: number): Light {
  if (!status) return "connecting";
  if (status.link !== "live") return status.link;
  if (isBehind(status, nowMs)) return "unsent";
  return status.inSync ? "agreed" : "checking";
}

function isBehind({ pending, oldestPendingAt, drain }: Lit, nowMs: number): boolean {
  if (drain) return true;
  return pending > 0 && !!oldestPendingAt && nowMs - Date.parse(oldestPendingAt) > AT_ONCE_MS;
}

/** The light in words: how the link stands, and what is still to send. */
export function lightWords(t: TFunction, light: Light, status: Lit | undefined, customs: Customs): string {
  const since = light === "offline" ? status?.offlineSince : null;
  const link = since ? t("sync.offlineSince", { time: formatTime(since, customs) }) : t(`sync.${light}`);
  const isTold = light !== "agreed" && light !== "checking" && status && status.pending > 0;
  return isTold ? `${link}, ${t("sync.notSent", { number: formatNumber(status.pending, customs) })}` : link;
}
