import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Notice } from "../components/Notice";
import { useCustoms } from "../components/venueTime";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { formatTime } from "../lib/format";

/**
 * Above every view while what it shows may be old: what happened, what is safe, what comes next. A desk without a link
 * tries again every few seconds, and is offline all the while; what passes in a moment takes no room. So nothing jumps
 * away under a finger.
 */
export function StaleBanner() {
  const { t } = useTranslation();
  const customs = useCustoms();
  const status = useVenueQuery(["syncStatus"]).data;
  const [wasLost, setLost] = useState(false);
  const lost = status?.link === "offline" || (status?.link === "connecting" && wasLost);
  if (lost !== wasLost) setLost(lost);
  if (!status || status.link === "live") return null;
  if (!lost) {
    return (
      <div className="stale-passing">
        <Notice meaning="syncing">{t(`stale.${status.link}`)}</Notice>
      </div>
    );
  }
  const asOf = status.lastSyncAt ?? status.offlineSince;
  return (
    <Notice meaning="stale">
      {asOf ? t("stale.offline", { time: formatTime(asOf, customs) }) : t("stale.offlineUnknown")}
    </Notice>
  );
}
