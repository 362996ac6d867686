import type { Verdict } from '../inspect/inspection.ts';
import type { Tap } from '../inspect/tap.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, rowOf } from '../nats/operations.ts';
import { HeavyHitters } from './heavy-hitters.ts';
import { shapeOf } from './shape.ts';

/** Memory: about 200 kB, sessions and texts included. */
const MOST_SUBJECTS = 400;
const MOST_SESSIONS = 100;
const MOST_SUBJECT_BYTES = 256;
/** So many messages are looked at in such a time, of all sessions together: some 2 ms of each second. */
const WINDOW_MS = 100;
const LOOKS_PER_WINDOW = 200;
/** Of one read. */
const MOST_IN_READ = 32;
/** What is older counts for less and less: rates are of about the last 25 s. */
const FADE_MS = 5000;
const FADE = 0.8;

export type Clock = { nowMs(): number; random(): number };

type Seen = { readonly subject: string; readonly bytes: number; readonly direction: Direction };

/**
 * Which subjects the messages of all inspected sessions have, by a sample: of one read in so many, the first messages.
 * Each counts for those that were not looked at, too. The other reads cost next to nothing.
 */
export class Observation {
  readonly startedAtMs: number;
  /** Operations that were read meanwhile; messages that were looked at. */
  operations = 0;
  looked = 0;
  readonly #clock: Clock;
  readonly #hitters = new HeavyHitters(MOST_SUBJECTS);
  #fadedAtMs: number;
  /** Seconds that the sums are of, faded as they are. */
  #seconds = 0;
  #windowAtMs: number;
  /** Messages that this window could have looked at, and those that it has. */
  #possible = 0;
  #lookedInWindow = 0;
  /** A read is looked at with this probability. */
  #share = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.startedAtMs = clock.nowMs();
    this.#fadedAtMs = this.startedAtMs;
    this.#windowAtMs = this.startedAtMs;
  }

  /** For one session. */
  tap(session: number): Tap {
    return new SubjectTap(this, session);
  }

  /** Subjects with the most messages, and what they have in a second. */
  top(count: number) {
    this.#fade(this.#clock.nowMs());
    const seconds = this.#seconds + (this.#clock.nowMs() - this.#fadedAtMs) / 1000 || 1;
    const rate = ({ to_upstream, to_client }: Record<Direction, number>) => ({
      toUpstream: rounded(to_upstream / seconds),
      toClient: rounded(to_client / seconds),
    });
    return this.#hitters.top(count).map(({ subject, messages, bytes, sessions }) => ({
      subject,
      messagesPerSecond: rate(messages),
      bytesPerSecond: rate(bytes),
      sessions: [...sessions],
    }));
  }

  /** Whether the read that begins is looked at. */
  choosesRead(): boolean {
    const nowMs = this.#clock.nowMs();
    const elapsedMs = nowMs - this.#windowAtMs;
    if (elapsedMs >= WINDOW_MS) {
      const mayLook = (LOOKS_PER_WINDOW * elapsedMs) / WINDOW_MS;
      this.#share = this.#possible <= mayLook ? 1 : mayLook / this.#possible;
      this.#windowAtMs = nowMs;
      this.#possible = 0;
      this.#lookedInWindow = 0;
      this.#fade(nowMs);
    }
    // Before the rate of a flood is known.
    if (this.#lookedInWindow >= 2 * LOOKS_PER_WINDOW) return false;
    return this.#share === 1 || this.#clock.random() < this.#share;
  }

  /** `seen`: the first messages of a read that was chosen; undefined: it was not. */
  endRead(session: number, operations: number, seen: readonly Seen[] | undefined): void {
    this.operations += operations;
    this.#possible += Math.min(operations, MOST_IN_READ);
    if (seen === undefined || seen.length === 0) return;
    this.looked += seen.length;
    this.#lookedInWindow += seen.length;
    // Each of them is one of those that came after them in this read, and one of those of other reads.
    const inRead = seen.length === MOST_IN_READ ? Math.max(operations, MOST_IN_READ) / MOST_IN_READ : 1;
    const times = inRead / this.#share;
    for (const { subject, bytes, direction } of seen) {
      const hitter = this.#hitters.add(shapeOf(subject), times);
      hitter.messages[direction] += times;
      hitter.bytes[direction] += bytes * times;
      if (hitter.sessions.size < MOST_SESSIONS) hitter.sessions.add(session);
    }
  }

  #fade(nowMs: number): void {
    for (; nowMs - this.#fadedAtMs >= FADE_MS; this.#fadedAtMs += FADE_MS) {
      this.#seconds = (this.#seconds + FADE_MS / 1000) * FADE;
      this.#hitters.scale(FADE);
    }
  }
}

class SubjectTap implements Tap {
  readonly #observation: Observation;
  readonly #session: number;
  /** undefined: this read is not looked at. */
  #seen: Seen[] | undefined;

  constructor(observation: Observation, session: number) {
    this.#observation = observation;
    this.#session = session;
  }

  beginRead(): boolean {
    this.#seen = this.#observation.choosesRead() ? [] : undefined;
    return this.#seen !== undefined;
  }

  get wantsMore(): boolean {
    return this.#seen !== undefined && this.#seen.length < MOST_IN_READ;
  }

  endRead(operations: number): void {
    this.#observation.endRead(this.#session, operations, this.#seen);
    this.#seen = undefined;
  }

  fromClient(operation: Operation, verdict: Verdict | undefined): void {
    if (verdict?.kind !== 'drop' && verdict?.kind !== 'end') this.#look('to_upstream', operation);
  }

  fromServer(operation: Operation): void {
    this.#look('to_client', operation);
  }

  #look(direction: Direction, operation: Operation): void {
    if (!this.wantsMore || !rowOf(operation.verb).hasPayload) return;
    const subject = operation.read(operation.subject, 'utf8', MOST_SUBJECT_BYTES);
    this.#seen?.push({ subject, bytes: operation.payloadBytes, direction });
  }

  inserted(): void {}
  stopped(): void {}
  paused(): void {}
  resumed(): void {}
}

const rounded = (rate: number): number => Math.round(rate * 100) / 100;
