import { useTranslation } from "react-i18next";
import { useMoments } from "../../components/moments";
import { Notice } from "../../components/Notice";
import { Progress } from "../../components/Progress";
import { RawView } from "../../components/RawView";
import { useCustoms, useVenueNowWhen } from "../../components/venueTime";
import type { SyncStatus } from "../../ipc/types";
import { roughDuration } from "../../lib/duration";
import { formatNumber } from "../../lib/format";
import { deskLabel } from "../../lib/i18n/deskName";
import { type Said, saidSentence } from "../../lib/i18n/said";
import { lightOf, lightWords } from "../../lib/light";
import { needsPairing, PairDesk } from "./PairDesk";

/** A clock that is off by less is right. */
const CLOCK_OFF_MS = 2_000;
const OF_THIS_DISK = new Set(["cache_file", "outbox_file", "commands_not_saved"]);

/** How the link stands, in words, and the few figures behind it. */
export function HowItStands({ status }: { status: SyncStatus }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const light = lightOf(
    status,
    useVenueNowWhen((now) => lightOf(status, now)),
  );
  return (
    <section className="sync-state panel" data-light={light} data-testid="sync-state">
      <h2 className="sync-words">{lightWords(t, light, status, customs)}</h2>
      <p>{t(`link.${light}`)}</p>
      {status.problem && <Why problem={status.problem} />}
      <Facts status={status} />
    </section>
  );
}

/** What stands in the way, in words; what the machine says is one tap further. */
function Why({ problem }: { problem: Said }) {
  const { t } = useTranslation();
  const words = saidSentence(t, "problem", problem);
  if (OF_THIS_DISK.has(problem.code)) return <Notice meaning="stop">{words}</Notice>;
  return (
    <div>
      <p>{words}</p>
      <RawView of={problem} />
      {needsPairing(problem.code) && <PairDesk />}
    </div>
  );
}

function Facts({ status }: { status: SyncStatus }) {
  const { t } = useTranslation();
  const when = useMoments();
  const { lastSyncAt, places, device } = status;
  return (
    <dl className="sync-facts">
      <Fact name={t("link.waiting")}>
        <Waiting status={status} />
      </Fact>
      <Fact name={t("link.heard")}>{lastSyncAt ? sentence(when(lastSyncAt)) : t("link.never")}</Fact>
      <Fact name={t("link.clock")}>{useClockWords(status.clockOffsetMs)}</Fact>
      {places && places.held + places.spent > 0 && (
        <Fact name={t("link.places")}>
          {t("link.placesLeft", { left: Math.max(0, places.held - places.spent), spent: places.spent })}
        </Fact>
      )}
      {device && (
        <Fact name={t("link.desk")}>
          {device.name ?? t("link.deskLabel", { name: deskLabel(device.id) })}
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="figure">{children}</dd>
    </div>
  );
}

/** While a backlog is sent, how far it is; else what waits and since when. */
function Waiting({ status: { pending, oldestPendingAt, drain } }: { status: SyncStatus }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const when = useMoments();
  if (drain) {
    const { total, left } = drain;
    const words = t("link.draining", {
      sent: formatNumber(total - left, customs),
      total: formatNumber(total, customs),
    });
    return <Progress words={words} value={total - left} max={total} />;
  }
  if (pending === 0) return t("link.nothing");
  const count = formatNumber(pending, customs);
  return oldestPendingAt ? t("link.waitingSince", { count, when: when(oldestPendingAt) }) : count;
}

function useClockWords(offsetMs: number): string {
  const { t } = useTranslation();
  const off = Math.abs(offsetMs);
  if (off <= CLOCK_OFF_MS) return t("link.clockRight");
  const time = roughDuration(off / 1_000);
  return t(offsetMs > 0 ? "link.clockBehind" : "link.clockAhead", { time });
}

/** The middle of a sentence as one of its own. */
function sentence(words: string): string {
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}
