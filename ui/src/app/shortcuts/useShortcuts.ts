import { useEffect, useMemo, useRef } from "react";
import type { ScanDesk, ScanListener } from "../../components/scan";
import { normaliseBarcode } from "../../lib/barcode";
import { listenToKeyboard } from "./keyboard";

interface Shortcuts {
  /** A view's key, 1 for the first. */
  onView: (number: number) => void;
  onHelp: () => void;
  /** A scan that no view took. */
  onScan: (code: string) => void;
}

/** Runs the shortcuts and gives each scan to the view that takes scans, else to `onScan`. */
export function useShortcuts(shortcuts: Shortcuts): ScanDesk {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  const takers = useRef<ScanListener[]>([]);

  useEffect(
    () =>
      listenToKeyboard({
        onAltDigit: (digit) => latest.current.onView(digit),
        onLoneKey: (key) => {
          if (key >= "1" && key <= "9") latest.current.onView(Number(key));
          if (key === "?") latest.current.onHelp();
          if (key === "F2") focusBandField();
          if (key === "F8" || key === "F9") press(key);
        },
        onScan: (text) => {
          const code = normaliseBarcode(text);
          const taker = takers.current.at(-1);
          if (taker) taker(code);
          else if (code) latest.current.onScan(code);
        },
      }),
    [],
  );

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

/** Presses the button of this view that has `key`, unless something floats over the view. */
function press(key: string): void {
  if (document.querySelector("[role=dialog], [role=alertdialog]")) return;
  document.querySelector<HTMLElement>(`[data-key="${key}"]:not(:disabled)`)?.click();
}

function focusBandField(): void {
  document.querySelector<HTMLElement>("[data-band-field]")?.focus();
}
