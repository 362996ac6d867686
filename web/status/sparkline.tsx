import type { VNode } from 'preact';
import type { Point } from './history.ts';

const WIDTH = 240;
const HEIGHT = 36;

/** A line of the last 15 minutes, or of as many as there are. `label` names it for those who do not see it. */
export function Sparkline({
  points,
  of,
  label,
}: {
  readonly points: readonly Point[];
  readonly of: (point: Point) => number;
  readonly label: string;
}): VNode {
  const line = pathOf(points, of);
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="line" d={line} />
    </svg>
  );
}

/** So wide at least, so that the first seconds are not drawn as a long time. */
const LEAST_MS = 60_000;

/** From the oldest point to now, at the right; the highest point touches the top. */
export function pathOf(points: readonly Point[], of: (point: Point) => number): string {
  const now = points.at(-1)?.atMs ?? 0;
  const spanMs = Math.max(LEAST_MS, now - (points[0]?.atMs ?? now));
  const highest = Math.max(1, ...points.map(of));
  const places = points.map((point) => {
    const x = WIDTH - ((now - point.atMs) / spanMs) * WIDTH;
    const y = HEIGHT - 1 - (of(point) / highest) * (HEIGHT - 3);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return places.length < 2 ? '' : `M${places.join('L')}`;
}
