import { CheckCheck, CloudOff, CloudUpload, LoaderCircle, type LucideIcon, RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useCustoms, useVenueNowWhen } from "../components/venueTime";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { type Light, lightOf, lightWords } from "../lib/light";

const ICONS: Record<Light, LucideIcon> = {
  agreed: CheckCheck,
  unsent: CloudUpload,
  checking: RefreshCw,
  catchingUp: RefreshCw,
  connecting: LoaderCircle,
  offline: CloudOff,
};

/** How far what this desk shows is what the venue knows, in words; a press tells more. */
export function SyncLight() {
  const { t } = useTranslation();
  const customs = useCustoms();
  const status = useVenueQuery(["syncStatus"]).data;
  const light = lightOf(
    status,
    useVenueNowWhen((now) => lightOf(status, now)),
  );
  const Icon = ICONS[light];
  return (
    <p
      className="sync-light"
      role="status"
      data-testid="sync-light"
      data-link={status?.link ?? "connecting"}
      data-in-sync={light === "agreed"}
      data-light={light}
    >
      <Link to="/sync" title={t("nav.sync")}>
        <Icon aria-hidden />
        {lightWords(t, light, status, customs)}
      </Link>
    </p>
  );
}
