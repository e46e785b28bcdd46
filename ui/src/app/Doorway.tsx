import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../components/Action";
import { Notice } from "../components/Notice";
import { FirstRunPage } from "../features/firstrun/FirstRunPage";
import { asRefusal, type Refusal } from "../ipc/client";
import { useIpc } from "../ipc/IpcContext";
import type { VenueChoice } from "../ipc/types";
import { rejectionSentence } from "../lib/i18n/rejection";
import { DeskSwitches } from "./DeskSwitches";

/** Lets nobody into the views before this desk knows its venue. */
export function Doorway({ children }: { children: React.ReactNode }) {
  const { t } = useTranslation();
  const ipc = useIpc();
  const [choice, setChoice] = useState<VenueChoice | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);

  const ask = useCallback(() => {
    setRefusal(null);
    ipc.venueChoice().then(setChoice, (thrown) => setRefusal(asRefusal(thrown)));
  }, [ipc]);
  useEffect(ask, [ask]);

  if (refusal) {
    return (
      <main className="alone">
        <Notice meaning="stop" urgent action={<Action onPress={ask}>{t("state.again")}</Action>}>
          {rejectionSentence(t, refusal)}
        </Notice>
      </main>
    );
  }
  if (!choice) {
    return (
      <main className="alone" aria-busy>
        <p className="quiet">{t("state.starting")}</p>
      </main>
    );
  }
  return choice.mode === "none" ? (
    <FirstRunPage onChosen={setChoice} switches={<DeskSwitches />} />
  ) : (
    children
  );
}
