import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Blank } from "../../components/Blank";
import { Notice } from "../../components/Notice";
import { WhenReady } from "../../components/WhenReady";
import type { AttentionAction, AttentionEntry } from "../../ipc/types";
import { useNames } from "../../ipc/useNames";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { Letter } from "./Letter";
import "./attention.css";

/** Whoever settles them does so one by one; the rest waits behind. */
const SHOWN_MAX = 50;

const SAID: Record<AttentionAction, string> = {
  redo: "attention.redone",
  correct: "attention.corrected",
  dismiss: "attention.dismissed",
};

/** What a person must look at, as letters, newest first. */
export function AttentionPage() {
  const { t } = useTranslation();
  const entries = useVenueQuery(["attention"]);
  const [said, setSaid] = useState<{ sentence: string } | null>(null);
  const title = useRef<HTMLHeadingElement>(null);
  // The letter that had the focus is about to leave.
  useEffect(() => {
    if (said) title.current?.focus();
  }, [said]);
  return (
    <div className="page attention">
      <header className="attention-head">
        <h1 ref={title} tabIndex={-1} className="heading">
          {t("attention.title")}
        </h1>
        {entries.data && entries.data.length > 0 && <p className="quiet">{t("attention.help")}</p>}
      </header>
      {said && <Notice meaning="done">{said.sentence}</Notice>}
      <WhenReady of={entries}>
        {(data) => <Letters entries={data} onSettled={(action) => setSaid({ sentence: t(SAID[action]) })} />}
      </WhenReady>
    </div>
  );
}

interface LettersProps {
  entries: readonly AttentionEntry[];
  onSettled: (action: AttentionAction) => void;
}

function Letters({ entries, onSettled }: LettersProps) {
  const { t } = useTranslation();
  const names = useNames();
  const deviceId = useVenueQuery(["syncStatus"]).data?.device?.id ?? null;
  const more = entries.length - SHOWN_MAX;
  if (entries.length === 0) {
    return <Blank title={t("attention.empty")} help={t("attention.emptyHelp")} />;
  }
  return (
    <>
      <ul className="letters">
        {entries.slice(0, SHOWN_MAX).map((entry) => (
          <li key={entry.id}>
            <Letter entry={entry} names={names} deviceId={deviceId} onSettled={onSettled} />
          </li>
        ))}
      </ul>
      {more > 0 && <p className="quiet">{t("attention.more", { count: more })}</p>}
    </>
  );
}
