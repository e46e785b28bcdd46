import { levelOf, type Timed } from "../../lib/clock";

export const CHIPS = ["all", "overdue", "low", "playing", "paused", "waiting"] as const;
export type Chip = (typeof CHIPS)[number];

export interface Moment {
  nowMs: number;
  lowTimeSeconds: readonly number[];
}

/** The chips that `session` stands under at this moment, besides `all`. */
function chipsOf(session: Timed, { nowMs, lowTimeSeconds }: Moment): Chip[] {
  if (session.status === "ended") return [];
  if (session.status !== "playing") return [session.status];
  const level = levelOf(session, nowMs, lowTimeSeconds);
  if (level === "over") return ["playing", "overdue"];
  return level === "plenty" ? ["playing"] : ["playing", "low"];
}

/** Whether `session` belongs under `chip` at this moment. */
export function belongs(session: Timed, chip: Chip, moment: Moment): boolean {
  return chip === "all" || chipsOf(session, moment).includes(chip);
}

export function countByChip(sessions: readonly Timed[], moment: Moment): Record<Chip, number> {
  const counts = { all: sessions.length, overdue: 0, low: 0, playing: 0, paused: 0, waiting: 0 };
  for (const session of sessions) {
    for (const chip of chipsOf(session, moment)) counts[chip] += 1;
  }
  return counts;
}

/** Finds a band by any part of its code, however it was typed. */
export function matches(session: Timed, search: string): boolean {
  return session.barcodeId.toLocaleUpperCase().includes(search.trim().toLocaleUpperCase());
}
