import { Cable, HousePlus, LoaderCircle, Sparkles } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Notice } from "../../components/Notice";
import { asRefusal, type Refusal } from "../../ipc/client";
import { useIpc } from "../../ipc/IpcContext";
import type { VenueChoice, VenueWish } from "../../ipc/types";
import { rejectionSentence } from "../../lib/i18n/rejection";
import { WayForm } from "./WayForm";
import "./firstrun.css";

interface FirstRunPageProps {
  onChosen: (choice: VenueChoice) => void;
  /** Language and colours, to be set before anything is read. */
  switches: React.ReactNode;
}

/** The first question: where does this desk get its venue from? */
export function FirstRunPage({ onChosen, switches }: FirstRunPageProps) {
  const { t } = useTranslation();
  const ipc = useIpc();
  const [busy, setBusy] = useState<VenueWish["mode"] | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const choose = (wish: VenueWish) => {
    if (busy) return;
    setBusy(wish.mode);
    setRefusal(null);
    ipc
      .chooseVenue(wish)
      .then(onChosen, (thrown) => setRefusal(asRefusal(thrown)))
      .finally(() => setBusy(null));
  };
  const locked = busy !== null;

  return (
    <main className="firstrun">
      <header>
        <h1 className="firstrun-title">{t("firstrun.title")}</h1>
        <p className="quiet firstrun-help">{t("firstrun.help")}</p>
      </header>
      <ul className="firstrun-ways">
        <li className="panel firstrun-way">
          <Sparkles aria-hidden />
          <h2 className="heading">{t("firstrun.demo")}</h2>
          <p className="quiet">{t("firstrun.demoHelp")}</p>
          <span className="spacer" />
          <Action
            look="main"
            size="large"
            busy={busy === "demo"}
            isDisabled={locked && busy !== "demo"}
            data-testid="firstrun-demo"
            onPress={() => choose({ mode: "demo" })}
          >
            {t("firstrun.demoGo")}
          </Action>
        </li>
        <WayForm
          mode="host"
          icon={HousePlus}
          label={t("firstrun.hostName")}
          isRight={(text) => text.length > 0 && text.length <= 120}
          busy={busy}
          onGo={(venueName) => choose({ mode: "host", venueName })}
        />
        <WayForm
          mode="connect"
          icon={Cable}
          label={t("firstrun.connectServer")}
          help={t("firstrun.connectExample", { address: "http://192.168.1.20:8787" })}
          isRight={(text) => text.length > 0}
          busy={busy}
          onGo={(server) => choose({ mode: "connect", server })}
        />
      </ul>
      <div className="firstrun-said" role="status">
        {busy && (
          <p className="firstrun-working">
            <LoaderCircle className="action-spin" aria-hidden /> {t("firstrun.working")}
          </p>
        )}
        {refusal && (
          <Notice meaning="stop" urgent>
            <strong>{t("firstrun.failed")}</strong> {rejectionSentence(t, refusal)}
          </Notice>
        )}
      </div>
      {switches}
    </main>
  );
}
