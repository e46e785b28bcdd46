import { memo, useCallback, useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { BandField } from "../../components/BandField";
import { sound } from "../../components/sound";
import { WhenReady } from "../../components/WhenReady";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { byUrgency } from "../../lib/clock";
import { type GateAnswer, unreadable, useGateScans } from "./commands";
import { GateList } from "./GateList";
import { LastScan } from "./LastScan";
import "./gate.css";

/** Above the answer to the last scan, below who may come in and who is in. */
export function GatePage() {
  const { t } = useTranslation();
  const sessions = useVenueQuery(["activeSessions"]);
  const stats = useVenueQuery(["dashboardStats"]).data;
  const [answer, setAnswer] = useState<GateAnswer | null>(null);
  const show = useCallback((next: GateAnswer) => {
    setAnswer(next);
    if (next.outcome === "go" || next.outcome === "stop" || next.outcome === "out") sound(next.outcome);
  }, []);
  const scan = useGateScans(show);

  return (
    <div className="page gate">
      <h1 className="visually-hidden">{t("gate.title")}</h1>
      <section className="gate-top">
        <LastScan answer={answer} />
        <div className="gate-side panel">
          {stats && <FreePlaces free={Math.max(0, stats.maxOccupancy - stats.currentOccupancy)} />}
          <BandField
            hint={t("gate.bandHint")}
            verb={t("gate.board")}
            testId="gate-input"
            onBand={scan}
            onUnreadable={() => show(unreadable())}
          />
        </div>
      </section>
      <WhenReady of={sessions}>{(data) => <Lists sessions={data} onAnswer={show} />}</WhenReady>
    </div>
  );
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
  onAnswer: (answer: GateAnswer) => void;
}

/** The three lists. A burst of changes is drawn behind what a hand or a scanner does meanwhile. */
function Lists({ sessions, onAnswer }: ListsProps) {
  return <DeferredLists sessions={useDeferredValue(sessions)} onAnswer={onAnswer} />;
}

const DeferredLists = memo(function DeferredLists({ sessions, onAnswer }: ListsProps) {
  const { t } = useTranslation();
  const { waiting, paused, playing } = useMemo(() => byStatus(sessions), [sessions]);
  return (
    <div className="gate-lists">
      <div className="gate-column">
        <GateList
          title={t("gate.waiting")}
          empty={t("gate.nobodyWaiting")}
          sessions={waiting}
          onAnswer={onAnswer}
        />
        <GateList
          title={t("gate.paused")}
          empty={t("gate.nobodyPaused")}
          sessions={paused}
          onAnswer={onAnswer}
        />
      </div>
      <div className="gate-column">
        <GateList
          title={t("gate.inFlight")}
          empty={t("gate.nobodyInFlight")}
          sessions={playing}
          onAnswer={onAnswer}
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
