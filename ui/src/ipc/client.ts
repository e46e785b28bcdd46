import type {
  Accepted,
  AppInfo,
  AttentionAction,
  AttentionEntry,
  Command,
  Fate,
  Force,
  PairedAs,
  QueryKey,
  QueryReply,
  Settlement,
  SyncStatus,
  VenueChoice,
  VenueWish,
} from "./types";

/**
 * The console core as the page sees it. Everything the page knows of the venue comes through here;
 * there is one implementation for the shell and one in memory for tests and for `npm run dev`.
 *
 * Every promise that fails rejects with a [`Refusal`].
 */
export interface Ipc {
  query(key: QueryKey): Promise<QueryReply>;
  subscribe(keys: QueryKey[]): Promise<void>;
  unsubscribe(keys: QueryKey[]): Promise<void>;
  /** Calls `listener` with each push as it came, unchecked. The answer stops it. */
  onUpdates(listener: (payload: unknown) => void): Promise<() => void>;
  painted(pushId: number): Promise<void>;
  /** Resolves when the command is durable on this desk's disk, or refused by this desk. */
  execute(command: Command, commandId: string, force?: Force): Promise<Accepted>;
  /** Resolves when the command is settled or rejected, or when `timeoutMs` are over. */
  settled(commandId: string, timeoutMs: number): Promise<Settlement>;
  /** The way of one command of this desk, and how many desks have seen it. */
  fate(commandId: string): Promise<Fate>;
  /** Does with an entry under Needs attention what a person chose. */
  resolve(entryId: string, action: AttentionAction, reason?: string): Promise<{ entry: AttentionEntry }>;
  /** Gets this desk's token for a code that a manager shows. */
  pair(code: string, deviceName?: string): Promise<PairedAs>;
  status(): Promise<SyncStatus>;
  venueChoice(): Promise<VenueChoice>;
  chooseVenue(choice: VenueWish): Promise<VenueChoice>;
  appInfo(): Promise<AppInfo>;
}

/** Why the core would not do something: a code for the page, a sentence for people. */
export interface Refusal {
  code: string;
  message: string;
}

/** Reads whatever was thrown as a refusal, so that a page always has a sentence to show. */
export function asRefusal(thrown: unknown): Refusal {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    return { code: String(thrown.code), message: String(thrown.message) };
  }
  return { code: "unexpected", message: thrown instanceof Error ? thrown.message : String(thrown) };
}
