import { useTranslation } from "react-i18next";
import { WhenReady } from "../../components/WhenReady";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { HowItStands } from "./HowItStands";
import { PutRight } from "./PutRight";
import { Tapped } from "./Tapped";
import "./sync.css";

/** Left how this desk stands with the server, right what was tapped here and what became of it. */
export function SyncPage() {
  const { t } = useTranslation();
  const status = useVenueQuery(["syncStatus"]);
  const commands = useVenueQuery(["commands"]);
  return (
    <div className="page sync">
      <h1 className="visually-hidden">{t("link.title")}</h1>
      <div className="sync-left">
        <WhenReady of={status}>
          {(data) => (
            <>
              <HowItStands status={data} />
              <PutRight differs={data.differs ?? null} notices={data.notices ?? []} />
            </>
          )}
        </WhenReady>
      </div>
      <section className="sync-tapped panel">
        <h2 className="heading">{t("link.commands")}</h2>
        <WhenReady of={commands}>{(data) => <Tapped commands={data} />}</WhenReady>
      </section>
    </div>
  );
}
