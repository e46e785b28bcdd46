import { useCallback, useRef, useState } from "react";
import { asRefusal, type Ipc } from "./client";
import { newCommandId } from "./commandId";
import { useIpc } from "./IpcContext";
import type { Accepted, Command, Rejection, Settlement } from "./types";

/** How long a person waits for the venue's word before the desk says that it is still on its way. */
const PATIENCE_MS = 5_000;
/** How long, and how often, a late answer is waited for after that. */
const LATE_MS = 60_000;
const LATE_TRIES = 30;

export type Outcome =
  | { kind: "done"; commandId: string; result: unknown }
  | { kind: "saved"; commandId: string }
  | { kind: "refused"; rejection: Rejection };

export interface Intent {
  busy: boolean;
  /** Sends `command`, or nothing (null) while the one before is underway. `onLate` hears what becomes of a `saved` one. */
  send(command: Command, onLate?: (outcome: Outcome) => void): Promise<Outcome | null>;
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
    async (command, onLate) => {
      if (underway.current) return null;
      underway.current = true;
      setBusy(true);
      const fingerprint = JSON.stringify(command);
      const again = unheard.current?.fingerprint === fingerprint;
      const commandId = again && unheard.current ? unheard.current.commandId : newCommandId();
      unheard.current = { fingerprint, commandId };
      try {
        const accepted = await ipc.execute(command, commandId);
        unheard.current = null;
        return await fateOf(ipc, accepted, onLate);
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
export async function tell(ipc: Ipc, command: Command): Promise<Outcome> {
  try {
    return await fateOf(ipc, await ipc.execute(command, newCommandId()));
  } catch (thrown) {
    return { kind: "refused", rejection: asRefusal(thrown) };
  }
}

/** From here on the command is on disk: whatever fails now, it has been saved. */
async function fateOf(ipc: Ipc, accepted: Accepted, onLate?: (outcome: Outcome) => void): Promise<Outcome> {
  if (accepted.state === "rejected") return refused(accepted.rejection);
  const { commandId } = accepted;
  const outcome = await ipc
    .settled(commandId, PATIENCE_MS)
    .then(outcomeOf, (): Outcome => ({ kind: "saved", commandId }));
  if (outcome.kind === "saved" && onLate) void waitLonger(ipc, commandId, onLate);
  return outcome;
}

async function waitLonger(ipc: Ipc, commandId: string, onLate: (outcome: Outcome) => void): Promise<void> {
  for (let tried = 0; tried < LATE_TRIES; tried += 1) {
    const outcome = await ipc.settled(commandId, LATE_MS).then(outcomeOf, () => null);
    if (outcome === null) return;
    if (outcome.kind !== "saved") {
      onLate(outcome);
      return;
    }
  }
}

function outcomeOf(settlement: Settlement): Outcome {
  if (settlement.state === "rejected") return refused(settlement.rejection);
  if (settlement.state === "settled") {
    return { kind: "done", commandId: settlement.commandId, result: settlement.result };
  }
  return { kind: "saved", commandId: settlement.commandId };
}

function refused(rejection: Rejection | null | undefined): Outcome {
  return { kind: "refused", rejection: rejection ?? { code: "unexpected", message: "" } };
}
