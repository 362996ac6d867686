import type { ShownSubjects } from '../nats/shown-subjects.ts';
import { printableJson } from '../printable.ts';
import { type Delivered, Deliveries } from './deliveries.ts';
import { EventRing } from './event-ring.ts';
import type { WatchedEvent, WatchNote } from './format.ts';
import { Timeline, type WatchStart } from './timeline.ts';

const EVERY_MS = 100;
/** What subscriptions get. */
const REPORT_MS = 1000;
/** Of the events in one frame. */
const MOST_BATCH_BYTES = 64 * 1024;

/** What is watched. */
export type WatchSource = WatchStart & { readonly delivered: Delivered };

/** One page that watches. */
export type WatchReader = {
  /** Server-Sent Events, whole. */
  send(frames: string): void;
  end(): void;
};

/** Why a watch has ended: the close reason of its session, `time`, or `stopped`. */
export type WatchEnd = { readonly reason: string; readonly code?: number; readonly sentence: string };

/** One session that is watched, and all who watch it. */
export class Watch {
  readonly startedAt = new Date();
  readonly timeline: Timeline;
  readonly deliveries: Deliveries;
  readonly #session: number;
  readonly #endsAt: Date;
  readonly #ring: EventRing;
  readonly readers = new Set<WatchReader>();
  #timer: NodeJS.Timeout | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  /** Not in the ring: each has all of it. */
  #lastReport = '';

  /** `source`, `nowMs`: see Timeline and Deliveries. */
  constructor(
    session: number,
    number: number,
    lastsMs: number,
    source: WatchSource,
    subjects: ShownSubjects,
    nowMs: () => number,
  ) {
    this.#session = session;
    this.#endsAt = new Date(this.startedAt.getTime() + lastsMs);
    // Another run of the program has other names.
    this.#ring = new EventRing(`${this.startedAt.getTime().toString(36)}x${number}`);
    const onFirst = (): void => {
      this.#timer ??= setTimeout(() => this.#flush(), EVERY_MS).unref();
    };
    this.timeline = new Timeline(source, onFirst, subjects, nowMs);
    this.deliveries = new Deliveries(
      () => source.delivered,
      () => this.#reportLater(),
      nowMs,
    );
  }

  /** The reader gets what is kept after the event `lastId`, and from then on all. */
  add(reader: WatchReader, lastId: string | undefined): void {
    this.#flush();
    const { missed, frames } = this.#ring.after(lastId);
    const watch = { session: this.#session, startedAt: this.startedAt, endsAt: this.#endsAt };
    const gap: WatchNote = {
      t: 0,
      d: 'g',
      missed,
      note: `${missed} operations were overwritten before they were read`,
    };
    const first = missed === 0 ? '' : frameOf('operations', [gap]);
    reader.send(`retry: 1000\n\n${frameOf('watch', watch)}${first}${frames}${this.#lastReport}`);
    this.readers.add(reader);
  }

  end(end: WatchEnd): void {
    this.#flush();
    clearTimeout(this.#timer);
    clearTimeout(this.#reportTimer);
    const frame = frameOf('end', end);
    for (const reader of this.readers) {
      reader.send(frame);
      reader.end();
    }
  }

  #report(): void {
    this.#lastReport = frameOf('subscriptions', this.deliveries.report());
    for (const reader of this.readers) reader.send(this.#lastReport);
    if (!this.deliveries.isIdle) this.#reportLater();
  }

  #reportLater(): void {
    this.#reportTimer = setTimeout(() => this.#report(), REPORT_MS).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.timeline.take();
    // Of a batch that is split, the earlier ones count as having all operations, and no one is missed.
    const { operations } = this.timeline;
    for (const batch of batches(events)) {
      const frame = this.#ring.add('operations', batch, operations);
      for (const reader of this.readers) reader.send(frame);
    }
  }
}

/** As JSON, each of at most MOST_BATCH_BYTES unless one event has more. */
function* batches(events: readonly WatchedEvent[]): Generator<string> {
  let batch: string[] = [];
  let bytes = 0;
  for (const event of events) {
    const json = printableJson(JSON.stringify(event));
    if (bytes + json.length > MOST_BATCH_BYTES && batch.length > 0) {
      yield `[${batch.join(',')}]`;
      batch = [];
      bytes = 0;
    }
    batch.push(json);
    bytes += json.length;
  }
  if (batch.length > 0) yield `[${batch.join(',')}]`;
}

const frameOf = (event: string, value: object): string =>
  `event: ${event}\ndata: ${printableJson(JSON.stringify(value))}\n\n`;
