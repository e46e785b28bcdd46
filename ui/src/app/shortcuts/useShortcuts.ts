import { useEffect, useMemo, useRef } from "react";
import type { ScanDesk, ScanListener } from "../../components/scan";
import { normaliseBarcode } from "../../lib/barcode";
import { type FieldMemory, rememberField, restoreField } from "./fieldMemory";
import { hearKey, NO_BURST } from "./wedge";

/** A lone digit is a shortcut only when nothing follows it this soon: else it was the first of a scan. */
const ALONE_MS = 120;

interface Shortcuts {
  /** A view's key, 1 for the first. */
  onView: (number: number) => void;
  onHelp: () => void;
  /** A scan that no view took. */
  onScan: ScanListener;
}

/**
 * Hears every key of the window before any widget does: tells a scanner from a person, gives a scan to
 * the view that takes scans, takes back what the scanner typed into a field, and runs the shortcuts.
 */
export function useShortcuts(shortcuts: Shortcuts): ScanDesk {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  const takers = useRef<ScanListener[]>([]);

  useEffect(() => {
    let burst = NO_BURST;
    let field: FieldMemory | null = null;
    let waiting: ReturnType<typeof setTimeout> | undefined;

    const hear = (event: KeyboardEvent) => {
      if (event.isComposing || event.repeat) return;
      clearTimeout(waiting);
      if (event.altKey && /^Digit[1-9]$/.test(event.code)) {
        event.preventDefault();
        latest.current.onView(Number(event.code.slice(-1)));
        return;
      }
      if (event.ctrlKey || event.metaKey || (event.altKey && event.key !== "AltGraph")) return;
      if (event.key === "F2") focusBandField();
      const heard = hearKey(burst, event.key, event.timeStamp);
      burst = heard.burst;
      if (heard.began) field = rememberField(event.target);
      if (heard.scan !== null) {
        event.preventDefault();
        event.stopPropagation();
        restoreField(field);
        deliver(heard.scan);
      } else if (heard.began && !isTyping(event.target)) {
        const { key } = event;
        waiting = setTimeout(() => press(key), ALONE_MS);
      }
    };
    const press = (key: string) => {
      if (document.querySelector("[role=dialog], [role=alertdialog]")) return;
      if (key >= "1" && key <= "9") latest.current.onView(Number(key));
      if (key === "?") latest.current.onHelp();
    };
    const deliver = (text: string) => {
      const code = normaliseBarcode(text);
      if (code) (takers.current.at(-1) ?? latest.current.onScan)(code);
    };
    window.addEventListener("keydown", hear, true);
    return () => {
      clearTimeout(waiting);
      window.removeEventListener("keydown", hear, true);
    };
  }, []);

  return useMemo(
    () => ({
      take(listener) {
        takers.current = [...takers.current, listener];
        return () => {
          takers.current = takers.current.filter((taker) => taker !== listener);
        };
      },
    }),
    [],
  );
}

function focusBandField(): void {
  document.querySelector<HTMLElement>("[data-band-field]")?.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.matches("input:not([type=checkbox], [type=radio]), textarea, select")
  );
}
