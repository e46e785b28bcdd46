import type { Freshness, QueryKey, QueryName, QueryUpdate } from "./types";

const LISTS: ReadonlySet<QueryName> = new Set<QueryName>([
  "activeSessions",
  "attention",
  "checkinHistory",
  "commands",
  "products",
  "transactions",
]);
const NAMES: ReadonlySet<string> = new Set<QueryName>([
  "dashboardStats",
  "performanceMetrics",
  "activeSessions",
  "playerSession",
  "checkinHistory",
  "products",
  "systemSettings",
  "transactions",
  "queueDisplay",
  "cart",
  "attention",
  "commands",
  "syncStatus",
  "daySeries",
]);

/** A push after reading: what can be applied, and how many of its parts could not be understood. */
export interface ReadPush {
  /** Null until this desk has a first copy of the venue. */
  seq: number | null;
  pushId: number;
  updates: QueryUpdate[];
  malformed: number;
}

/** Reads a push from outside. `null` when it is none at all. Never throws. */
export function readPush(payload: unknown): ReadPush | null {
  if (!isRecord(payload) || payload.push !== "updates") return null;
  const { seq, pushId, updates } = payload;
  if (!(seq === null || isWhole(seq)) || !isWhole(pushId) || !Array.isArray(updates)) return null;
  const read: ReadPush = { seq, pushId, updates: [], malformed: 0 };
  for (const entry of updates) {
    const { update, wellFormed } = readUpdate(entry);
    if (update) read.updates.push(update);
    if (!wellFormed) read.malformed += 1;
  }
  return read;
}

/** A `set` whose data has the wrong shape still tells that its key changed: it becomes an `invalidate`. */
function readUpdate(entry: unknown): { update: QueryUpdate | null; wellFormed: boolean } {
  if (!isRecord(entry) || !isKey(entry.key)) return { update: null, wellFormed: false };
  const { key, op, data, freshness } = entry;
  if (op === "invalidate") return { update: { key, op }, wellFormed: true };
  if (op !== "set") return { update: null, wellFormed: false };
  if (!hasShapeOf(key[0], data)) return { update: { key, op: "invalidate" }, wellFormed: false };
  return { update: { key, op, data, freshness: readFreshness(freshness) }, wellFormed: true };
}

function hasShapeOf(name: QueryName, data: unknown): boolean {
  if (name === "playerSession") return data === null || isSession(data);
  if (name === "activeSessions") return Array.isArray(data) && data.every(isSession);
  if (LISTS.has(name)) return Array.isArray(data) && data.every(isRecord);
  if (name === "queueDisplay" || name === "cart") return data !== undefined;
  return isRecord(data);
}

function isSession(value: unknown): boolean {
  return isRecord(value) && typeof value.id === "string" && typeof value.barcodeId === "string";
}

function readFreshness(value: unknown): Freshness | undefined {
  if (!isRecord(value) || (value.state !== "live" && value.state !== "stale")) return undefined;
  return {
    state: value.state,
    asOfSeq: isWhole(value.asOfSeq) ? value.asOfSeq : null,
    lastSyncAt: typeof value.lastSyncAt === "string" ? value.lastSyncAt : null,
  };
}

function isKey(value: unknown): value is QueryKey {
  return (
    Array.isArray(value) && value.every((part) => typeof part === "string") && NAMES.has(String(value[0]))
  );
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
