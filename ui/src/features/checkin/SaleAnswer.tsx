import { Ban, CircleCheck, CloudUpload, type LucideIcon, Undo2 } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { useCustoms } from "../../components/venueTime";
import type { Transaction } from "../../ipc/bindings/Transaction";
import { clockFace, spokenDuration } from "../../lib/duration";
import { formatMinor } from "../../lib/format";
import { rejectionSentence } from "../../lib/i18n/rejection";
import type { Answer, Sale } from "./commands";

const UNDO_SECONDS = 10;

const ICONS: Record<Answer["kind"], LucideIcon> = {
  done: CircleCheck,
  saved: CloudUpload,
  refused: Ban,
  undone: Undo2,
  undoFailed: Ban,
};

interface SaleAnswerProps {
  answer: Answer;
  undoing: boolean;
  onUndo: (sale: Sale, lines: readonly Transaction[]) => void;
  onClose: () => void;
}

/**
 * What became of the charge, large enough for the guest to read along. Where the charge button was there is nothing to
 * press: the second half of a double tap must not take the undo away.
 */
export function SaleAnswer({ answer, undoing, onUndo, onClose }: SaleAnswerProps) {
  const { t } = useTranslation();
  const { title, help } = useWords(answer);
  const Icon = ICONS[answer.kind];
  const lines = answer.kind === "done" || answer.kind === "saved" ? answer.lines : [];
  return (
    <div className="sale-answer" data-kind={answer.kind} data-testid="checkin-answer">
      <div className="sale-answer-words" role="status">
        <Icon aria-hidden />
        <p className="sale-answer-title figure">{title}</p>
        {help.map((sentence) => (
          <p key={sentence} className="sale-answer-help">
            {sentence}
          </p>
        ))}
      </div>
      <div className="sale-answer-foot">
        {lines.length > 0 && (
          <Undo key={lines[0]?.id} busy={undoing} onUndo={() => onUndo(answer.sale, lines)} />
        )}
        <Action look="plain" size="large" onPress={onClose}>
          {t(answer.kind === "refused" ? "checkin.back" : "checkin.next")}
        </Action>
        <p className="sale-answer-ready">{t("checkin.readyNext")}</p>
      </div>
    </div>
  );
}

function useWords(answer: Answer): { title: string; help: string[] } {
  const { t } = useTranslation();
  const customs = useCustoms();
  const { band: code, seconds, totalMinor } = answer.sale;
  const amount = formatMinor(totalMinor, customs);
  switch (answer.kind) {
    case "done":
    case "saved": {
      const title =
        seconds > 0 ? t("checkin.done", { time: spokenDuration(seconds) }) : t("checkin.doneExtras");
      const left = answer.remainingSeconds;
      const has = left === null ? code : t("checkin.has", { code, time: clockFace(left) });
      const help = [has, t("checkin.paid", { amount })];
      if (answer.kind === "done") return { title, help };
      return { title, help: [...help, t(answer.offline ? "checkin.savedOffline" : "checkin.savedSilent")] };
    }
    case "refused":
      return { title: t("checkin.refused"), help: [rejectionSentence(t, answer.rejection)] };
    case "undone":
      return { title: t("checkin.undone"), help: [t("checkin.undoneHelp", { amount, code })] };
    case "undoFailed":
      return { title: t("checkin.undoFailed"), help: [rejectionSentence(t, answer.rejection)] };
  }
}

function Undo({ busy, onUndo }: { busy: boolean; onUndo: () => void }) {
  const { t } = useTranslation();
  const [left, setLeft] = useState(UNDO_SECONDS);
  useEffect(() => {
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (left === 0 && !busy) return null;
  return (
    <Action icon={Undo2} size="large" busy={busy} onPress={onUndo} data-key="F8" aria-keyshortcuts="F8">
      {busy ? t("checkin.undoing") : t("checkin.undo")}
      <span className="undo-left figure" aria-hidden>
        {left}
      </span>
    </Action>
  );
}
