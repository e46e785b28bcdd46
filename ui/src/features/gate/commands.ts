import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import { useIpc } from "../../ipc/IpcContext";
import { sessionIn } from "../../ipc/results";
import type { QueryReply, Rejection } from "../../ipc/types";
import { type Outcome, tell, useIntent } from "../../ipc/useIntent";
import { type HeardScan, isEcho, type Verb, verbForScan } from "./scans";

/** The gate's one loud answer. */
export type GateAnswer =
  | { outcome: "go" | "out"; band: string; at: number; remainingSeconds: number | null; ended: boolean }
  | { outcome: "stop"; band: string; at: number; rejection: Rejection }
  | { outcome: "checking" | "saved"; band: string; at: number };

/** The answer to a scan that can be no code: it must not pass as silence. */
export function unreadable(): GateAnswer {
  const rejection = { code: "invalid_barcode", message: "", details: {} };
  return { outcome: "stop", band: "", at: Date.now(), rejection };
}

function answerTo(verb: Verb, band: string, outcome: Outcome, at: number): GateAnswer {
  if (outcome.kind === "refused") return { outcome: "stop", band, at, rejection: outcome.rejection };
  if (outcome.kind === "saved") return { outcome: "saved", band, at };
  const session = sessionIn(outcome.result);
  return {
    outcome: verb === "session.play" ? "go" : "out",
    band,
    at,
    remainingSeconds: session?.remainingSeconds ?? null,
    ended: verb === "session.end" || session?.status === "ended",
  };
}

/** Scans, one after the other: none is lost while the one before is underway, and none counts twice. */
export function useGateScans(onAnswer: (answer: GateAnswer) => void): (band: string) => void {
  const ipc = useIpc();
  const queries = useQueryClient();
  const queue = useRef<Promise<void>>(Promise.resolve());
  const last = useRef<HeardScan | null>(null);
  return useCallback(
    (band) => {
      const scan = { barcodeId: band, atMs: performance.now() };
      if (isEcho(last.current, scan)) return;
      last.current = scan;
      queue.current = queue.current.then(async () => {
        onAnswer({ outcome: "checking", band, at: Date.now() });
        const sessions = queries.getQueryData<QueryReply<PlayerSession[]>>(["activeSessions"])?.data ?? [];
        const verb = verbForScan(sessions, band);
        onAnswer(answerTo(verb, band, await tell(ipc, { type: verb, barcodeId: band }), Date.now()));
      });
    },
    [ipc, queries, onAnswer],
  );
}

/** The buttons of one row: one thing underway at a time. */
export function useRowActions(band: string, onAnswer: (answer: GateAnswer) => void) {
  const { busy, send } = useIntent();
  const [verb, setVerb] = useState<Verb | null>(null);
  const act = async (wanted: Verb) => {
    setVerb(wanted);
    const outcome = await send({ type: wanted, barcodeId: band });
    if (outcome) onAnswer(answerTo(wanted, band, outcome, Date.now()));
  };
  return { act, underway: busy ? verb : null };
}
