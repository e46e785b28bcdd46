import { hashKey } from "@tanstack/react-query";
import type { Ipc } from "../client";
import type {
  AttentionEntry,
  Command,
  Freshness,
  QueryKey,
  QueryReply,
  Rejection,
  SyncStatus,
  ToldFate,
  UpdatesPush,
  VenueChoice,
} from "../types";
import { DEVICE, FakeOutbox, rejectionIn } from "./outbox";
import { readVenue } from "./readings";
import { run, settleClocks, type Venue } from "./venue";

/** What a test, or somebody at `npm run dev`, may do to the little venue. */
export interface FakeIpc extends Ipc {
  readonly venue: Venue;
  readonly calls: { name: string; argument: unknown }[];
  /** Open entries, newest first; `setLink({})` pushes what a test changed here. */
  readonly attention: AttentionEntry[];
  /** Keys that the page is subscribed to now. */
  subscribed(): QueryKey[];
  /** Sends `payload` to the page as it is. */
  emit(payload: unknown): void;
  /** Changes the venue behind the page's back and pushes what follows, as another desk would. */
  elsewhere(command: Command): void;
  /** Without a link commands wait; with it they are settled. */
  setLink(change: Partial<SyncStatus>): void;
  /** From now on commands are saved and not answered, until it is called with false. `awaiting`: they count only then. */
  holdAnswers(hold: boolean | "awaiting"): void;
  /** The server refuses the next command that it gets. */
  refuseNext(rejection: Rejection): void;
  /** Remembers a command that this desk sent before. */
  remember(fate: ToldFate): void;
  tick(): void;
}

/** The longest wait that counts as short. */
const SHORT_MS = 5_000;

/** The one code that this server takes. */
export const PAIRING_CODE = "ABCD-EFGH";

export interface FakeOptions {
  venue: Venue;
  now?: () => number;
  choice?: VenueChoice;
}

/** The core of a venue with one desk, in memory: it decides, it pushes, it forgets everything when it ends. */
export function createFakeIpc({ venue, now = Date.now, choice }: FakeOptions): FakeIpc {
  const listeners = new Set<(payload: unknown) => void>();
  const counts = new Map<string, { key: QueryKey; count: number }>();
  const outbox = new FakeOutbox(venue, now);
  const calls: FakeIpc["calls"] = [];
  let seq = 1;
  let pushId = 0;
  let hold: boolean | "awaiting" = false;
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
    drain: null,
    places: { held: 0, spent: 0 },
    differs: null,
    problem: null,
    notices: [],
    device: { id: DEVICE, name: null },
    metrics: {},
  };

  const freshness = (): Freshness => ({
    state: status.link === "live" ? "live" : "stale",
    asOfSeq: seq,
    lastSyncAt: status.lastSyncAt,
  });
  const statusNow = (): SyncStatus => {
    const unsettled = outbox.unsettled();
    const oldestPendingAt = status.oldestPendingAt ?? unsettled.at(-1)?.tappedAt ?? null;
    const pending = status.pending + unsettled.length;
    return { ...status, pending, oldestPendingAt, attention: outbox.attention.length };
  };
  const shown = <T extends { id: string }>(row: T) =>
    outbox.isPending(row.id) ? { ...row, pending: true } : row;
  const read = (key: QueryKey): unknown => {
    settleClocks(venue, now());
    if (key[0] === "syncStatus") return statusNow();
    if (key[0] === "attention") return outbox.attention;
    return key[0] === "commands" ? outbox.fates() : readVenue(venue, key, now(), shown);
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
  const nextSeq = () => {
    seq += 1;
    Object.assign(status, { cursor: seq, head: seq, lastSyncAt: new Date(now()).toISOString() });
    return seq;
  };
  const isUp = () => status.link === "live" || status.link === "catchingUp";
  const exchange = () => {
    if (isUp() && !hold) outbox.settle(nextSeq);
    pushAll();
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
  const known = (commandId: string) => {
    const fate = outbox.fate(commandId);
    if (fate) return fate;
    throw { code: "unknown_command", message: "This desk has no command with that id." };
  };

  return {
    venue,
    calls,
    attention: outbox.attention,
    emit,
    subscribed: () => [...counts.values()].map(({ key }) => key),
    elsewhere(command) {
      run(venue, command, now());
      nextSeq();
      pushAll();
    },
    setLink(change) {
      Object.assign(status, change);
      exchange();
    },
    holdAnswers(next) {
      hold = next;
      exchange();
    },
    refuseNext(rejection) {
      outbox.refusals.push(rejection);
    },
    remember: (fate) => outbox.remember(fate),
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
    async execute(command, commandId, force) {
      called("execute", { command, commandId, ...(force && { force }) });
      try {
        if (!outbox.fate(commandId)) outbox.take(command, commandId, !isUp(), force);
      } catch (thrown) {
        return { commandId, state: "rejected", rejection: rejectionIn(thrown) };
      }
      exchange();
      return { commandId, state: "pending", ...(hold === "awaiting" && { awaiting: true }) };
    },
    async settled(commandId, timeoutMs) {
      called("settled", commandId);
      if (known(commandId).settledAt === null) {
        // A short wait is over at once: a test has no patience.
        if (timeoutMs <= SHORT_MS) throw { code: "not_settled", message: "No answer in time." };
        await outbox.untilSettled(commandId);
      }
      return known(commandId);
    },
    async fate(commandId) {
      called("fate", commandId);
      return structuredClone(known(commandId));
    },
    async resolve(entryId, action, reason) {
      called("resolve", { entryId, action, reason });
      const at = outbox.attention.findIndex(({ id }) => id === entryId);
      const [entry] = at < 0 ? [] : outbox.attention.splice(at, 1);
      if (!entry) throw { code: "unknown_entry", message: "There is no entry with that id." };
      if (action === "redo" && entry.command) {
        outbox.take(entry.command, `${entryId}-again`, !isUp());
      }
      exchange();
      return { entry };
    },
    async pair(code, deviceName) {
      called("pair", { code, deviceName });
      if (code !== PAIRING_CODE) throw { code: "wrong_code", message: "This code does not count." };
      Object.assign(status, { link: "live", problem: null });
      pushAll();
      return { deviceId: DEVICE, role: "operator" };
    },
    status: async () => statusNow(),
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
