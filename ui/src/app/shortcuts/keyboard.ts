import { type FieldMemory, rememberField, restoreField } from "./fieldMemory";
import { type Heard, hearKey, LEAST_ELSEWHERE, LEAST_IN_FIELD, NO_BURST } from "./wedge";

/** A lone key is a shortcut only when nothing follows it this soon: else it was the first of a scan. */
const ALONE_MS = 120;

/** No scanner and no field knows them. */
const FUNCTION_KEYS: ReadonlySet<string> = new Set(["F2", "F8", "F9"]);

interface KeyboardListener {
  onScan(text: string): void;
  /** A key on its own, outside any field and any dialog. */
  onLoneKey(key: string): void;
  /** A digit with Alt, anywhere. */
  onAltDigit(digit: number): void;
}

/**
 * Hears every key of the window before any widget does, tells a scanner from a person, and takes back what
 * the scanner typed into a field. The answer stops it.
 */
export function listenToKeyboard(listener: KeyboardListener): () => void {
  let burst = NO_BURST;
  let field: FieldMemory | null = null;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  const hear = (event: KeyboardEvent) => {
    if (event.isComposing || event.repeat) return;
    clearTimeout(waiting);
    const digit = altDigit(event);
    if (digit !== null) {
      event.preventDefault();
      listener.onAltDigit(digit);
    } else if (!isChord(event)) {
      const least = isTyping(event.target) ? LEAST_IN_FIELD : LEAST_ELSEWHERE;
      const heard = hearKey(burst, event.key, event.timeStamp, least);
      burst = heard.burst;
      follow(heard, event);
    }
  };
  const follow = (heard: Heard, event: KeyboardEvent) => {
    if (heard.began) field = rememberField(event.target);
    if (heard.scan !== null) {
      event.preventDefault();
      event.stopPropagation();
      restoreField(field);
      listener.onScan(heard.scan);
    } else if (isLone(heard, event)) {
      const { key } = event;
      waiting = setTimeout(() => listener.onLoneKey(key), ALONE_MS);
    }
  };
  window.addEventListener("keydown", hear, true);
  return () => {
    clearTimeout(waiting);
    window.removeEventListener("keydown", hear, true);
  };
}

function altDigit(event: KeyboardEvent): number | null {
  return event.altKey && /^Digit[1-9]$/.test(event.code) ? Number(event.code.slice(-1)) : null;
}

function isChord(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || (event.altKey && event.key !== "AltGraph");
}

function isLone(heard: Heard, event: KeyboardEvent): boolean {
  if (FUNCTION_KEYS.has(event.key)) return true;
  return (
    heard.began && !isTyping(event.target) && !document.querySelector("[role=dialog], [role=alertdialog]")
  );
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.matches("input:not([type=checkbox], [type=radio]), textarea, select")
  );
}
