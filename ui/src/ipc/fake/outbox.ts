import type { AttentionEntry, Command, Force, Rejection, ToldFate } from "../types";
import { Refused, run, type Venue } from "./venue";

/** The little venue's desk, and another one. */
export const DEVICE = "0190f5fe-7a11-7000-8000-0000000000d1";

interface Told {
  fate: ToldFate;
  /** The rows as they were before it, for when the server says no. */
  before: Venue;
  rows: Set<string>;
  result: unknown;
}

/** The commands of this desk: on top of the venue from the tap on, settled when the server says so. */
export class FakeOutbox {
  readonly attention: AttentionEntry[] = [];
  /** What the server says to the next commands that it gets. */
  readonly refusals: Rejection[] = [];
  readonly #told = new Map<string, Told>();
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #venue: Venue;
  readonly #now: () => number;

  constructor(venue: Venue, now: () => number) {
    this.#venue = venue;
    this.#now = now;
  }

  /** Newest first. */
  fates(): ToldFate[] {
    return [...this.#told.values()].map(({ fate }) => fate).reverse();
  }

  fate(commandId: string): ToldFate | undefined {
    return this.#told.get(commandId)?.fate;
  }

  unsettled(): ToldFate[] {
    return this.fates().filter(({ state }) => state === "pending" || state === "sent");
  }

  /** Takes a command; throws this desk's own no and keeps nothing then. */
  take(command: Command, commandId: string, offline: boolean, force?: Force): void {
    const before = structuredClone(this.#venue);
    const result = structuredClone(run(this.#venue, command, this.#now(), force));
    const at = new Date(this.#now()).toISOString();
    const fate: ToldFate = {
      commandId,
      command,
      state: offline ? "pending" : "sent",
      tappedAt: at,
      storedAt: at,
      sentAt: offline ? null : at,
      settledAt: null,
      seqs: null,
      rejection: null,
      result: null,
      offline,
      seenBy: null,
    };
    this.#told.set(commandId, { fate, before, rows: rowsOf(result), result });
  }

  /** Remembers a command of before as it ended. */
  remember(fate: ToldFate): void {
    const told = { fate, before: this.#venue, rows: new Set<string>(), result: fate.result };
    this.#told.set(fate.commandId, told);
  }

  /** The server's word on everything that waits, oldest first. */
  settle(nextSeq: () => number): void {
    const open = [...this.#told.values()].filter(({ fate }) => fate.settledAt === null);
    for (const told of open) {
      const at = new Date(this.#now()).toISOString();
      const rejection = this.refusals.shift();
      Object.assign(told.fate, { sentAt: told.fate.sentAt ?? at, settledAt: at });
      if (rejection) this.#reject(told, rejection);
      else Object.assign(told.fate, { state: "settled", seqs: [nextSeq()], result: told.result, seenBy: 4 });
      for (const wake of this.#waiting.get(told.fate.commandId) ?? []) wake();
      this.#waiting.delete(told.fate.commandId);
    }
  }

  /** Whether a command that is not settled yet is on top of the row. */
  isPending(id: string): boolean {
    return [...this.#told.values()].some(({ fate, rows }) => fate.settledAt === null && rows.has(id));
  }

  /** Resolves when the command is settled. */
  untilSettled(commandId: string): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.set(commandId, [...(this.#waiting.get(commandId) ?? []), wake]);
    });
  }

  #reject({ fate, before }: Told, rejection: Rejection): void {
    Object.assign(this.#venue, before);
    Object.assign(fate, { state: "rejected", rejection });
    const { commandId, command, tappedAt, settledAt } = fate;
    const raisedAt = settledAt ?? tappedAt;
    const choices: AttentionEntry["choices"] = ["redo", "dismiss"];
    this.attention.unshift(
      anEntry({ commandId, command, occurredAt: tappedAt, raisedAt, rejection, choices }),
    );
  }
}

let lastEntry = 0;

/** An entry that says what `known` says, and nothing else. */
export function anEntry(known: Partial<AttentionEntry> = {}): AttentionEntry {
  lastEntry += 1;
  return {
    id: `attention-${lastEntry}`,
    kind: "rejected",
    commandId: null,
    command: null,
    deviceId: DEVICE,
    staffId: null,
    occurredAt: null,
    effectiveAt: null,
    raisedAt: new Date().toISOString(),
    rejection: null,
    flags: [],
    money: null,
    seconds: null,
    message: null,
    code: null,
    params: null,
    choices: ["dismiss"],
    ...known,
  };
}

/** Ids of the rows that a result names. */
function rowsOf(result: unknown): Set<string> {
  const {
    id,
    playerSession,
    playerSessionId,
    transactions = [],
  } = result as {
    id?: string;
    playerSession?: { id: string };
    playerSessionId?: string;
    transactions?: { id: string }[];
  };
  const named = [id, playerSession?.id, playerSessionId, ...transactions.map((line) => line.id)];
  return new Set(named.filter((one) => one !== undefined));
}

/** Throws `thrown` on unless it is a no of the venue. */
export function rejectionIn(thrown: unknown): Rejection {
  if (thrown instanceof Refused) return thrown.rejection;
  throw thrown;
}
