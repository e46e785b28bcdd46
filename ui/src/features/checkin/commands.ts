import { useRef, useState } from "react";
import type { Transaction } from "../../ipc/bindings/Transaction";
import type { Ipc } from "../../ipc/client";
import { useIpc } from "../../ipc/IpcContext";
import { sessionIn, transactionsIn } from "../../ipc/results";
import { shownBand } from "../../ipc/shownBand";
import type { Rejection } from "../../ipc/types";
import { type Outcome, useIntent } from "../../ipc/useIntent";
import type { Priced } from "./cart";

/** A sale as it was charged. */
export interface Sale {
  band: string;
  totalMinor: number;
  seconds: number;
}

/** What the right side says after a charge. */
export type Answer =
  | { kind: "done"; sale: Sale; remainingSeconds: number | null; lines: readonly Transaction[] }
  | {
      kind: "saved";
      sale: Sale;
      remainingSeconds: number | null;
      lines: readonly Transaction[];
      offline: boolean;
    }
  | { kind: "refused"; sale: Sale; rejection: Rejection }
  | { kind: "undone"; sale: Sale }
  | { kind: "undoFailed"; sale: Sale; rejection: Rejection };

export interface Desk {
  answer: Answer | null;
  charging: boolean;
  undoing: boolean;
  /** `history` is what the band was sold before, so that the new lines can be told from it. */
  charge(band: string, priced: Priced, history: readonly Transaction[]): Promise<Answer | null>;
  undo(sale: Sale, lines: readonly Transaction[]): Promise<void>;
  dismiss(): void;
}

/** Charging, and taking it back. The receipt and the band change by pushes only. */
export function useDesk(): Desk {
  const ipc = useIpc();
  const selling = useIntent();
  const refunding = useIntent();
  const [answer, setAnswer] = useState<Answer | null>(null);
  /** The sale whose saved answer stands on the right: a late word about any other one is not for this screen. */
  const waiting = useRef<Sale | null>(null);
  const say = (next: Answer | null) => {
    waiting.current = next?.kind === "saved" ? next.sale : null;
    setAnswer(next);
  };

  return {
    answer,
    charging: selling.busy,
    undoing: refunding.busy,
    dismiss: () => say(null),
    async charge(band, { lines, totalMinor, seconds }, history) {
      const sale = { band, totalMinor, seconds };
      const products = lines.map(({ productId: id, quantity }) => ({ id, quantity }));
      const before = new Set(history.map(({ id }) => id));
      const outcome = await selling.send(
        { type: "session.checkin", barcodeId: band, products },
        {
          isWanted: () => waiting.current === sale,
          onLate: (late) => void answerTo(ipc, sale, late, before).then(say),
        },
      );
      if (!outcome) return null;
      const next = await answerTo(ipc, sale, outcome, before);
      say(next);
      return next;
    },
    async undo(sale, lines) {
      waiting.current = null;
      for (const { id } of lines) {
        const command = {
          type: "transaction.correct",
          transactionId: id,
          status: "refunded",
          reason: "undo",
        };
        const outcome = await refunding.send(command);
        if (!outcome) return;
        if (outcome.kind !== "refused" || outcome.rejection.code === "already_refunded") continue;
        say({ kind: "undoFailed", sale, rejection: outcome.rejection });
        return;
      }
      say({ kind: "undone", sale });
    },
  };
}

/** A sale that is only on this desk so far is read from what this desk shows: its lines are there and pending. */
async function answerTo(
  ipc: Ipc,
  sale: Sale,
  outcome: Outcome,
  before: ReadonlySet<string>,
): Promise<Answer> {
  if (outcome.kind === "refused") return { kind: "refused", sale, rejection: outcome.rejection };
  if (outcome.kind === "done") {
    const remainingSeconds = sessionIn(outcome.result)?.remainingSeconds ?? null;
    return { kind: "done", sale, remainingSeconds, lines: transactionsIn(outcome.result) };
  }
  const now = await shownBand(ipc, sale.band);
  const lines = now.lines.filter((line) => line.pending && !before.has(line.id));
  const remainingSeconds = now.session?.remainingSeconds ?? null;
  return { kind: "saved", sale, remainingSeconds, lines, offline: outcome.offline };
}
