import { useTranslation } from "react-i18next";
import { Blank } from "../../components/Blank";
import type { ToldFate } from "../../ipc/types";
import { useNames } from "../../ipc/useNames";
import { CommandLetter } from "./CommandLetter";

/** The newest commands of this desk, as letters. */
export function Tapped({ commands }: { commands: readonly ToldFate[] }) {
  const { t } = useTranslation();
  const names = useNames();
  if (commands.length === 0) {
    return <Blank title={t("link.noCommands")} help={t("link.noCommandsHelp")} />;
  }
  return (
    <ul className="sync-commands">
      {commands.map((command) => (
        <li key={command.commandId}>
          <CommandLetter told={command} names={names} />
        </li>
      ))}
    </ul>
  );
}
