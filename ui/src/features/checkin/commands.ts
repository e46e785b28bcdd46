import { useState } from "react";
import type { Transaction } from "../../ipc/bindings/Transaction";
import { sessionIn, transactionsIn } from "../../ipc/results";
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
  | { kind: "done"; sale: Sale; remainingSeconds: number | null; lines: Transaction[] }
  | { kind: "saved"; sale: Sale }
  | { kind: "refused"; sale: Sale; rejection: Rejection }
  | { kind: "undone"; sale: Sale }
  | { kind: "undoFailed"; sale: Sale; rejection: Rejection };

export interface Desk {
  answer: Answer | null;
  charging: boolean;
  undoing: boolean;
  charge(band: string, priced: Priced): Promise<Answer | null>;
  undo(sale: Sale, lines: readonly Transaction[]): Promise<void>;
  dismiss(): void;
}

/** Charging, and taking it back. The receipt and the band change by pushes only. */
export function useDesk(): Desk {
  const selling = useIntent();
  const refunding = useIntent();
  const [answer, setAnswer] = useState<Answer | null>(null);

  return {
    answer,
    charging: selling.busy,
    undoing: refunding.busy,
    dismiss: () => setAnswer(null),
    async charge(band, { lines, totalMinor, seconds }) {
      const sale = { band, totalMinor, seconds };
      const products = lines.map(({ productId: id, quantity }) => ({ id, quantity }));
      const late = (outcome: Outcome) => setAnswer(answerTo(sale, outcome));
      const outcome = await selling.send({ type: "session.checkin", barcodeId: band, products }, late);
      if (!outcome) return null;
      const next = answerTo(sale, outcome);
      setAnswer(next);
      return next;
    },
    async undo(sale, lines) {
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
        setAnswer({ kind: "undoFailed", sale, rejection: outcome.rejection });
        return;
      }
      setAnswer({ kind: "undone", sale });
    },
  };
}

function answerTo(sale: Sale, outcome: Outcome): Answer {
  if (outcome.kind === "refused") return { kind: "refused", sale, rejection: outcome.rejection };
  if (outcome.kind === "saved") return { kind: "saved", sale };
  const remainingSeconds = sessionIn(outcome.result)?.remainingSeconds ?? null;
  return { kind: "done", sale, remainingSeconds, lines: transactionsIn(outcome.result) };
}
