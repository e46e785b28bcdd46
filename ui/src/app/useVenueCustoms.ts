import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { VenueCustoms } from "../components/venueTime";
import { useVenueQuery } from "../ipc/useVenueQuery";

/** How the venue writes and times things, from its settings and this desk's offset to its clock. */
export function useVenueCustoms(): VenueCustoms {
  const { i18n } = useTranslation();
  const settings = useVenueQuery(["systemSettings"]).data;
  const clockOffsetMs = useVenueQuery(["syncStatus"]).data?.clockOffsetMs ?? 0;
  const locale = i18n.language;
  return useMemo(
    () => ({
      locale,
      currency: settings?.currency ?? "EUR",
      decimals: settings?.currencyDecimals ?? 2,
      timeZone: settings?.timezone ?? "UTC",
      lowTimeSeconds: settings?.lowTimeSeconds ?? [300, 60],
      clockOffsetMs,
    }),
    [locale, settings, clockOffsetMs],
  );
}
