import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Field } from "../../components/Field";
import { asRefusal, type Refusal } from "../../ipc/client";
import { useIpc } from "../../ipc/IpcContext";
import { rejectionSentence } from "../../lib/i18n/rejection";

/** What pairing helps against. */
const UNPAIRED = new Set(["not_paired", "removed", "not_allowed", "other_device"]);

/** Whether this is wrong because the server does not know this desk. */
export const needsPairing = (code: string) => UNPAIRED.has(code);

/** Takes the code that a manager shows. Once it is right, the link comes up by itself and this goes. */
export function PairDesk() {
  const { t } = useTranslation();
  const ipc = useIpc();
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (busy || !code.trim()) return;
    setBusy(true);
    setRefusal(null);
    ipc
      .pair(code.trim(), name.trim() || undefined)
      .catch((thrown) => setRefusal(asRefusal(thrown)))
      .finally(() => setBusy(false));
  };
  return (
    <form className="sync-pair" onSubmit={submit} noValidate>
      <Field
        label={t("link.pairCode")}
        help={t("link.pairHelp")}
        fault={refusal ? rejectionSentence(t, refusal) : undefined}
        value={code}
        spellCheck={false}
        data-testid="pair-code"
        onChange={(event) => setCode(event.target.value)}
      />
      <Field
        label={t("link.desk")}
        value={name}
        data-testid="pair-name"
        onChange={(event) => setName(event.target.value)}
      />
      <Action type="submit" look="main" busy={busy} data-testid="pair">
        {t("link.pair")}
      </Action>
    </form>
  );
}
