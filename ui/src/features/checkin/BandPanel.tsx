import { ScanBarcode } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Code } from "../../components/Code";
import { PendingMark } from "../../components/PendingMark";
import { StatusWord, statusText } from "../../components/StatusWord";
import { TimeBar } from "../../components/TimeBar";
import { useClock } from "../../components/useClock";
import { WhenReady } from "../../components/WhenReady";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { TransactionWithRelations } from "../../ipc/bindings/TransactionWithRelations";
import type { Shown } from "../../ipc/types";
import type { VenueQuery } from "../../ipc/useVenueQuery";
import { BandHistory } from "./BandHistory";

interface BandPanelProps {
  band: string | null;
  session: VenueQuery<Shown<PlayerSession> | null>;
  history: VenueQuery<Shown<TransactionWithRelations>[]>;
}

/** Who stands at the desk: the band, how it stands, what it bought before. */
export function BandPanel({ band, session, history }: BandPanelProps) {
  if (band === null) return <NoBand />;
  return (
    <section className="band-panel panel">
      <Announced band={band} session={session} />
      <WhenReady of={session}>
        {(data) => (data ? <Visit session={data} /> : <NewVisit band={band} />)}
      </WhenReady>
      <WhenReady of={history}>{(lines) => <BandHistory lines={lines} />}</WhenReady>
    </section>
  );
}

/** What a screen reader says when a band is loaded or changes its state; the running clock stays silent. */
function Announced({ band, session }: Pick<BandPanelProps, "session"> & { band: string }) {
  const { t } = useTranslation();
  const status = session.data ? t(statusText(session.data.status, "still")) : t("checkin.newVisit");
  return (
    <p role="status" className="visually-hidden">
      {session.state === "ready" && `${band}, ${status}`}
    </p>
  );
}

function NoBand() {
  const { t } = useTranslation();
  return (
    <section className="band-panel band-nobody panel">
      <ScanBarcode aria-hidden />
      <div>
        <p className="band-code">{t("checkin.scanBand")}</p>
        <p className="quiet">{t("checkin.scanBandHelp")}</p>
      </div>
    </section>
  );
}

function NewVisit({ band }: { band: string }) {
  const { t } = useTranslation();
  return (
    <div className="band-top">
      <div className="band-who">
        <h2 className="band-code">
          <Code>{band}</Code>
        </h2>
        <p className="label">{t("checkin.newVisit")}</p>
      </div>
      <p className="quiet">{t("checkin.newVisitHelp")}</p>
    </div>
  );
}

function Visit({ session }: { session: Shown<PlayerSession> }) {
  const { t } = useTranslation();
  const clock = useClock(session);
  return (
    <div data-level={clock.level}>
      <div className="band-top">
        <div className="band-who">
          <h2 className="band-code">
            <Code>{session.barcodeId}</Code>
          </h2>
          <span className="band-how">
            <StatusWord status={session.status} level={clock.level} />
            <PendingMark of={session} />
          </span>
        </div>
        <p className="band-clock figure">
          {clock.face} {clock.level !== "over" && <span className="label">{t("checkin.left")}</span>}
        </p>
      </div>
      <TimeBar share={clock.share} level={clock.level} />
    </div>
  );
}
