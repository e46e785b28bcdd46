import { useCustoms, useVenueNowWhen } from "../../components/venueTime";
import type { PlayerSession } from "../../ipc/bindings/PlayerSession";
import { type Chip, countByChip, type Moment } from "./filter";

interface Counted {
  counts: Record<Chip, number>;
  moment: Moment;
}

/**
 * How many stand under each chip. While the sessions stay the same, time only moves bands from plenty to low and from low
 * to overdue: as long as neither count changes, nobody changed place and nothing is drawn.
 */
export function useChipCounts(sessions: readonly PlayerSession[]): Counted {
  const { lowTimeSeconds } = useCustoms();
  const nowMs = useVenueNowWhen((now) => {
    const { overdue, low } = countByChip(sessions, { nowMs: now, lowTimeSeconds });
    return `${overdue} ${low}`;
  });
  const moment = { nowMs, lowTimeSeconds };
  return { counts: countByChip(sessions, moment), moment };
}
