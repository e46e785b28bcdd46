/** A wedge scanner types like nobody can: this many characters, this close together, then Enter or Tab. */
const LEAST_CHARACTERS = 6;
const MOST_AVERAGE_GAP_MS = 30;
/** A pause this long begins something new, whoever types. */
const NEW_START_GAP_MS = 100;
const MOST_CHARACTERS = 512;

/** Characters that may turn out to be a scan; times in ms. */
export interface Burst {
  text: string;
  startedAt: number;
  lastAt: number;
}

export const NO_BURST: Burst = { text: "", startedAt: 0, lastAt: 0 };

export interface Heard {
  burst: Burst;
  /** The code, when this key completed a scan. */
  scan: string | null;
  /** This key began a burst. */
  began: boolean;
}

/** Hears one key at `atMs`. Pure: what a key means depends on what came before it and how fast. */
export function hearKey(burst: Burst, key: string, atMs: number): Heard {
  const paused = burst.text === "" || atMs - burst.lastAt > NEW_START_GAP_MS;
  if (key === "Enter" || key === "Tab") {
    return { burst: NO_BURST, scan: !paused && isScan(burst) ? burst.text : null, began: false };
  }
  if (Array.from(key).length !== 1)
    return { burst: isModifier(key) ? burst : NO_BURST, scan: null, began: false };
  if (paused || burst.text.length >= MOST_CHARACTERS) {
    return { burst: { text: key, startedAt: atMs, lastAt: atMs }, scan: null, began: true };
  }
  return { burst: { ...burst, text: burst.text + key, lastAt: atMs }, scan: null, began: false };
}

function isScan({ text, startedAt, lastAt }: Burst): boolean {
  const characters = Array.from(text).length;
  return characters >= LEAST_CHARACTERS && (lastAt - startedAt) / (characters - 1) <= MOST_AVERAGE_GAP_MS;
}

function isModifier(key: string): boolean {
  return key === "Shift" || key === "AltGraph" || key === "CapsLock";
}
