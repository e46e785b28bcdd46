import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import "./virtualGrid.css";

interface VirtualGridProps<T> {
  label: string;
  items: readonly T[];
  idOf: (item: T) => string;
  /** Height of a row and least width of a column, in rem; without a width there is one column. */
  rowRem: number;
  columnRem?: number;
  children: (item: T) => React.ReactNode;
}

/** Between tiles; the rows of a list touch. */
const TILE_GAP_REM = 0.5;

/** A list or a wall of any length, of which only what can be seen is in the page. */
export function VirtualGrid<T>({ label, items, idOf, rowRem, columnRem, children }: VirtualGridProps<T>) {
  const place = useRef<HTMLDivElement>(null);
  const rem = useRemPx();
  const gap = columnRem ? TILE_GAP_REM : 0;
  const columns = useColumns(place, columnRem && columnRem * rem, gap * rem);
  const rows = useVirtualizer({
    count: Math.ceil(items.length / columns),
    getScrollElement: () => place.current,
    estimateSize: () => (rowRem + gap) * rem,
    overscan: 4,
  });
  const shown = rows
    .getVirtualItems()
    .flatMap((row) =>
      items
        .slice(row.index * columns, (row.index + 1) * columns)
        .map((item, column) => ({ item, top: row.start, column, index: row.index * columns + column })),
    );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section ref={place} className="virtual-grid" tabIndex={0} aria-label={label}>
      <ul style={{ height: rows.getTotalSize() }}>
        {shown.map(({ item, top, column, index }) => (
          <li
            key={idOf(item)}
            aria-setsize={items.length}
            aria-posinset={index + 1}
            style={{
              top,
              height: rowRem * rem,
              left: `calc((100% + ${gap}rem) * ${column / columns})`,
              width: `calc((100% + ${gap}rem) / ${columns} - ${gap}rem)`,
            }}
          >
            {children(item)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function useRemPx(): number {
  const [rem] = useState(() => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16);
  return rem;
}

function useColumns(
  place: React.RefObject<HTMLDivElement | null>,
  leastPx: number | undefined,
  gapPx: number,
): number {
  const [columns, setColumns] = useState(1);
  useEffect(() => {
    const element = place.current;
    if (!element || !leastPx) return;
    const refit = () =>
      setColumns(Math.max(1, Math.floor((element.clientWidth + gapPx) / (leastPx + gapPx))));
    refit();
    const resized = new ResizeObserver(refit);
    resized.observe(element);
    return () => resized.disconnect();
  }, [place, leastPx, gapPx]);
  return columns;
}
