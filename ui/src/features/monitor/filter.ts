import { isOverdue, levelOf, type Timed } from "../../lib/clock";

export const CHIPS = ["all", "overdue", "low", "playing", "paused", "waiting"] as const;
export type Chip = (typeof CHIPS)[number];

interface Moment {
  nowMs: number;
  lowTimeSeconds: readonly number[];
}

/** Whether `session` belongs under `chip` at this moment. */
export function belongs(session: Timed, chip: Chip, { nowMs, lowTimeSeconds }: Moment): boolean {
  switch (chip) {
    case "all":
      return true;
    case "overdue":
      return isOverdue(session, nowMs);
    case "low": {
      if (session.status !== "playing") return false;
      const level = levelOf(session, nowMs, lowTimeSeconds);
      return level === "low" || level === "last";
    }
    default:
      return session.status === chip;
  }
}

export function countByChip(sessions: readonly Timed[], moment: Moment): Record<Chip, number> {
  const counts: Record<Chip, number> = { all: 0, overdue: 0, low: 0, playing: 0, paused: 0, waiting: 0 };
  for (const session of sessions) {
    for (const chip of CHIPS) if (belongs(session, chip, moment)) counts[chip] += 1;
  }
  return counts;
}

/** Finds a band by any part of its code, however it was typed. */
export function matches(session: Timed, search: string): boolean {
  return session.barcodeId.toLocaleUpperCase().includes(search.trim().toLocaleUpperCase());
}
