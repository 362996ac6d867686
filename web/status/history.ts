import type { InstanceStatus } from '../../src/status/instance.ts';
import { outcomeClass } from './outcomes.ts';

/** How much happened a second between two readings; of `sessions`, how many there were. */
export type Point = {
  readonly atMs: number;
  readonly sessions: number;
  readonly accepted: number;
  readonly refused: number;
  readonly toUpstream: number;
  readonly toClient: number;
};

/** What the lines show, and how much of it is kept. */
export const KEPT_MS = 15 * 60 * 1000;

type Totals = Omit<Point, 'sessions'> & { readonly startedAt: string };

/** The rates of the last 15 minutes, as far as this page was looked at; kept in the page alone. */
export class History {
  #points: readonly Point[] = [];
  #before: Totals | undefined;

  get points(): readonly Point[] {
    return this.#points;
  }

  /** `nowMs`: of a clock that does not go back. */
  add(status: InstanceStatus, nowMs: number): void {
    const now = { atMs: nowMs, startedAt: status.startedAt, ...totalsOf(status) };
    const before = this.#before;
    this.#before = now;
    // Another process: its totals began anew.
    if (before === undefined || before.startedAt !== now.startedAt) {
      this.#points = [];
      return;
    }
    const seconds = (nowMs - before.atMs) / 1000;
    if (seconds <= 0) return;
    const rate = (name: 'accepted' | 'refused' | 'toUpstream' | 'toClient'): number =>
      Math.max(0, now[name] - before[name]) / seconds;
    const point = {
      atMs: nowMs,
      sessions: status.sessions.active,
      accepted: rate('accepted'),
      refused: rate('refused'),
      toUpstream: rate('toUpstream'),
      toClient: rate('toClient'),
    };
    this.#points = [...this.#points.filter(({ atMs }) => nowMs - atMs <= KEPT_MS), point];
  }

  get last(): Point | undefined {
    return this.#points.at(-1);
  }
}

function totalsOf({ bytes, handshakes }: InstanceStatus) {
  let accepted = 0;
  let refused = 0;
  for (const [outcome, count] of Object.entries(handshakes)) {
    const kind = outcomeClass(outcome);
    if (kind === 'accepted') accepted += count;
    else if (kind !== 'left') refused += count;
  }
  return { accepted, refused, ...bytes };
}
