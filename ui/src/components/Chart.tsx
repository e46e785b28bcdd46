import { useEffect, useRef } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./chart.css";

/** uPlot lays out in pixels of the canvas. */
const AXIS_PX = 28;
const CHARACTER_PX = 8;
/** Beside the figures of the vertical axis. */
const AXIS_GAP_PX = 14;
/** Steps between the figures of an axis: whole ones, because nobody counts half bands. */
const INCREMENTS = [0, 1, 2, 3, 4, 5, 6].flatMap((zeros) => [1, 2, 5].map((step) => step * 10 ** zeros));

interface ChartProps {
  name: string;
  labels: readonly string[];
  values: readonly number[];
  kind: "bars" | "steps";
  format: (value: number) => string;
}

/** One series over named places. Drawn in the theme's colours; the same figures stand in a table beside it. */
export function Chart({ name, labels, values, kind, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let plot: UPlot | null = null;
    const draw = () => {
      plot?.destroy();
      const box = { width: element.clientWidth, height: element.clientHeight };
      const xs = values.map((_, index) => index);
      plot = new UPlot(
        { ...box, ...look(element, { labels, values, kind, format }) },
        [xs, values.map((value) => (kind === "bars" && value === 0 ? null : value))],
        element,
      );
    };
    void document.fonts?.ready.then(draw);
    const resized = new ResizeObserver(draw);
    const themed = new MutationObserver(draw);
    resized.observe(element);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      plot?.destroy();
    };
  }, [labels, values, kind, format]);
  return <div ref={place} className="chart" role="img" aria-label={name} />;
}

function look(element: HTMLElement, { labels, values, kind, format }: Omit<ChartProps, "name">) {
  const style = getComputedStyle(element);
  const colour = (token: string) => style.getPropertyValue(token);
  const font = `${style.fontSize} ${style.fontFamily}`;
  const axis = { stroke: colour("--ink-quiet"), font, ticks: { show: false } };
  const paths =
    kind === "bars"
      ? UPlot.paths.bars?.({ size: [0.62, 40], radius: 0.15 })
      : UPlot.paths.stepped?.({ align: 1 });
  const edge = kind === "bars" ? 0.6 : 0;
  return {
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-edge, Math.max(1, values.length - 1 + edge)] as [number, number] },
      y: { range: (_: UPlot, __: number, most: number): [number, number] => [0, Math.max(1, most * 1.12)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: AXIS_PX,
        splits: (plot: UPlot) => {
          const every = stride(labels, plot.width);
          return values.map((_, index) => index).filter((index) => index % every === 0);
        },
        values: (_: UPlot, splits: number[]) => splits.map((at) => labels[at] ?? ""),
      },
      {
        ...axis,
        size: (_: UPlot, shown: string[] | null) => AXIS_GAP_PX + CHARACTER_PX * longest(shown ?? []),
        incrs: INCREMENTS,
        grid: { stroke: colour("--border"), width: 1 },
        values: (_: UPlot, splits: number[]) => splits.map(format),
      },
    ],
    series: [
      {},
      {
        stroke: colour("--accent"),
        fill: kind === "bars" ? colour("--accent") : colour("--accent-soft"),
        width: 2,
        points: { show: false },
        ...(paths && { paths }),
      },
    ],
  };
}

/** Every how many places one is named, so that names don't run into each other. */
function stride(labels: readonly string[], widthPx: number): number {
  const room = Math.max(1, Math.floor((widthPx * 0.8) / ((longest(labels) + 2) * CHARACTER_PX)));
  return Math.max(1, Math.ceil(labels.length / room));
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}
