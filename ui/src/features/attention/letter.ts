import type { TFunction } from "i18next";
import type { AttentionEntry } from "../../ipc/types";
import { spokenDuration } from "../../lib/duration";
import { type Customs, formatMinor } from "../../lib/format";
import { deskName } from "../../lib/i18n/deskName";
import { refusalSentence } from "../../lib/i18n/refusal";
import { saidSentence } from "../../lib/i18n/said";
import { type Names, told } from "../../lib/i18n/told";
import { majorToMinor } from "../../lib/money";

/** What a letter is written with. */
export interface Writing {
  t: TFunction;
  names: Names;
  customs: Customs;
  when: (at: string) => string;
  /** This desk; null while it does not know itself. */
  deviceId: string | null;
}

interface Letter {
  title: string;
  sentences: string[];
}

/** An entry as somebody would tell it: what was tapped, what the server said, what it means in money and time. */
export function letterOf(entry: AttentionEntry, writing: Writing): Letter {
  const { t, names, customs, when } = writing;
  const desk = deskName(t, entry.deviceId, writing.deviceId);
  if (entry.kind === "unreadable" || entry.kind === "clockStep") {
    const about = entry.code?.startsWith("server_clock") ? "serverClock" : entry.kind;
    const title = t(`attention.${about}`, { desk });
    return { title, sentences: noticed(entry, t, { desk, when: when(entry.occurredAt ?? entry.raisedAt) }) };
  }
  const title = entry.command ? told(t, entry.command, names, customs.locale) : t("told.other");
  const tapped = t("attention.tapped", { desk, when: when(entry.occurredAt ?? entry.raisedAt) });
  const said = entry.kind === "rejected" ? refusal(entry, writing) : flags(entry, writing);
  return { title, sentences: [[tapped, ...said].join(" "), meaning(entry, writing)] };
}

/** What a desk or the server noticed by itself; what the page has no words for stands there as it came. */
function noticed(entry: AttentionEntry, t: TFunction, place: { desk: string; when: string }): string[] {
  const { kind, code, params, message } = entry;
  const words = code && saidSentence(t, "remark", { code, params: { ...params, ...place }, message: "" });
  if (words) return [words];
  const help = t(`attention.${kind}Help`, place);
  return message ? [help, message] : [help];
}

function refusal({ rejection, raisedAt }: AttentionEntry, { t, when }: Writing): string[] {
  return rejection ? [refusalSentence(t, rejection, when(raisedAt))] : [];
}

function flags({ flags: raised, raisedAt, effectiveAt }: AttentionEntry, { t, when }: Writing): string[] {
  const told = raised.map((flag) =>
    t(`flag.${flag.flag}`, {
      ...flag,
      when: when(effectiveAt ?? raisedAt),
      defaultValue: t("flag.other", { flag: flag.flag }),
    }),
  );
  return [t("attention.took", { when: when(raisedAt) }), ...told];
}

function meaning({ kind, money, seconds }: AttentionEntry, { t, customs }: Writing): string {
  const minor = money === null ? 0 : majorToMinor(money, customs.decimals);
  const amount = formatMinor(Math.abs(minor), customs);
  const [more, less] =
    kind === "rejected"
      ? (["attention.taken", "attention.givenBack"] as const)
      : (["attention.paidMore", "attention.paidLess"] as const);
  const said = [minor === 0 ? t("attention.noMoney") : t(minor > 0 ? more : less, { amount })];
  if (kind === "rejected" && seconds !== null && seconds > 0) {
    said.push(t("attention.noTime", { time: spokenDuration(seconds) }));
  }
  return said.join(" ");
}
