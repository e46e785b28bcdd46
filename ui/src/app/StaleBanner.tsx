import { useTranslation } from "react-i18next";
import { Notice } from "../components/Notice";
import { useCustoms } from "../components/venueTime";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { formatTime } from "../lib/format";

/** Above every view while what it shows may be old: what happened, what is safe, what comes next. */
export function StaleBanner() {
  const { t } = useTranslation();
  const customs = useCustoms();
  const status = useVenueQuery(["syncStatus"]).data;
  if (!status || status.link === "live") return null;
  if (status.link !== "offline") {
    return <Notice meaning="syncing">{t(`stale.${status.link}`)}</Notice>;
  }
  const asOf = status.lastSyncAt ?? status.offlineSince;
  return (
    <Notice meaning="stale">
      {asOf ? t("stale.offline", { time: formatTime(asOf, customs) }) : t("stale.offlineUnknown")}
    </Notice>
  );
}
