import {
  Ban,
  CircleAlert,
  CirclePause,
  CirclePlay,
  Hourglass,
  type LucideIcon,
  TriangleAlert,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Timed } from "../lib/clock";
import type { RunningClock } from "./useClock";
import "./status.css";

type Word = Timed["status"] | "low" | "last" | "over";

const ICONS: Record<Word, LucideIcon> = {
  waiting: Hourglass,
  playing: CirclePlay,
  paused: CirclePause,
  ended: Ban,
  low: Hourglass,
  last: TriangleAlert,
  over: CircleAlert,
};

const TEXTS: Record<Word, string> = {
  waiting: "status.waiting",
  playing: "status.playing",
  paused: "status.paused",
  ended: "status.ended",
  low: "level.low",
  last: "level.last",
  over: "status.overdue",
};

export function statusText(status: Timed["status"], level: RunningClock["level"]): string {
  return TEXTS[wordOf(status, level)];
}

/** How a band stands, as a word and an icon; its colour only repeats it. */
export function StatusWord({ status, level }: { status: Timed["status"]; level: RunningClock["level"] }) {
  const { t } = useTranslation();
  const word = wordOf(status, level);
  const Icon = ICONS[word];
  return (
    <span className="status-word" data-level={level}>
      <Icon aria-hidden />
      {t(TEXTS[word])}
    </span>
  );
}

function wordOf(status: Timed["status"], level: RunningClock["level"]): Word {
  return level === "low" || level === "last" || level === "over" ? level : status;
}
