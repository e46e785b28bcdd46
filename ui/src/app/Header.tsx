import type { TFunction } from "i18next";
import { Users } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useCustoms, useVenueNow } from "../components/venueTime";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { formatTime } from "../lib/format";
import { SyncLight } from "./SyncLight";
import "./header.css";

/** Whose venue this is, how full it is, how fresh what you see is, and what time it is there. */
export function Header() {
  const { t } = useTranslation();
  const siteName = useVenueQuery(["systemSettings"]).data?.siteName;
  return (
    <header className="header">
      <p className="header-name">{siteName || t("frame.unnamed")}</p>
      <Occupancy />
      <SyncLight />
      <VenueClock />
    </header>
  );
}

function Occupancy() {
  const { t } = useTranslation();
  const stats = useVenueQuery(["dashboardStats"]).data;
  return (
    <p className="header-occupancy figure" data-testid="occupancy">
      <Users aria-hidden />
      {stats ? occupancyWords(t, stats.currentOccupancy, stats.maxOccupancy) : t("frame.occupancyUnknown")}
    </p>
  );
}

function occupancyWords(t: TFunction, inside: number, max: number): string {
  if (inside > max) return t("frame.over", { inside, max, over: inside - max });
  return inside === max
    ? t("frame.full", { inside, max })
    : t("frame.occupancy", { inside, max, free: max - inside });
}

function VenueClock() {
  const { t } = useTranslation();
  const now = useVenueNow();
  const time = formatTime(now, useCustoms());
  return (
    <p className="header-clock figure">
      <span className="visually-hidden">{t("frame.venueTime")} </span>
      <time>{time}</time>
    </p>
  );
}
