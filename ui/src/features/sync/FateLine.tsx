import type { TFunction } from "i18next";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { RawView } from "../../components/RawView";
import { useCustoms } from "../../components/venueTime";
import { useIpc } from "../../ipc/IpcContext";
import type { Fate, ToldFate } from "../../ipc/types";
import { type Customs, formatSecond } from "../../lib/format";

/** The way of a command from the tap to the desks that have seen it, to the second. */
export function FateLine({ told }: { told: ToldFate }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const fate = useFate(told);
  return (
    <div className="fate">
      <ol className="fate-line figure" aria-label={t("fate.line")} data-testid="fate">
        {stepsOf(t, fate, customs).map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <RawView of={{ ...told, ...fate }} />
    </div>
  );
}

/** The fate as the core tells it now; the one that was pushed until then, and where it can't be asked. */
function useFate(told: ToldFate): Fate {
  const ipc = useIpc();
  const { commandId, state } = told;
  const [asked, setAsked] = useState<Fate | null>(null);
  useEffect(() => {
    let isGone = false;
    ipc.fate(commandId).then(
      (fate) => {
        if (!isGone && fate.state === state) setAsked(fate);
      },
      () => undefined,
    );
    return () => {
      isGone = true;
    };
  }, [ipc, commandId, state]);
  return asked?.state === state ? asked : told;
}

function stepsOf(t: TFunction, fate: Fate, customs: Customs): string[] {
  const time = (at: string) => formatSecond(at, customs);
  const steps = [
    t("fate.tapped", { time: time(fate.tappedAt) }),
    t("fate.stored", { time: time(fate.storedAt) }),
    fate.sentAt ? t("fate.sentAt", { time: time(fate.sentAt) }) : t("fate.notSent"),
  ];
  if (fate.state === "rejected")
    steps.push(t("fate.refused", { time: time(fate.settledAt ?? fate.tappedAt) }));
  if (fate.state === "settled") steps.push(acceptance(t, fate.seqs ?? []));
  if (fate.state === "settled" && typeof fate.seenBy === "number") {
    steps.push(t("fate.seen", { count: fate.seenBy }));
  }
  return steps;
}

function acceptance(t: TFunction, seqs: readonly number[]): string {
  const [first, last] = [seqs[0], seqs.at(-1)];
  if (first === undefined) return t("fate.acceptedNothing");
  return t("fate.accepted", { seq: first === last ? first : `${first}–${last}` });
}
