import { useTranslation } from "react-i18next";
import type { DashboardStats } from "../../ipc/bindings/DashboardStats";
import type { PerformanceMetrics } from "../../ipc/bindings/PerformanceMetrics";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import { roughDuration } from "../../lib/duration";
import { useChipCounts } from "./chipCounts";

interface FigureStripProps {
  sessions: readonly PlayerSession[] | undefined;
  stats: DashboardStats | undefined;
  metrics: PerformanceMetrics | undefined;
}

const UNKNOWN = "–";
const NOBODY: readonly PlayerSession[] = [];

/** The key figures of this moment; a dash where this desk does not know one yet. */
export function FigureStrip({ sessions, stats, metrics }: FigureStripProps) {
  const { t } = useTranslation();
  const { counts: known } = useChipCounts(sessions ?? NOBODY);
  const counts = sessions && known;
  const overdue = counts?.overdue ?? 0;
  return (
    <dl className="figure-strip panel">
      <Figure name={t("monitor.inside")} note={stats && t("monitor.insideOf", { max: stats.maxOccupancy })}>
        {stats?.currentOccupancy ?? UNKNOWN}
      </Figure>
      <Figure name={t("monitor.waiting")}>{counts?.waiting ?? UNKNOWN}</Figure>
      <Figure name={t("monitor.paused")}>{counts?.paused ?? UNKNOWN}</Figure>
      <Figure name={t("monitor.overdue")} alarm={overdue > 0}>
        {counts?.overdue ?? UNKNOWN}
      </Figure>
      <Figure name={t("monitor.averageWait")}>
        {metrics ? roughDuration(metrics.averageWaitTime) : UNKNOWN}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  name: string;
  note?: string | undefined;
  alarm?: boolean;
  children: React.ReactNode;
}

function Figure({ name, note, alarm, children }: FigureProps) {
  return (
    <div data-alarm={alarm || undefined}>
      <dt className="label">{name}</dt>
      <dd className="figure">
        {children} {note && <span className="label">{note}</span>}
      </dd>
    </div>
  );
}
