import type { PlayerSession } from "./bindings/PlayerSession";
import type { Transaction } from "./bindings/Transaction";

/** The band as the venue saw it when it settled the command; null when the answer does not hold it. */
export function sessionIn(result: unknown): PlayerSession | null {
  const candidate = part(result, "playerSession") ?? result;
  return part(candidate, "barcodeId") === undefined ? null : (candidate as PlayerSession);
}

/** The lines that a sale became. */
export function transactionsIn(result: unknown): Transaction[] {
  const lines = part(result, "transactions");
  return Array.isArray(lines) ? (lines as Transaction[]) : [];
}

function part(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
