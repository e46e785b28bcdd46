import { CheckCheck, CloudOff, LoaderCircle, type LucideIcon, RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useCustoms } from "../components/venueTime";
import type { SyncStatus } from "../ipc/types";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { formatTime } from "../lib/format";

type Light = "agreed" | "checking" | "catchingUp" | "connecting" | "offline";

const ICONS: Record<Light, LucideIcon> = {
  agreed: CheckCheck,
  checking: RefreshCw,
  catchingUp: RefreshCw,
  connecting: LoaderCircle,
  offline: CloudOff,
};

/** How far what this desk shows is what the venue knows. Without a word from the core it claims nothing. */
export function SyncLight() {
  const { t } = useTranslation();
  const customs = useCustoms();
  const status = useVenueQuery(["syncStatus"]).data;
  const light = lightOf(status);
  const Icon = ICONS[light];
  const since = light === "offline" ? status?.offlineSince : null;
  return (
    <p
      className="sync-light"
      role="status"
      data-testid="sync-light"
      data-link={status?.link ?? "connecting"}
      data-in-sync={light === "agreed"}
      data-light={light}
    >
      <Icon aria-hidden />
      {since ? t("sync.offlineSince", { time: formatTime(since, customs) }) : t(`sync.${light}`)}
    </p>
  );
}

function lightOf(status: SyncStatus | undefined): Light {
  if (!status) return "connecting";
  if (status.link !== "live") return status.link;
  return status.inSync ? "agreed" : "checking";
}
