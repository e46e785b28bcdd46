import { createContext, useContext, useSyncExternalStore } from "react";
import type { Customs } from "../lib/format";

/** What every view needs to write the venue's numbers and to run its clocks. */
export interface VenueCustoms extends Customs {
  lowTimeSeconds: readonly number[];
  /** Venue time = this machine's clock + offset. */
  clockOffsetMs: number;
}

export const VenueContext = createContext<VenueCustoms>({
  locale: "en",
  currency: "EUR",
  decimals: 2,
  timeZone: "UTC",
  lowTimeSeconds: [300, 60],
  clockOffsetMs: 0,
});

export function useCustoms(): VenueCustoms {
  return useContext(VenueContext);
}

/** Venue time in ms, anew each second. One timer serves every clock of the page. */
export function useVenueNow(): number {
  const { clockOffsetMs } = useCustoms();
  return useSyncExternalStore(subscribe, lastTick) + clockOffsetMs;
}

/** Venue time in ms, anew only in a second in which `read` makes something else of it. */
export function useVenueNowWhen(read: (nowMs: number) => string): number {
  const { clockOffsetMs } = useCustoms();
  useSyncExternalStore(subscribe, () => read(lastTick() + clockOffsetMs));
  return lastTick() + clockOffsetMs;
}

const SECOND_MS = 1_000;
const listeners = new Set<() => void>();
let tickMs = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function lastTick(): number {
  const nowMs = Date.now();
  if (Math.abs(nowMs - tickMs) >= SECOND_MS) tickMs = nowMs;
  return tickMs;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) schedule();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearTimeout(timer);
  };
}

function schedule(): void {
  timer = setTimeout(
    () => {
      tickMs = Date.now();
      for (const listener of [...listeners]) listener();
      schedule();
    },
    SECOND_MS - (Date.now() % SECOND_MS),
  );
}
