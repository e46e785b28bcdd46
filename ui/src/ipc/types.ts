import type { Said } from "../lib/i18n/said";
import type { DashboardStats } from "./bindings/DashboardStats";
import type { DaySeries } from "./bindings/DaySeries";
import type { PerformanceMetrics } from "./bindings/PerformanceMetrics";
import type { PlayerSession } from "./bindings/PlayerSession";
import type { Product } from "./bindings/Product";
import type { SystemSettings } from "./bindings/SystemSettings";
import type { TransactionWithRelations } from "./bindings/TransactionWithRelations";

/** A row as this desk shows it: what the server confirmed, and `pending` where a command of this desk is still on top of it. */
export type Shown<T> = T & { pending?: true };

/** What each query key holds. A second part of the key narrows it to one band or session. */
export interface QueryShapes {
  dashboardStats: DashboardStats;
  performanceMetrics: PerformanceMetrics;
  activeSessions: Shown<PlayerSession>[];
  playerSession: Shown<PlayerSession> | null;
  checkinHistory: Shown<TransactionWithRelations>[];
  products: Shown<Product>[];
  systemSettings: Shown<SystemSettings>;
  transactions: Shown<TransactionWithRelations>[];
  queueDisplay: unknown;
  cart: unknown;
  /** Open entries of the whole venue, newest first. */
  attention: AttentionEntry[];
  /** The newest commands of this desk, newest first. */
  commands: ToldFate[];
  syncStatus: SyncStatus;
  daySeries: DaySeries;
}

export type QueryName = keyof QueryShapes;
export type QueryKey<N extends QueryName = QueryName> = readonly [N, ...string[]];

export interface Freshness {
  state: "live" | "stale";
  asOfSeq: number | null;
  lastSyncAt: string | null;
}

/** What the core answers to a query, and what the query cache keeps under its key. */
export interface QueryReply<T = unknown> {
  data: T | null;
  freshness: Freshness;
}

export type QueryUpdate =
  | { key: QueryKey; op: "set"; data: unknown; freshness?: Freshness }
  | { key: QueryKey; op: "invalidate" };

/** One message of the core to the page: at most one a frame, only for keys that were subscribed. */
export interface UpdatesPush {
  push: "updates";
  seq: number | null;
  pushId: number;
  updates: QueryUpdate[];
}

export interface SyncStatus {
  link: "live" | "catchingUp" | "connecting" | "offline";
  epoch: string | null;
  cursor: number | null;
  head: number | null;
  /** Commands of this desk that are not settled yet. */
  pending: number;
  oldestPendingAt?: string | null;
  /** Entries that a person must look at. */
  attention: number;
  /** While a backlog is sent: how many there were, and how many are left. */
  drain?: { total: number; left: number } | null;
  /** Places that this desk may fill without asking, and those of them that it has. */
  places?: { held: number; spent: number };
  clockOffsetMs: number;
  stateHash: string | null;
  inSync: boolean;
  lastSyncAt: string | null;
  offlineSince: string | null;
  /** What was last found to differ from the server's rows. */
  differs?: Difference | null;
  /** Why there is no link, the last fetch failed, or a file of this desk can't be written. */
  problem?: Said | null;
  /** What was done about files that could not be used. */
  notices?: Said[];
  device?: { id: string; name: string | null };
  metrics: Record<string, unknown>;
}

/** What the server knows this desk as. */
export interface PairedAs {
  deviceId: string;
  role: string;
}

export interface Difference {
  found: "stateHash" | "fileChanged" | "atStart";
  foundAt: string;
  repairedAt: string | null;
  rows: { collection: string; id: string; fields: string[]; kind: string }[];
}

export type Command = { type: string } & Record<string, unknown>;

export interface Rejection {
  code: string;
  message: string;
  details?: Record<string, unknown> | null;
}

/** What a person says for what the rules of the venue would not let through. */
export interface Force {
  reason: string;
}

export interface Accepted {
  commandId: string;
  /** `rejected`: this desk's own no; nothing was stored. */
  state: "pending" | "rejected";
  rejection?: Rejection | null;
  /** Only the server can say GO to this one. */
  awaiting?: boolean;
}

type CommandState = "pending" | "sent" | "settled" | "rejected";

export interface Settlement {
  commandId: string;
  state: CommandState;
  rejection?: Rejection | null;
  seqs?: number[] | null;
  result?: unknown;
}

/** The way of a command from the tap on. */
export interface Fate extends Settlement {
  tappedAt: string;
  storedAt: string;
  sentAt?: string | null;
  settledAt?: string | null;
  /** Tapped without a link. */
  offline?: boolean;
  /** How many desks have applied it; null where that is not known. */
  seenBy?: number | null;
}

export interface ToldFate extends Fate {
  command: Command;
}

export type AttentionAction = "redo" | "correct" | "dismiss";

/** Something that a person must look at, until it is resolved. */
export interface AttentionEntry {
  id: string;
  kind: "rejected" | "flagged" | "unreadable" | "clockStep";
  commandId: string | null;
  command: Command | null;
  deviceId: string | null;
  staffId: string | null;
  occurredAt: string | null;
  effectiveAt: string | null;
  raisedAt: string;
  rejection: Rejection | null;
  flags: ({ flag: string } & Record<string, unknown>)[];
  /** What the books lack or have too much, in major units. */
  money: number | null;
  seconds: number | null;
  /** In English, where a desk or the server noticed something; the same as a code below. */
  message: string | null;
  code?: string | null;
  params?: Record<string, unknown> | null;
  choices: AttentionAction[];
  pending?: true;
}

export interface VenueChoice {
  mode: "none" | "demo" | "host" | "connect";
  server: string | null;
  venueName: string | null;
}

export interface VenueWish {
  mode: "demo" | "host" | "connect";
  server?: string;
  venueName?: string;
}

export interface AppInfo {
  version: string;
  kind: "desk" | "kiosk" | "display";
  dataDir: string;
}
