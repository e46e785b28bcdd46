import { CircleAlert, CircleCheck, CloudOff, Info, type LucideIcon, RefreshCw } from "lucide-react";
import "./notice.css";

type Meaning = "info" | "done" | "stop" | "stale" | "syncing";

const ICONS: Record<Meaning, LucideIcon> = {
  info: Info,
  done: CircleCheck,
  stop: CircleAlert,
  stale: CloudOff,
  syncing: RefreshCw,
};

interface NoticeProps {
  meaning: Meaning;
  children: React.ReactNode;
  action?: React.ReactNode;
  /** Read out at once when it appears. */
  urgent?: boolean;
}

/** A sentence about how things stand, with its icon. */
export function Notice({ meaning, children, action, urgent }: NoticeProps) {
  const Icon = ICONS[meaning];
  return (
    <div className="notice" data-meaning={meaning} role={urgent ? "alert" : "status"}>
      <Icon aria-hidden />
      <div className="notice-text">{children}</div>
      {action}
    </div>
  );
}
