import { FilePlus2, type LucideIcon, NotebookPen, RotateCcw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Notice } from "../../components/Notice";
import { RawView } from "../../components/RawView";
import { ReasonSheet } from "../../components/ReasonSheet";
import { useCustoms } from "../../components/venueTime";
import type { AttentionAction, AttentionEntry } from "../../ipc/types";
import { formatMinor } from "../../lib/format";
import { rejectionSentence } from "../../lib/i18n/rejection";
import { majorToMinor } from "../../lib/money";
import { useResolve } from "./commands";

const ICONS: Record<AttentionAction, LucideIcon> = {
  redo: RotateCcw,
  correct: FilePlus2,
  dismiss: NotebookPen,
};

interface ChoicesProps {
  entry: AttentionEntry;
  /** Names the letter for whoever hears only the buttons. */
  titleId: string;
  onSettled: (action: AttentionAction) => void;
}

/** What can be done about an entry. Trying again needs no reason; what is written down does. */
export function Choices({ entry, titleId, onSettled }: ChoicesProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const { resolve, busy, isSettled, refusal } = useResolve(entry.id, onSettled);
  const [asking, setAsking] = useState<"correct" | "dismiss" | null>(null);
  const amount = formatMinor(Math.abs(majorToMinor(entry.money ?? 0, customs.decimals)), customs);
  const press = (action: AttentionAction) => (action === "redo" ? void resolve(action) : setAsking(action));
  const answered = (reason: string | null) => {
    setAsking(null);
    if (asking && reason !== null) void resolve(asking, reason);
  };
  return (
    <>
      {refusal && (
        <Notice meaning="stop" urgent>
          {rejectionSentence(t, refusal)}
        </Notice>
      )}
      <div className="letter-choices">
        {entry.choices.map((action) => (
          <Action
            key={action}
            icon={ICONS[action]}
            look={action === "redo" ? "main" : "plain"}
            busy={busy === action}
            isDisabled={isSettled || (busy !== null && busy !== action)}
            aria-describedby={titleId}
            data-testid={`attention-${action}`}
            onPress={() => press(action)}
          >
            {t(`attention.${action}`)}
          </Action>
        ))}
        <RawView of={entry} />
      </div>
      <ReasonSheet
        open={asking !== null}
        title={t(`attention.${asking ?? "dismiss"}Title`, { amount })}
        help={t(`attention.${asking ?? "dismiss"}Help`)}
        yes={t(`attention.${asking ?? "dismiss"}`)}
        onAnswer={answered}
      />
    </>
  );
}
