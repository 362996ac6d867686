import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { timeSpan } from './format.ts';
import { KEPT_MS, type Point } from './history.ts';

/** One line of a chart. The second one is dashed, so that no colour is needed to tell them apart. */
export type Line = { readonly name: string; readonly of: (point: Point) => number };

type Props = {
  /** What it shows, for who does not see it. */
  readonly label: string;
  readonly points: readonly Point[];
  readonly lines: readonly Line[];
  /** A value with its unit. */
  readonly shown: (value: number) => string;
};

const HEIGHT = 76;
/** So wide at least, so that the first seconds are not drawn as a long time. */
const LEAST_SECONDS = 60;
const DASHES = [[], [4, 3]] as const;

/** Lines of the last 15 minutes, or of as many as there are, with their scales; in words for who does not see it. */
export function Chart({ label, points, lines, shown }: Props): VNode {
  const frame = useRef<HTMLDivElement>(null);
  const drawn = useRef<uPlot | null>(null);
  useEffect(() => {
    if (frame.current === null) return;
    const plot = new uPlot(
      optionsOf(frame.current, lines, shown),
      [[], ...lines.map(() => [])],
      frame.current,
    );
    drawn.current = plot;
    const resized = new ResizeObserver(([entry]) =>
      plot.setSize({ width: entry?.contentRect.width ?? 0, height: HEIGHT }),
    );
    resized.observe(frame.current);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
    // The lines of one chart are always the same ones.
  }, []);
  useEffect(() => {
    drawn.current?.setData(dataOf(points, lines));
  }, [points]);
  return <div class="chart" role="img" aria-label={inWords(label, points, lines, shown)} ref={frame} />;
}

/** Seconds before now, and a value of each line. */
export function dataOf(points: readonly Point[], lines: readonly Line[]): uPlot.AlignedData {
  const now = points.at(-1)?.atMs ?? 0;
  return [points.map(({ atMs }) => (atMs - now) / 1000), ...lines.map(({ of }) => points.map(of))];
}

/** `Bytes: to servers 3 B/s, at most 7 B/s; to clients … in the last 2 min`. */
export function inWords(
  label: string,
  points: readonly Point[],
  lines: readonly Line[],
  shown: Props['shown'],
): string {
  const last = points.at(-1);
  if (last === undefined) return `${label}: not known yet`;
  const values = lines.map(({ name, of }) => {
    const most = points.reduce((highest, point) => Math.max(highest, of(point)), 0);
    return `${name} ${shown(of(last))}, at most ${shown(most)}`;
  });
  const seconds = (last.atMs - (points[0]?.atMs ?? last.atMs)) / 1000;
  return `${label}: ${values.join('; ')}, in the last ${timeSpan(seconds)}`;
}

function optionsOf(frame: HTMLElement, lines: readonly Line[], shown: Props['shown']): uPlot.Options {
  // A canvas knows no names of ours, nor light-dark(): these are computed.
  const colour = (name: 'color' | 'borderTopColor' | 'outlineColor') => () => getComputedStyle(frame)[name];
  const axis = { stroke: colour('outlineColor'), font: '11px system-ui, sans-serif', ticks: { show: false } };
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 26, 0, 0],
    scales: {
      x: {
        time: false,
        range: (_, oldest) => [Math.min(-LEAST_SECONDS, Math.max(oldest, -KEPT_MS / 1000)), 0],
      },
      y: { range: (_, __, highest) => [0, Math.max(1, highest)] },
    },
    axes: [
      {
        ...axis,
        size: 18,
        gap: 2,
        grid: { show: false },
        splits: ({ scales }) => {
          const oldest = scales['x']?.min ?? -LEAST_SECONDS;
          return [oldest, oldest / 2, 0];
        },
        values: (_, splits) => splits.map((at) => (at === 0 ? 'now' : `−${timeSpan(-at)}`)),
        align: 1,
      },
      {
        ...axis,
        size: 62,
        gap: 4,
        grid: { stroke: colour('borderTopColor'), width: 1 },
        splits: ({ scales }) => [0, scales['y']?.max ?? 1],
        values: (_, splits) => splits.map(shown),
      },
    ],
    series: [
      {},
      ...lines.map((_, place) => ({
        stroke: colour('color'),
        width: 1.5,
        dash: [...(DASHES[place] ?? [])],
        points: { show: false },
      })),
    ],
  };
}
