import { hashKey } from "@tanstack/react-query";
import type { Ipc } from "../client";
import type {
  Command,
  Freshness,
  QueryKey,
  QueryReply,
  Settlement,
  SyncStatus,
  UpdatesPush,
  VenueChoice,
} from "../types";
import { dashboardStats, daySeries, performanceMetrics } from "./figures";
import { liveSession, Refused, run, settleClocks, type Venue } from "./venue";

/** What a test, or somebody at `npm run dev`, may do to the little venue. */
export interface FakeIpc extends Ipc {
  readonly venue: Venue;
  readonly calls: { name: string; argument: unknown }[];
  /** Keys that the page is subscribed to now. */
  subscribed(): QueryKey[];
  /** Sends `payload` to the page as it is. */
  emit(payload: unknown): void;
  /** Changes the venue behind the page's back and pushes what follows, as another desk would. */
  elsewhere(command: Command): void;
  setLink(change: Partial<SyncStatus>): void;
  /** From now on commands are saved and not answered, until it is called with false. */
  holdAnswers(hold: boolean): void;
  tick(): void;
}

export interface FakeOptions {
  venue: Venue;
  now?: () => number;
  choice?: VenueChoice;
}

/** The core of a venue with one desk, in memory: it decides, it pushes, it remembers nothing. */
export function createFakeIpc({ venue, now = Date.now, choice }: FakeOptions): FakeIpc {
  const listeners = new Set<(payload: unknown) => void>();
  const counts = new Map<string, { key: QueryKey; count: number }>();
  const settlements = new Map<string, Settlement>();
  const waiting = new Set<() => void>();
  const calls: FakeIpc["calls"] = [];
  let seq = 1;
  let pushId = 0;
  let hold = false;
  let chosen: VenueChoice = choice ?? { mode: "demo", server: null, venueName: venue.settings.siteName };
  const status: SyncStatus = {
    link: "live",
    epoch: "fake",
    cursor: seq,
    head: seq,
    pending: 0,
    attention: 0,
    clockOffsetMs: 0,
    stateHash: null,
    inSync: true,
    lastSyncAt: new Date(now()).toISOString(),
    offlineSince: null,
    metrics: {},
  };

  const freshness = (): Freshness => ({
    state: status.link === "live" ? "live" : "stale",
    asOfSeq: seq,
    lastSyncAt: status.lastSyncAt,
  });
  const read = ([name, id]: QueryKey): unknown => {
    settleClocks(venue, now());
    switch (name) {
      case "activeSessions":
        return venue.sessions.filter(
          (session) => session.status !== "ended" && session.totalAllowedSeconds > 0,
        );
      case "playerSession":
        return liveSession(venue, id ?? "") ?? venue.sessions.find((session) => session.id === id) ?? null;
      case "checkinHistory":
      case "transactions":
        return venue.transactions.filter((line) => id === undefined || line.playerSession.barcodeId === id);
      case "products":
        return venue.products.filter((product) => !product.isDeleted);
      case "systemSettings":
        return venue.settings;
      case "dashboardStats":
        return dashboardStats(venue);
      case "performanceMetrics":
        return performanceMetrics(venue);
      case "daySeries":
        return daySeries(venue, now());
      case "syncStatus":
        return status;
      default:
        return [];
    }
  };
  const reply = (key: QueryKey): QueryReply => ({ data: structuredClone(read(key)), freshness: freshness() });
  const emit = (payload: unknown) => {
    for (const listener of listeners) listener(payload);
  };
  const pushAll = () => {
    pushId += 1;
    const updates = [...counts.values()].map(({ key }) => ({ key, op: "set" as const, ...reply(key) }));
    const push: UpdatesPush = { push: "updates", seq, pushId, updates };
    if (updates.length > 0) emit(push);
  };
  const commit = (command: Command, commandId: string): Settlement => {
    try {
      const result = structuredClone(run(venue, command, now()));
      seq += 1;
      Object.assign(status, { cursor: seq, head: seq, lastSyncAt: new Date(now()).toISOString() });
      pushAll();
      return { commandId, state: "settled", seqs: [seq], result };
    } catch (thrown) {
      if (thrown instanceof Refused) return { commandId, state: "rejected", rejection: thrown.rejection };
      throw thrown;
    }
  };
  const count = (key: QueryKey, by: 1 | -1) => {
    const hash = hashKey(key);
    const next = (counts.get(hash)?.count ?? 0) + by;
    if (next > 0) counts.set(hash, { key, count: next });
    else counts.delete(hash);
  };
  const called = (name: string, argument: unknown) => {
    calls.push({ name, argument });
  };

  return {
    venue,
    calls,
    emit,
    subscribed: () => [...counts.values()].map(({ key }) => key),
    elsewhere(command) {
      commit(command, "elsewhere");
    },
    setLink(change) {
      Object.assign(status, change);
      pushAll();
    },
    holdAnswers(next) {
      hold = next;
      for (const answer of waiting) answer();
      waiting.clear();
    },
    tick() {
      if (settleClocks(venue, now())) pushAll();
    },
    async query(key) {
      called("query", key);
      return reply(key);
    },
    async subscribe(keys) {
      called("subscribe", keys);
      for (const key of keys) count(key, 1);
    },
    async unsubscribe(keys) {
      called("unsubscribe", keys);
      for (const key of keys) count(key, -1);
    },
    async onUpdates(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async painted(id) {
      called("painted", id);
    },
    async execute(command, commandId) {
      called("execute", { command, commandId });
      if (status.link !== "live") {
        throw { code: "offline", message: "No link to the server. Nothing was changed." };
      }
      const before = settlements.get(commandId);
      if (!before && hold) settlements.set(commandId, { commandId, state: "sent" });
      else if (!before) settlements.set(commandId, commit(command, commandId));
      if (hold) waiting.add(() => settlements.set(commandId, commit(command, commandId)));
      return { commandId, state: "pending" };
    },
    async settled(commandId) {
      called("settled", commandId);
      return settlements.get(commandId) ?? { commandId, state: "pending" };
    },
    status: async () => status,
    venueChoice: async () => chosen,
    async chooseVenue(wish) {
      called("chooseVenue", wish);
      if (wish.server?.includes("nowhere")) {
        throw { code: "no_server", message: `No Gangway server answers at ${wish.server}.` };
      }
      chosen = { mode: wish.mode, server: wish.server ?? null, venueName: wish.venueName ?? null };
      return chosen;
    },
    appInfo: async () => ({ version: "0.1.0", kind: "desk", dataDir: "(memory)" }),
  };
}
