import { useHeldOrder } from "../../components/heldOrder";
import { VirtualGrid } from "../../components/VirtualGrid";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { Shown } from "../../ipc/types";
import type { Board } from "./commands";
import { GateRow } from "./GateRow";

const ROW_REM = 4;
const idOf = (session: Shown<PlayerSession>) => session.id;

interface GateListProps {
  title: string;
  empty: string;
  sessions: readonly Shown<PlayerSession>[];
  board: Board;
}

/** Bands in one state, in the order in which they need somebody. */
export function GateList({ title, empty, sessions, board }: GateListProps) {
  const shown = useHeldOrder(sessions, idOf);
  return (
    <section className="gate-list panel" data-empty={sessions.length === 0 || undefined}>
      <h2 className="heading">
        {title} <span className="quiet figure">{sessions.length}</span>
      </h2>
      {sessions.length === 0 ? (
        <p className="gate-nobody quiet">{empty}</p>
      ) : (
        <VirtualGrid label={title} items={shown} idOf={idOf} rowRem={ROW_REM}>
          {(session) => <GateRow session={session} board={board} />}
        </VirtualGrid>
      )}
    </section>
  );
}
