import { useTranslation } from "react-i18next";
import { useCustoms, useVenueNow } from "../../components/venueTime";
import { WhenReady } from "../../components/WhenReady";
import type { DashboardStats } from "../../ipc/bindings/DashboardStats";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { formatDate, formatMinor, formatNumber } from "../../lib/format";
import { majorToMinor } from "../../lib/money";
import { DayCharts } from "./DayCharts";
import { Performance } from "./Performance";
import "./dashboard.css";

/** How today goes, for somebody who looks twice a day. */
export function DashboardPage() {
  const { t } = useTranslation();
  const stats = useVenueQuery(["dashboardStats"]);
  const metrics = useVenueQuery(["performanceMetrics"]);
  const series = useVenueQuery(["daySeries"]);
  return (
    <div className="page dashboard">
      <DayTitle dayStart={series.data?.dayStart} />
      <WhenReady of={stats}>
        {(data) => (
          <Today
            stats={data}
            completed={metrics.data?.totalCompletedSessions}
            peak={metrics.data?.peakOccupancy}
          />
        )}
      </WhenReady>
      <WhenReady of={series}>
        {(data) => <DayCharts series={data} topProducts={stats.data?.topProducts ?? []} />}
      </WhenReady>
      <section className="panel dashboard-panel">
        <h2 className="heading">{t("dashboard.performance")}</h2>
        <WhenReady of={metrics}>{(data) => <Performance metrics={data} />}</WhenReady>
      </section>
    </div>
  );
}

/** The operational day, which is yesterday's date after midnight. */
function DayTitle({ dayStart }: { dayStart: string | undefined }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const now = useVenueNow();
  return <h1 className="heading">{t("dashboard.today", { date: formatDate(dayStart ?? now, customs) })}</h1>;
}

interface TodayProps {
  stats: DashboardStats;
  completed: number | undefined;
  peak: number | undefined;
}

function Today({ stats, completed, peak }: TodayProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const revenue = majorToMinor(stats.todayRevenue, customs.decimals);
  const number = (value: number | undefined) => (value === undefined ? "–" : formatNumber(value, customs));
  const figures = [
    { name: t("dashboard.revenue"), value: formatMinor(revenue, customs), note: null },
    { name: t("dashboard.lines"), value: number(stats.totalTransactions), note: null },
    {
      name: t("dashboard.inside"),
      value: number(stats.currentOccupancy),
      note: `${t("dashboard.insideDetail", { peak: number(peak) })} · ${t("dashboard.waiting", { count: stats.waitingCount })}`,
    },
    { name: t("dashboard.completed"), value: number(completed), note: null },
  ];
  return (
    <dl className="today">
      {figures.map(({ name, value, note }) => (
        <div key={name} className="panel">
          <dt className="label">{name}</dt>
          <dd className="today-figure figure">{value}</dd>
          {note && <dd className="label">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
