import type { RunningClock } from "./useClock";
import "./status.css";

/** The part of the credit that is left. Says nothing that the figure beside it does not. */
export function TimeBar({ share, level }: { share: number; level: RunningClock["level"] }) {
  return (
    <span className="time-bar" data-level={level} aria-hidden>
      <span style={{ width: `${(level === "over" ? 1 : share) * 100}%` }} />
    </span>
  );
}
