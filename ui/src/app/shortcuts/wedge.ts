/** A wedge scanner types like nobody can: this close together on average, then Enter or Tab. */
const MOST_AVERAGE_GAP_MS = 30;
/** A pause this long begins something new, whoever types. */
const NEW_START_GAP_MS = 100;
/** What already came as fast as a scan goes on after a pause up to this: the machine stalled, not the scanner. */
const MOST_STALL_MS = 400;
const MOST_CHARACTERS = 512;

/** How many characters make a scan. Into a field somebody may roll two or three keys; elsewhere two mean something already. */
export const LEAST_IN_FIELD = 4;
export const LEAST_ELSEWHERE = 2;

/** Characters that may turn out to be a scan; times in ms. */
export interface Burst {
  text: string;
  /** How long it took without the stalls. */
  tookMs: number;
  lastAt: number;
}

export const NO_BURST: Burst = { text: "", tookMs: 0, lastAt: 0 };

export interface Heard {
  burst: Burst;
  /** The code, when this key completed a scan. */
  scan: string | null;
  /** This key began a burst. */
  began: boolean;
}

/** Hears one key at `atMs`. Pure: what a key means depends on what came before it and how fast. */
export function hearKey(burst: Burst, key: string, atMs: number, least: number): Heard {
  const gapMs = atMs - burst.lastAt;
  const stalled = gapMs > NEW_START_GAP_MS && gapMs <= MOST_STALL_MS && isScan(burst, LEAST_IN_FIELD);
  const paused = burst.text === "" || (gapMs > NEW_START_GAP_MS && !stalled);
  if (key === "Enter" || key === "Tab") {
    return { burst: NO_BURST, scan: !paused && isScan(burst, least) ? burst.text : null, began: false };
  }
  if (Array.from(key).length !== 1)
    return { burst: isModifier(key) ? burst : NO_BURST, scan: null, began: false };
  if (paused || burst.text.length >= MOST_CHARACTERS) {
    return { burst: { text: key, tookMs: 0, lastAt: atMs }, scan: null, began: true };
  }
  const tookMs = burst.tookMs + (stalled ? 0 : gapMs);
  return { burst: { text: burst.text + key, tookMs, lastAt: atMs }, scan: null, began: false };
}

function isScan({ text, tookMs }: Burst, least: number): boolean {
  const characters = Array.from(text).length;
  return characters >= least && tookMs / (characters - 1) <= MOST_AVERAGE_GAP_MS;
}

function isModifier(key: string): boolean {
  return key === "Shift" || key === "AltGraph" || key === "CapsLock";
}
