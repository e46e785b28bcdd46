import { useTranslation } from "react-i18next";
import { useCustoms } from "../../components/venueTime";
import type { PerformanceMetrics } from "../../ipc/bindings/PerformanceMetrics";
import { roughDuration } from "../../lib/duration";
import { formatNumber, formatPercent } from "../../lib/format";

/** The day's averages, each with what it means. */
export function Performance({ metrics }: { metrics: PerformanceMetrics }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const rows = [
    ["averageWait", roughDuration(metrics.averageWaitTime)],
    ["averagePlay", roughDuration(metrics.averagePlayTime)],
    ["averageSession", roughDuration(metrics.averageSessionDuration)],
    ["occupancyRate", formatPercent(metrics.dailyOccupancyRate, customs)],
    ["totalPlay", roughDuration(metrics.totalPlayTimeConsumed)],
    ["peak", formatNumber(metrics.peakOccupancy, customs)],
  ] as const;
  return (
    <dl className="performance">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>
            {t(`dashboard.${name}`)} <span className="label">{t(`dashboard.${name}Help`)}</span>
          </dt>
          <dd className="figure">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
