import type { Second } from '../../src/status/seconds.ts';

/** How much happened a second; of `sessions`, `buffered` and `busy`, how it was then. */
export type Point = {
  readonly atMs: number;
  readonly sessions: number;
  readonly accepted: number;
  readonly refused: number;
  readonly toUpstream: number;
  readonly toClient: number;
  readonly messagesToUpstream: number;
  readonly messagesToClient: number;
  readonly buffered: number;
  /** The part of the time in which the event loop was busy. */
  readonly busy: number;
};

/** What the lines show, and how much of it is kept. */
export const KEPT_MS = 15 * 60 * 1000;
const MINUTE_MS = 60 * 1000;

/** What happened in a second, on average of the last minute. */
export function ofMinute(points: readonly Point[], of: (point: Point) => number): number {
  const now = points.at(-1)?.atMs ?? 0;
  const last = points.filter(({ atMs }) => now - atMs < MINUTE_MS);
  return last.reduce((sum, point) => sum + of(point), 0) / Math.max(1, last.length);
}

/** The rates of the last 15 minutes, as far as this page was looked at; kept in the page alone. */
export class History {
  #points: readonly Point[] = [];
  #startedAt: string | undefined;

  get points(): readonly Point[] {
    return this.#points;
  }

  /** `startedAt`: of the process that is followed. What is known of another one is no part of its lines. */
  begin(startedAt: string): void {
    if (startedAt !== this.#startedAt) this.#points = [];
    this.#startedAt = startedAt;
  }

  add({ at, buffered, bytes, eventLoop, handshakes, messages, seconds, sessions }: Second): void {
    const atMs = Date.parse(at);
    const rate = (count: number): number => count / Math.max(0.001, seconds);
    const point = {
      atMs,
      sessions: sessions.active,
      accepted: rate(handshakes.accepted),
      refused: rate(handshakes.client_fault + handshakes.server_fault),
      toUpstream: rate(bytes.toUpstream),
      toClient: rate(bytes.toClient),
      messagesToUpstream: rate(messages.toUpstream),
      messagesToClient: rate(messages.toClient),
      buffered: buffered.toUpstream + buffered.toClient,
      busy: eventLoop.utilization,
    };
    // Newer ones are of a clock that was set back since.
    const kept = this.#points.filter((known) => atMs - known.atMs <= KEPT_MS && known.atMs < atMs);
    this.#points = [...kept, point];
  }
}
