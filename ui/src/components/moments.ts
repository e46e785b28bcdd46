import { useTranslation } from "react-i18next";
import { formatDay, formatTime } from "../lib/format";
import { useCustoms, useVenueNowWhen } from "./venueTime";

/** Writes when something was, for the middle of a sentence: "at 14:02", with its date where that is not today's. */
export function useMoments(): (at: string) => string {
  const { t } = useTranslation();
  const customs = useCustoms();
  const today = formatDay(
    useVenueNowWhen((now) => formatDay(now, customs)),
    customs,
  );
  return (at) => {
    const date = formatDay(at, customs);
    const time = formatTime(at, customs);
    return date === today ? t("moment.today", { time }) : t("moment.otherDay", { date, time });
  };
}
