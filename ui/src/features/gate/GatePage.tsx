import { memo, useDeferredValue, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { BandField } from "../../components/BandField";
import { sound } from "../../components/sound";
import { WhenReady } from "../../components/WhenReady";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { byUrgency } from "../../lib/clock";
import { type Board, type GateAnswer, unreadable, useGateScans } from "./commands";
import { GateList } from "./GateList";
import { LastScan } from "./LastScan";
import "./gate.css";

/** Above the answer to the last scan, below who may come in and who is in. */
export function GatePage() {
  const { t } = useTranslation();
  const sessions = useVenueQuery(["activeSessions"]);
  const stats = useVenueQuery(["dashboardStats"]).data;
  const [answer, board] = useBoard();
  const { scan, letIn } = useGateScans(board);

  return (
    <div className="page gate">
      <h1 className="visually-hidden">{t("gate.title")}</h1>
      <section className="gate-top">
        <LastScan answer={answer} onOverride={letIn} />
        <div className="gate-side panel">
          {stats && <FreePlaces free={Math.max(0, stats.maxOccupancy - stats.currentOccupancy)} />}
          <BandField
            hint={t("gate.bandHint")}
            verb={t("gate.board")}
            testId="gate-input"
            onBand={scan}
            onUnreadable={() => board.show(unreadable())}
          />
        </div>
      </section>
      <WhenReady of={sessions}>{(data) => <Lists sessions={data} board={board} />}</WhenReady>
    </div>
  );
}

/** The last answer, with its sound. */
function useBoard(): readonly [GateAnswer | null, Board] {
  const [answer, setAnswer] = useState<GateAnswer | null>(null);
  const shown = useRef<GateAnswer | null>(null);
  const board = useMemo<Board>(
    () => ({
      show(next) {
        shown.current = next;
        setAnswer(next);
        if (next.outcome === "go" || next.outcome === "stop" || next.outcome === "out") sound(next.outcome);
      },
      isAbout: (tap) => shown.current?.tap === tap,
    }),
    [],
  );
  return [answer, board];
}

function FreePlaces({ free }: { free: number }) {
  const { t } = useTranslation();
  return (
    <p className="gate-free figure" data-full={free === 0 || undefined}>
      <strong>{free}</strong> {t("gate.free", { count: free })}
    </p>
  );
}

interface ListsProps {
  sessions: readonly PlayerSession[];
  board: Board;
}

/** The three lists. A burst of changes is drawn behind what a hand or a scanner does meanwhile. */
function Lists({ sessions, board }: ListsProps) {
  return <DeferredLists sessions={useDeferredValue(sessions)} board={board} />;
}

const DeferredLists = memo(function DeferredLists({ sessions, board }: ListsProps) {
  const { t } = useTranslation();
  const { waiting, paused, playing } = useMemo(() => byStatus(sessions), [sessions]);
  return (
    <div className="gate-lists">
      <div className="gate-column">
        <GateList
          title={t("gate.waiting")}
          empty={t("gate.nobodyWaiting")}
          sessions={waiting}
          board={board}
        />
        <GateList title={t("gate.paused")} empty={t("gate.nobodyPaused")} sessions={paused} board={board} />
      </div>
      <div className="gate-column">
        <GateList
          title={t("gate.inFlight")}
          empty={t("gate.nobodyInFlight")}
          sessions={playing}
          board={board}
        />
      </div>
    </div>
  );
});

function byStatus(sessions: readonly PlayerSession[]) {
  const sorted = [...sessions].sort(byUrgency);
  const those = (status: PlayerSession["status"]) => sorted.filter((session) => session.status === status);
  return { waiting: those("waiting"), paused: those("paused"), playing: those("playing") };
}
