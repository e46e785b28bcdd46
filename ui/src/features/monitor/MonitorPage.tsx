import { useTranslation } from "react-i18next";
import { WhenReady } from "../../components/WhenReady";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { FigureStrip } from "./FigureStrip";
import { Wall } from "./Wall";
import "./monitor.css";

/** Every live session at a glance, the most urgent first. */
export function MonitorPage() {
  const { t } = useTranslation();
  const sessions = useVenueQuery(["activeSessions"]);
  const stats = useVenueQuery(["dashboardStats"]);
  const metrics = useVenueQuery(["performanceMetrics"]);
  return (
    <div className="page monitor">
      <h1 className="visually-hidden">{t("monitor.title")}</h1>
      <FigureStrip sessions={sessions.data} stats={stats.data} metrics={metrics.data} />
      <WhenReady of={sessions}>{(data) => <Wall sessions={data} />}</WhenReady>
    </div>
  );
}
