import { refuse } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { OpenStream, type StreamBytes } from './open-stream.ts';

/** A connection learns that its client has gone when it writes. */
const KEEP_ALIVE_MS = 15_000;
/** A page that is logged out must not listen for ever; it comes back by itself, and is judged again. */
const MAX_AGE_MS = 3_600_000;

export type EventStreamOptions = {
  readonly maxStreams?: number;
  /** Events kept for pages that come later, and not longer than `keepMs`. */
  readonly maxKept?: number;
  readonly keepMs?: number;
  /** A page that does not read is dropped when this much waits for it; it comes back by itself and catches up. */
  readonly maxUnreadBytes?: number;
  /** Before the first number; above all that another run of the program has sent. */
  readonly lastId?: number;
  /** The first page listens. */
  onBusy?(): void;
  /** The last one has gone: nobody hears what is sent now. */
  onIdle?(): void;
};

type Kept = { readonly id: number; readonly frame: string; readonly atMs: number };

/**
 * Server-Sent Events to some pages: numbered events, of which the last are sent again to a page that comes (back), and
 * one state, of which only the newest counts.
 */
export class EventStream {
  readonly #maxStreams: number;
  readonly #maxKept: number;
  readonly #keepMs: number;
  readonly #maxUnreadBytes: number;
  readonly #onBusy: () => void;
  readonly #onIdle: () => void;
  /** With the time when each was opened. */
  readonly #streams = new Map<OpenStream, number>();
  #kept: Kept[] = [];
  #lastId: number;
  #stateFrame = '';
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(options: EventStreamOptions = {}) {
    this.#maxStreams = options.maxStreams ?? 32;
    this.#maxKept = options.maxKept ?? 200;
    this.#keepMs = options.keepMs ?? Number.POSITIVE_INFINITY;
    this.#maxUnreadBytes = options.maxUnreadBytes ?? 256 * 1024;
    this.#lastId = options.lastId ?? 0;
    this.#onBusy = () => options.onBusy?.();
    this.#onIdle = () => options.onIdle?.();
  }

  /** A log line as an event. */
  line(line: string): void {
    this.event('log', line);
  }

  /** `text`: a line break in it would end the field, and becomes a blank. */
  event(name: string, text: string): void {
    const id = ++this.#lastId;
    const data = text.trimEnd().replaceAll(/[\r\n]/g, ' ');
    const frame = `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`;
    this.#kept = [...this.#kept.slice(1 - this.#maxKept), { id, frame, atMs: performance.now() }];
    this.#send(frame);
  }

  state(event: string, value: unknown): void {
    this.#stateFrame = `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
    this.#send(this.#stateFrame);
  }

  /** The answer that is the stream, beginning after the event that the page has seen last. */
  answer(exchange: Exchange): Response | Promise<Response> {
    if (this.#streams.size >= this.#maxStreams)
      return refuse(
        exchange,
        503,
        'streams',
        `${this.#maxStreams} pages follow the events already; close one.`,
      );
    const headers = { 'Content-Type': 'text/event-stream' };
    if (exchange.req.method === 'HEAD') return exchange.body(null, 200, headers);
    // A stream that broke is resumed with the header, one that the page closed itself with the parameter.
    const seen = Number(exchange.req.header('last-event-id') ?? exchange.req.query('after')) || 0;
    return exchange.body(this.#open(seen), 200, headers);
  }

  close(): void {
    for (const stream of this.#streams.keys()) stream.end();
  }

  #open(seen: number): ReadableStream<StreamBytes> {
    const stream = new OpenStream(this.#maxUnreadBytes, () => this.#forget(stream));
    const nowMs = performance.now();
    const recent = this.#kept.filter(({ atMs }) => nowMs - atMs <= this.#keepMs);
    // A page that knows a later event than there is knew another run of this program.
    const missed = recent.filter(({ id }) => id > seen || seen > this.#lastId);
    const frames = missed.map(({ frame }) => frame).join('');
    stream.send(`retry: 1000\n\n${this.#stateFrame}${frames}`);
    this.#streams.set(stream, nowMs);
    if (this.#keepAlive === undefined) {
      this.#keepAlive = setInterval(() => this.#keepOpen(), KEEP_ALIVE_MS).unref();
      this.#onBusy();
    }
    return stream.body;
  }

  #keepOpen(): void {
    const nowMs = performance.now();
    for (const [stream, openedAtMs] of this.#streams) if (nowMs - openedAtMs > MAX_AGE_MS) stream.end();
    this.#send(':\n\n');
  }

  #send(frame: string): void {
    const bytes = Buffer.from(frame);
    for (const stream of this.#streams.keys()) stream.send(bytes);
  }

  #forget(stream: OpenStream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    this.#onIdle();
  }
}
