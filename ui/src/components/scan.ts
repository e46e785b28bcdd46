import { createContext, useContext, useEffect, useRef } from "react";

/** Gets the code, or null when what was scanned can be no code. */
export type ScanListener = (code: string | null) => void;

/** Lets one view take the scans; without one the frame shows the band's card. */
export interface ScanDesk {
  take(listener: ScanListener): () => void;
}

export const ScanContext = createContext<ScanDesk>({ take: () => () => undefined });

/** While mounted, every scan goes to `listener`. */
export function useScans(listener: ScanListener): void {
  const desk = useContext(ScanContext);
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => desk.take((code) => latest.current(code)), [desk]);
}
