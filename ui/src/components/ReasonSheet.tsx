import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "./Action";
import { Field } from "./Field";
import { Sheet } from "./Sheet";

/** The venue's bound for a text is larger; a reason is read at a glance. */
const REASON_MAX = 300;

interface ReasonSheetProps {
  title: string;
  help: string;
  yes: string;
  open: boolean;
  busy?: boolean;
  /** Gets the reason, or null when it was thought better of. */
  onAnswer: (reason: string | null) => void;
}

/** Asks why, before something that is written down with its reason. */
export function ReasonSheet({ open, title, onAnswer, ...form }: ReasonSheetProps) {
  return (
    <Sheet title={title} open={open} onClose={() => onAnswer(null)}>
      {open && <ReasonForm {...form} onAnswer={onAnswer} />}
    </Sheet>
  );
}

function ReasonForm({ help, yes, busy, onAnswer }: Omit<ReasonSheetProps, "title" | "open">) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const [isMissing, setMissing] = useState(false);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const given = reason.trim();
    setMissing(given === "");
    if (given !== "") onAnswer(given);
  };
  return (
    <form className="sheet-form" onSubmit={submit} noValidate>
      <p>{help}</p>
      <Field
        label={t("reason.label")}
        data-testid="reason"
        required
        autoFocus
        maxLength={REASON_MAX}
        fault={isMissing ? t("reason.missing") : undefined}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <div className="sheet-actions">
        <Action onPress={() => onAnswer(null)}>{t("reason.cancel")}</Action>
        <Action look="main" type="submit" busy={busy ?? false} data-testid="reason-yes">
          {yes}
        </Action>
      </div>
    </form>
  );
}
