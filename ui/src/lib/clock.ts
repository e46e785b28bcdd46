/** What the running clock of a session is computed from; times are ISO 8601. */
export interface Timed {
  barcodeId: string;
  status: "waiting" | "playing" | "paused" | "ended";
  totalAllowedSeconds: number;
  remainingSeconds: number;
  expiresAt: string | null;
  createdAt: string;
  pausedAt: string | null;
}

export type TimeLevel = "plenty" | "low" | "last" | "over";

export interface Clock {
  /** Credit left, rounded down; 0 when it is over. */
  remainingSeconds: number;
  /** How long it has been over, rounded down; 0 while there is credit. */
  overSeconds: number;
}

/** Reads the clock of `session` at venue time `nowMs`. Only playing makes time run. */
export function clockOf(session: Timed, nowMs: number): Clock {
  if (session.status !== "playing" || session.expiresAt === null) {
    return { remainingSeconds: Math.max(0, session.remainingSeconds), overSeconds: 0 };
  }
  const leftMs = expiresAtMs(session) - nowMs;
  return leftMs > 0
    ? { remainingSeconds: Math.floor(leftMs / 1000), overSeconds: 0 }
    : { remainingSeconds: 0, overSeconds: Math.floor(-leftMs / 1000) };
}

/** A thousand clocks are read each second; the text of each is read once. What the core sent never changes. */
const expiries = new WeakMap<Timed, number>();

function expiresAtMs(session: Timed): number {
  const known = expiries.get(session);
  if (known !== undefined) return known;
  const expiry = session.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(session.expiresAt);
  expiries.set(session, expiry);
  return expiry;
}

/** The colour law of the venue: more than the first limit, more than the second, down to 0, and past it. */
export function levelOf(session: Timed, nowMs: number, lowTimeSeconds: readonly number[]): TimeLevel {
  if (isOverdue(session, nowMs)) return "over";
  const [low = 300, last = 60] = lowTimeSeconds;
  const { remainingSeconds } = clockOf(session, nowMs);
  if (remainingSeconds > low) return "plenty";
  return remainingSeconds > last ? "low" : "last";
}

/** Playing with no credit left: it keeps its place until somebody acts. */
export function isOverdue(session: Timed, nowMs: number): boolean {
  return session.status === "playing" && expiresAtMs(session) <= nowMs;
}

/** The part of the credit that is left, 0 to 1. */
export function shareLeft(session: Timed, nowMs: number): number {
  if (session.totalAllowedSeconds <= 0) return 0;
  return Math.min(1, clockOf(session, nowMs).remainingSeconds / session.totalAllowedSeconds);
}

const RANK = { playing: 0, paused: 1, waiting: 2, ended: 3 } as const;

/** Who needs somebody first: soonest to run out (overdue before all), then paused, then waiting. Does not depend on now. */
export function byUrgency(a: Timed, b: Timed): number {
  return (
    RANK[a.status] - RANK[b.status] || compare(orderKey(a), orderKey(b)) || compare(a.barcodeId, b.barcodeId)
  );
}

/** ISO times and codes compare as they are written; a thousand of them in a fraction of what a locale takes. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function orderKey(session: Timed): string {
  if (session.status === "playing") return session.expiresAt ?? "";
  if (session.status === "paused") return session.pausedAt ?? session.createdAt;
  return session.createdAt;
}
