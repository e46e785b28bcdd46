import { memo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Code } from "../../components/Code";
import { PendingMark } from "../../components/PendingMark";
import { StatusWord, statusText } from "../../components/StatusWord";
import { TimeBar } from "../../components/TimeBar";
import { useClock } from "../../components/useClock";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { Shown } from "../../ipc/types";

/** One band on the wall; a press opens its card. Drawn anew only when it changed. */
export const MonitorTile = memo(function MonitorTile({ session }: { session: Shown<PlayerSession> }) {
  const { t } = useTranslation();
  const clock = useClock(session);
  const word = t(statusText(session.status, clock.level));
  const status = session.pending ? `${word}, ${t("state.pending")}` : word;
  return (
    <Link
      to={`?card=${encodeURIComponent(session.barcodeId)}`}
      className="monitor-tile"
      data-testid="monitor-tile"
      data-barcode={session.barcodeId}
      data-status={session.status}
      data-level={clock.level}
      aria-label={t("monitor.open", { code: session.barcodeId, status, time: clock.face })}
    >
      <span className="monitor-who">
        <Code>{session.barcodeId}</Code>
        <PendingMark of={session} />
      </span>
      <span className="monitor-clock figure">{clock.face}</span>
      <StatusWord status={session.status} level={clock.level} />
      <TimeBar share={clock.share} level={clock.level} />
    </Link>
  );
});
