import type { DashboardStats } from "./bindings/DashboardStats";
import type { DaySeries } from "./bindings/DaySeries";
import type { PerformanceMetrics } from "./bindings/PerformanceMetrics";
import type { PlayerSession } from "./bindings/PlayerSession";
import type { Product } from "./bindings/Product";
import type { SystemSettings } from "./bindings/SystemSettings";
import type { TransactionWithRelations } from "./bindings/TransactionWithRelations";

/** What each query key holds. A second part of the key narrows it to one band or session. */
export interface QueryShapes {
  dashboardStats: DashboardStats;
  performanceMetrics: PerformanceMetrics;
  activeSessions: PlayerSession[];
  playerSession: PlayerSession | null;
  checkinHistory: TransactionWithRelations[];
  products: Product[];
  systemSettings: SystemSettings;
  transactions: TransactionWithRelations[];
  queueDisplay: unknown;
  cart: unknown;
  attention: unknown;
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
  pending: number;
  attention: number;
  clockOffsetMs: number;
  stateHash: string | null;
  inSync: boolean;
  lastSyncAt: string | null;
  offlineSince: string | null;
  metrics: Record<string, unknown>;
}

export type Command = { type: string } & Record<string, unknown>;

export interface Rejection {
  code: string;
  message: string;
  details?: Record<string, unknown> | null;
}

export interface Accepted {
  commandId: string;
  state: "pending" | "rejected";
  rejection?: Rejection | null;
}

export interface Settlement {
  commandId: string;
  state: "pending" | "sent" | "settled" | "rejected";
  rejection?: Rejection | null;
  seqs?: number[] | null;
  result?: unknown;
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
