import { useEffect, useMemo, useRef, useState } from "react";

/** `next` in the order of `held`: what is still there stays where it was, what is new comes last. */
export function holdOrder<T>(held: readonly string[], next: readonly T[], idOf: (item: T) => string): T[] {
  const byId = new Map(next.map((item) => [idOf(item), item]));
  const kept = held.flatMap((id) => byId.get(id) ?? []);
  const known = new Set(held);
  return [...kept, ...next.filter((item) => !known.has(idOf(item)))];
}

/** Keeps a list from moving under a finger that is down; it falls into order when the finger is lifted. */
export function useHeldOrder<T>(items: readonly T[], idOf: (item: T) => string): readonly T[] {
  const fingerDown = useFingerDown();
  const shown = useRef<readonly string[]>([]);
  const ordered = useMemo(
    () => (fingerDown ? holdOrder(shown.current, items, idOf) : items),
    [fingerDown, items, idOf],
  );
  useEffect(() => {
    shown.current = ordered.map(idOf);
  }, [ordered, idOf]);
  return ordered;
}

function useFingerDown(): boolean {
  const [down, setDown] = useState(false);
  useEffect(() => {
    const press = () => setDown(true);
    const lift = () => setDown(false);
    window.addEventListener("pointerdown", press, true);
    window.addEventListener("pointerup", lift);
    window.addEventListener("pointercancel", lift);
    return () => {
      window.removeEventListener("pointerdown", press, true);
      window.removeEventListener("pointerup", lift);
      window.removeEventListener("pointercancel", lift);
    };
  }, []);
  return down;
}
