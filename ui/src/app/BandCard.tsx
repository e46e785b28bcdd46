import { ScanBarcode } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate, useSearchParams } from "react-router";
import { Action } from "../components/Action";
import { PendingMark } from "../components/PendingMark";
import { Sheet } from "../components/Sheet";
import { StatusWord } from "../components/StatusWord";
import { TimeBar } from "../components/TimeBar";
import { useClock } from "../components/useClock";
import { useCustoms } from "../components/venueTime";
import { WhenReady } from "../components/WhenReady";
import type { PlayerSession } from "../ipc/bindings/PlayerSession";
import type { Shown } from "../ipc/types";
import { useVenueQuery } from "../ipc/useVenueQuery";
import { roughDuration } from "../lib/duration";
import { formatTime } from "../lib/format";
import "./bandCard.css";

/** The card of the band that the address names (`?card=B-104`), over whichever view is open. */
export function BandCard() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const code = search.get("card");
  const close = () => setSearch((before) => without(before, "card"), { replace: true });
  return (
    <Sheet title={t("band.title", { code: code ?? "" })} open={code !== null} onClose={close}>
      {code !== null && <CardBody code={code} />}
      <Action
        look="main"
        size="large"
        icon={ScanBarcode}
        onPress={() => void navigate(`/checkin?band=${encodeURIComponent(code ?? "")}`)}
      >
        {t("band.sell")}
      </Action>
    </Sheet>
  );
}

function without(search: URLSearchParams, name: string): URLSearchParams {
  const next = new URLSearchParams(search);
  next.delete(name);
  return next;
}

function CardBody({ code }: { code: string }) {
  const { t } = useTranslation();
  const session = useVenueQuery(["playerSession", code]);
  return (
    <WhenReady of={session}>
      {(data) => (data ? <CardFigures session={data} /> : <p className="quiet">{t("band.none")}</p>)}
    </WhenReady>
  );
}

function CardFigures({ session }: { session: Shown<PlayerSession> }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const clock = useClock(session);
  const facts = [
    [t("band.bought"), roughDuration(session.totalAllowedSeconds)],
    [t("band.played"), roughDuration(session.totalAllowedSeconds - clock.remainingSeconds)],
  ] as const;
  return (
    <div className="card-figures" data-level={clock.level}>
      <p className="card-how">
        <StatusWord status={session.status} level={clock.level} />
        <PendingMark of={session} />
      </p>
      <p className="card-clock figure">{clock.face}</p>
      <TimeBar share={clock.share} level={clock.level} />
      <dl className="card-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt className="label">{name}</dt>
            <dd className="figure">{value}</dd>
          </div>
        ))}
      </dl>
      <p className="quiet">{t("band.since", { time: formatTime(session.createdAt, customs) })}</p>
    </div>
  );
}
