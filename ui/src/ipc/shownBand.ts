import type { PlayerSession } from "./bindings/PlayerSession";
import type { TransactionWithRelations } from "./bindings/TransactionWithRelations";
import type { Ipc } from "./client";
import type { Shown } from "./types";

interface ShownBand {
  session: Shown<PlayerSession> | null;
  lines: Shown<TransactionWithRelations>[];
}

/** A band as this desk shows it now, with what was tapped here and is not sent yet; empty where that can't be read. */
export async function shownBand(ipc: Ipc, band: string): Promise<ShownBand> {
  try {
    const [session, lines] = await Promise.all([
      ipc.query(["playerSession", band]),
      ipc.query(["checkinHistory", band]),
    ]);
    return { session: session.data as ShownBand["session"], lines: (lines.data ?? []) as ShownBand["lines"] };
  } catch {
    return { session: null, lines: [] };
  }
}
