import { LogOut, Pause, Play } from "lucide-react";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Code } from "../../components/Code";
import { PendingMark } from "../../components/PendingMark";
import { Confirm } from "../../components/Sheet";
import { StatusWord } from "../../components/StatusWord";
import { TimeBar } from "../../components/TimeBar";
import { useClock } from "../../components/useClock";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { Shown } from "../../ipc/types";
import { clockFace } from "../../lib/duration";
import { type Board, useRowActions } from "./commands";

interface GateRowProps {
  session: Shown<PlayerSession>;
  board: Board;
}

/** One band: who, how long, how it stands, and the one thing to do with it. Drawn anew only when it changed. */
export const GateRow = memo(function GateRow({ session, board }: GateRowProps) {
  const clock = useClock(session);
  return (
    <div
      className="gate-row"
      data-testid="gate-row"
      data-barcode={session.barcodeId}
      data-status={session.status}
      data-level={clock.level}
    >
      <span className="gate-row-who">
        <Code>{session.barcodeId}</Code>
        <span className="gate-row-how">
          <StatusWord status={session.status} level={clock.level} />
          <PendingMark of={session} />
        </span>
      </span>
      <span className="gate-row-clock figure">{clock.face}</span>
      <GateRowActions
        session={session}
        overdue={clock.level === "over"}
        left={clock.remainingSeconds}
        board={board}
      />
      <TimeBar share={clock.share} level={clock.level} />
    </div>
  );
});

interface GateRowActionsProps extends GateRowProps {
  overdue: boolean;
  left: number;
}

function GateRowActions({ session, overdue, left, board }: GateRowActionsProps) {
  const { t } = useTranslation();
  const code = session.barcodeId;
  const { act, underway } = useRowActions(code, board);
  const [asking, setAsking] = useState(false);
  const end = () => (left > 0 ? setAsking(true) : void act("session.end"));
  const answered = (yes: boolean) => {
    setAsking(false);
    if (yes) void act("session.end");
  };
  const locked = underway !== null;
  return (
    <span className="gate-row-actions">
      <Action
        look={overdue ? "stop" : "quiet"}
        icon={LogOut}
        busy={underway === "session.end"}
        isDisabled={locked && underway !== "session.end"}
        aria-label={t("gate.endBand", { code })}
        data-testid="gate-end"
        onPress={end}
      >
        {t("gate.end")}
      </Action>
      {session.status === "playing" && !overdue && (
        <Action
          icon={Pause}
          busy={underway === "session.pause"}
          isDisabled={locked && underway !== "session.pause"}
          aria-label={t("gate.pauseBand", { code })}
          data-testid="gate-pause"
          onPress={() => act("session.pause")}
        >
          {t("gate.pause")}
        </Action>
      )}
      {session.status !== "playing" && (
        <Action
          look="main"
          icon={Play}
          busy={underway === "session.play"}
          isDisabled={locked && underway !== "session.play"}
          aria-label={t("gate.playBand", { code })}
          data-testid="gate-play"
          onPress={() => act("session.play")}
        >
          {t("gate.play")}
        </Action>
      )}
      <Confirm
        open={asking}
        title={t("gate.endTitle")}
        help={t("gate.endHelp", { code, time: clockFace(left) })}
        yes={t("gate.endYes")}
        no={t("gate.endNo")}
        onAnswer={answered}
      />
    </span>
  );
}
