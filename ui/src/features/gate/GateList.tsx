import { useHeldOrder } from "../../components/heldOrder";
import { VirtualGrid } from "../../components/VirtualGrid";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { GateAnswer } from "./commands";
import { GateRow } from "./GateRow";

const ROW_REM = 4;
const idOf = (session: PlayerSession) => session.id;

interface GateListProps {
  title: string;
  empty: string;
  sessions: readonly PlayerSession[];
  onAnswer: (answer: GateAnswer) => void;
}

/** Bands in one state, in the order in which they need somebody. */
export function GateList({ title, empty, sessions, onAnswer }: GateListProps) {
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
          {(session) => <GateRow session={session} onAnswer={onAnswer} />}
        </VirtualGrid>
      )}
    </section>
  );
}
