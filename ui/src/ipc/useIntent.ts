import { useCallback, useRef, useState } from "react";
import { asRefusal, type Ipc } from "./client";
import { newCommandId } from "./commandId";
import { useIpc } from "./IpcContext";
import type { Accepted, Command, Force, Rejection, Settlement } from "./types";

/** How long a person waits for the venue's word before the desk says that it is still on its way. */
const PATIENCE_MS = 5_000;
/** How long, and how often, a late answer is waited for after that. */
const LATE_MS = 15_000;
const LATE_TRIES = 120;

export type Outcome =
  | { kind: "done"; commandId: string; result: unknown }
  /** On this desk's disk. `awaiting`: it counts only when the server says so. */
  | { kind: "saved"; commandId: string; offline: boolean; awaiting: boolean }
  | { kind: "refused"; rejection: Rejection };

export interface Sending {
  /** Why it is sent although the rules say no. */
  force?: Force;
  /** Only the server can answer, and it is being asked. */
  onAsking?: () => void;
  /** Hears what becomes of a `saved` one, while `isWanted` says that somebody still wants to know. */
  onLate?: (outcome: Outcome) => void;
  isWanted?: () => boolean;
}

export interface Intent {
  busy: boolean;
  /** Sends `command`, or nothing (null) while the one before is underway. */
  send(command: Command, sending?: Sending): Promise<Outcome | null>;
}

/**
 * One thing a person wants done, told once: it holds a single command id until its fate is known, so that
 * neither a double tap nor a second try can count twice. It never touches the query cache.
 */
export function useIntent(): Intent {
  const ipc = useIpc();
  const [busy, setBusy] = useState(false);
  const underway = useRef(false);
  const unheard = useRef<{ fingerprint: string; commandId: string } | null>(null);

  const send = useCallback<Intent["send"]>(
    async (command, sending = {}) => {
      if (underway.current) return null;
      underway.current = true;
      setBusy(true);
      const fingerprint = JSON.stringify([command, sending.force]);
      const again = unheard.current?.fingerprint === fingerprint;
      const commandId = again && unheard.current ? unheard.current.commandId : newCommandId();
      unheard.current = { fingerprint, commandId };
      try {
        const accepted = await ipc.execute(command, commandId, sending.force);
        unheard.current = null;
        return await fateOf(ipc, accepted, sending);
      } catch (thrown) {
        return { kind: "refused", rejection: asRefusal(thrown) };
      } finally {
        underway.current = false;
        setBusy(false);
      }
    },
    [ipc],
  );
  return { busy, send };
}

/** Tells the core one command on its own, for what can't be locked behind a button: a scan. */
export async function tell(ipc: Ipc, command: Command, sending: Sending = {}): Promise<Outcome> {
  try {
    return await fateOf(ipc, await ipc.execute(command, newCommandId(), sending.force), sending);
  } catch (thrown) {
    return { kind: "refused", rejection: asRefusal(thrown) };
  }
}

/** From here on the command is on disk: whatever fails now, it has been saved. */
async function fateOf(ipc: Ipc, accepted: Accepted, sending: Sending): Promise<Outcome> {
  if (accepted.state === "rejected") return refused(accepted.rejection);
  const { commandId, awaiting = false } = accepted;
  if (awaiting) sending.onAsking?.();
  const { offline, behind } = await howItStands(ipc);
  const saved: Outcome = { kind: "saved", commandId, offline, awaiting };
  const isQuick = awaiting || !(offline || behind);
  const word = isQuick ? await heard(ipc, commandId, PATIENCE_MS).catch(() => null) : null;
  if (word === null && sending.onLate) void waitLonger(ipc, commandId, sending);
  return word ?? saved;
}

/** Nobody waits for an answer that can't come, or that comes after thousands of others. */
async function howItStands(ipc: Ipc): Promise<{ offline: boolean; behind: boolean }> {
  return ipc.status().then(
    ({ link, drain }) => ({ offline: link === "offline" || link === "connecting", behind: !!drain }),
    () => ({ offline: false, behind: false }),
  );
}

async function waitLonger(ipc: Ipc, commandId: string, sending: Sending): Promise<void> {
  const { onLate, isWanted = () => true } = sending;
  for (let tried = 0; tried < LATE_TRIES; tried += 1) {
    try {
      const word = await heard(ipc, commandId, LATE_MS);
      if (word && isWanted()) onLate?.(word);
      if (word) return;
    } catch (thrown) {
      if (asRefusal(thrown).code !== "not_settled") return;
    }
    if (!isWanted()) return;
  }
}

/** The venue's word on a command, or null when there is none in time. */
async function heard(ipc: Ipc, commandId: string, timeoutMs: number): Promise<Outcome | null> {
  return outcomeOf(await ipc.settled(commandId, timeoutMs));
}

function outcomeOf(settlement: Settlement): Outcome | null {
  if (settlement.state === "rejected") return refused(settlement.rejection);
  if (settlement.state === "settled") {
    return { kind: "done", commandId: settlement.commandId, result: settlement.result };
  }
  return null;
}

function refused(rejection: Rejection | null | undefined): Outcome {
  return { kind: "refused", rejection: rejection ?? { code: "unexpected", message: "" } };
}
