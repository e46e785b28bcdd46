import { type Clock, clockOf, levelOf, shareLeft, type Timed, type TimeLevel } from "../lib/clock";
import { clockFace } from "../lib/duration";
import { useCustoms, useVenueNow } from "./venueTime";

export interface RunningClock extends Clock {
  /** How urgent it is; a clock that does not run is never urgent. */
  level: TimeLevel | "still";
  face: string;
  share: number;
}

/** The clock of a session as it stands this second. */
export function useClock(session: Timed): RunningClock {
  const nowMs = useVenueNow();
  const { lowTimeSeconds } = useCustoms();
  const clock = clockOf(session, nowMs);
  const level = session.status === "playing" ? levelOf(session, nowMs, lowTimeSeconds) : "still";
  const face = level === "over" ? `+${clockFace(clock.overSeconds)}` : clockFace(clock.remainingSeconds);
  return { ...clock, level, face, share: shareLeft(session, nowMs) };
}
