import { Search } from "lucide-react";
import { memo, useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Blank } from "../../components/Blank";
import { useHeldOrder } from "../../components/heldOrder";
import { Pick } from "../../components/Pick";
import { VirtualGrid } from "../../components/VirtualGrid";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import type { Shown } from "../../ipc/types";
import { byUrgency } from "../../lib/clock";
import { useChipCounts } from "./chipCounts";
import { belongs, CHIPS, type Chip, matches } from "./filter";
import { MonitorTile } from "./MonitorTile";

const TILE_REM = { row: 7, column: 13 };
const idOf = (session: PlayerSession) => session.id;

const CHIP_TEXTS: Record<Chip, string> = {
  all: "monitor.all",
  overdue: "monitor.overdue",
  low: "monitor.low",
  playing: "status.playing",
  paused: "monitor.paused",
  waiting: "monitor.waiting",
};

interface WallProps {
  sessions: readonly Shown<PlayerSession>[];
}

/** The wall of tiles, and what narrows it. A burst of changes is drawn behind what a hand does meanwhile. */
export function Wall({ sessions }: WallProps) {
  return <DeferredWall sessions={useDeferredValue(sessions)} />;
}

const DeferredWall = memo(function DeferredWall({ sessions }: WallProps) {
  const { t } = useTranslation();
  const [chip, setChip] = useState<Chip>("all");
  const [search, setSearch] = useState("");
  const sought = useDeferredValue(search);
  const { counts, moment } = useChipCounts(sessions);
  const sorted = useMemo(() => [...sessions].sort(byUrgency), [sessions]);
  const wanted = sorted.filter((session) => belongs(session, chip, moment) && matches(session, sought));
  const shown = useHeldOrder(wanted, idOf);
  const showAll = () => {
    setChip("all");
    setSearch("");
  };

  return (
    <>
      <div className="wall-tools">
        <Pick
          label={t("monitor.filter")}
          labelHidden
          value={chip}
          onChange={setChip}
          options={CHIPS.map((value) => ({ value, text: t(CHIP_TEXTS[value]), count: counts[value] }))}
        />
        <label className="wall-search">
          <Search aria-hidden />
          <span className="visually-hidden">{t("monitor.search")}</span>
          <input
            className="field-input"
            type="search"
            placeholder={t("monitor.search")}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
      </div>
      {sessions.length === 0 && <Blank title={t("monitor.empty")} help={t("monitor.emptyHelp")} />}
      {sessions.length > 0 && shown.length === 0 && (
        <Blank
          title={t("monitor.noMatch")}
          action={<Action onPress={showAll}>{t("monitor.showAll")}</Action>}
        />
      )}
      {shown.length > 0 && (
        <VirtualGrid
          label={t("monitor.sessions")}
          items={shown}
          idOf={idOf}
          rowRem={TILE_REM.row}
          columnRem={TILE_REM.column}
        >
          {(session) => <MonitorTile session={session} />}
        </VirtualGrid>
      )}
    </>
  );
});
