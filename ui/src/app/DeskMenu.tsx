import { Keyboard, MonitorCog } from "lucide-react";
import { useEffect, useState } from "react";
import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { Action } from "../components/Action";
import { useIpc } from "../ipc/IpcContext";
import { DeskSwitches } from "./DeskSwitches";

/** What belongs to this desk and not to the venue. */
export function DeskMenu({ onHelp }: { onHelp: () => void }) {
  const { t } = useTranslation();
  const version = useVersion();
  return (
    <DialogTrigger>
      <Button className="rail-item" data-testid="desk-menu">
        <MonitorCog aria-hidden />
        <span>{t("nav.desk")}</span>
      </Button>
      <Popover placement="right bottom" className="desk-menu">
        <Dialog aria-label={t("nav.desk")} className="desk-menu-body">
          {({ close }) => (
            <>
              <DeskSwitches />
              <Action
                icon={Keyboard}
                onPress={() => {
                  close();
                  onHelp();
                }}
              >
                {t("desk.keysHelp")}
              </Action>
              {version && <p className="label">{t("desk.version", { version })}</p>}
            </>
          )}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function useVersion(): string | null {
  const ipc = useIpc();
  const [version, setVersion] = useState<string | null>(null);
  useEffect(() => {
    ipc.appInfo().then(
      (app) => setVersion(app.version),
      () => setVersion(null),
    );
  }, [ipc]);
  return version;
}
