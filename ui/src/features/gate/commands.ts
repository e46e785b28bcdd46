import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { Ipc } from "../../ipc/client";
import { useIpc } from "../../ipc/IpcContext";
import { sessionIn } from "../../ipc/results";
import { shownBand } from "../../ipc/shownBand";
import type { Force, QueryReply, Rejection } from "../../ipc/types";
import { type Outcome, type Sending, tell, useIntent } from "../../ipc/useIntent";
import { type HeardScan, isEcho, type Verb, verbForScan } from "./scans";

/** One thing that was asked at the gate. */
export interface Tap {
  verb: Verb;
  band: string;
  force?: Force;
}

/** The gate's one loud answer. */
export type GateAnswer = { band: string; at: number; tap: Tap | null } & (
  | {
      outcome: "go" | "out";
      remainingSeconds: number | null;
      ended: boolean;
      /** Where it is so far, if the server does not have it yet. */
      saved: "offline" | "silent" | null;
    }
  /** `override`: a person may let the band in all the same. */
  | { outcome: "stop"; rejection: Rejection; override: boolean }
  | { outcome: "checking" }
  /** Only the server can say GO. `long`: it has not answered when it should have. */
  | { outcome: "asking"; long: boolean }
);

/** What a person may overrule, with a reason. */
const OVERRULED: ReadonlySet<string> = new Set(["venue_full"]);

/** The answer to a scan that can be no code: it must not pass as silence. */
export function unreadable(): GateAnswer {
  const rejection = { code: "invalid_barcode", message: "", details: {} };
  return { outcome: "stop", band: "", at: Date.now(), tap: null, rejection, override: false };
}

/** Where the answers are shown, one at a time. */
export interface Board {
  show(answer: GateAnswer): void;
  /** Whether what stands there is about `tap`. */
  isAbout(tap: Tap): boolean;
}

async function answerTo(ipc: Ipc, tap: Tap, outcome: Outcome): Promise<GateAnswer> {
  const { verb, band, force } = tap;
  const about = { band, at: Date.now(), tap };
  if (outcome.kind === "refused") {
    const { rejection } = outcome;
    const override = verb === "session.play" && !force && OVERRULED.has(rejection.code);
    return { ...about, outcome: "stop", rejection, override };
  }
  if (outcome.kind === "saved" && outcome.awaiting) return { ...about, outcome: "asking", long: true };
  const isDone = outcome.kind === "done";
  const session = isDone ? sessionIn(outcome.result) : (await shownBand(ipc, band)).session;
  return {
    ...about,
    outcome: verb === "session.play" ? "go" : "out",
    remainingSeconds: session?.remainingSeconds ?? null,
    ended: verb === "session.end" || session?.status === "ended",
    saved: isDone ? null : outcome.offline ? "offline" : "silent",
  };
}

/** Sends a tap and shows what is known of it: at once, while only the server can say, and when it has said it. */
async function follow(
  ipc: Ipc,
  board: Board,
  tap: Tap,
  send: (sending: Sending) => Promise<Outcome | null>,
): Promise<void> {
  const { band, force } = tap;
  const outcome = await send({
    ...(force && { force }),
    onAsking: () => board.show({ outcome: "asking", band, at: Date.now(), tap, long: false }),
    isWanted: () => board.isAbout(tap),
    onLate: (late) => void answerTo(ipc, tap, late).then(board.show),
  });
  if (outcome) board.show(await answerTo(ipc, tap, outcome));
}

/** Scans, one after the other: none is lost while the one before is underway, and none counts twice. */
export function useGateScans(board: Board) {
  const ipc = useIpc();
  const queries = useQueryClient();
  const queue = useRef<Promise<void>>(Promise.resolve());
  const last = useRef<HeardScan | null>(null);

  const enqueue = useCallback(
    (band: string, make: () => Tap) => {
      queue.current = queue.current.then(async () => {
        const tap = make();
        board.show({ outcome: "checking", band, at: Date.now(), tap });
        await follow(ipc, board, tap, (sending) => tell(ipc, { type: tap.verb, barcodeId: band }, sending));
      });
    },
    [ipc, board],
  );
  const scan = useCallback(
    (band: string) => {
      const heard = { barcodeId: band, atMs: performance.now() };
      if (isEcho(last.current, heard)) return;
      last.current = heard;
      enqueue(band, () => {
        const sessions = queries.getQueryData<QueryReply<PlayerSession[]>>(["activeSessions"])?.data ?? [];
        return { verb: verbForScan(sessions, band), band };
      });
    },
    [queries, enqueue],
  );
  /** Lets a band in although the rules say no. */
  const letIn = useCallback(
    (band: string, reason: string) =>
      enqueue(band, () => ({ verb: "session.play", band, force: { reason } })),
    [enqueue],
  );
  return { scan, letIn };
}

/** The buttons of one row: one thing underway at a time. */
export function useRowActions(band: string, board: Board) {
  const ipc = useIpc();
  const { busy, send } = useIntent();
  const [verb, setVerb] = useState<Verb | null>(null);
  const act = async (wanted: Verb) => {
    setVerb(wanted);
    const tap = { verb: wanted, band };
    await follow(ipc, board, tap, (sending) => send({ type: wanted, barcodeId: band }, sending));
  };
  return { act, underway: busy ? verb : null };
}
