import { ClockAlert, FileQuestion, Flag, type LucideIcon, OctagonX } from "lucide-react";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { useMoments } from "../../components/moments";
import { PendingMark } from "../../components/PendingMark";
import { useCustoms } from "../../components/venueTime";
import type { AttentionAction, AttentionEntry } from "../../ipc/types";
import type { Names } from "../../lib/i18n/told";
import { Choices } from "./Choices";
import { letterOf } from "./letter";

const ICONS: Record<AttentionEntry["kind"], LucideIcon> = {
  rejected: OctagonX,
  flagged: Flag,
  unreadable: FileQuestion,
  clockStep: ClockAlert,
};

interface LetterProps {
  entry: AttentionEntry;
  names: Names;
  deviceId: string | null;
  onSettled: (action: AttentionAction) => void;
}

/** One entry: what happened, what it means, and what can be done. */
export function Letter({ entry, names, deviceId, onSettled }: LetterProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const when = useMoments();
  const titleId = useId();
  const { title, sentences } = letterOf(entry, { t, names, customs, when, deviceId });
  const Icon = ICONS[entry.kind];
  return (
    <article
      className="letter panel"
      aria-labelledby={titleId}
      data-testid="attention-entry"
      data-entry-id={entry.id}
      data-kind={entry.kind}
    >
      <Icon aria-hidden />
      <div className="letter-body">
        <h2 id={titleId} className="heading letter-title">
          {title} <PendingMark of={entry} />
        </h2>
        {sentences.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
        <Choices entry={entry} titleId={titleId} onSettled={onSettled} />
      </div>
    </article>
  );
}
