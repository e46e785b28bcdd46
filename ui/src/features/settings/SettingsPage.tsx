import { WhenReady } from "../../components/WhenReady";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { SettingsForm } from "./SettingsForm";
import "./settings.css";

/** What holds for the whole venue. */
export function SettingsPage() {
  const settings = useVenueQuery(["systemSettings"]);
  return (
    <div className="page settings">
      <WhenReady of={settings}>{(data) => <SettingsForm settings={data} />}</WhenReady>
    </div>
  );
}
