import { refuse } from './answer.ts';
import type { Exchange } from './exchange.ts';

/** Lines kept for pages that come later. */
const MAX_KEPT = 200;
const MAX_STREAMS = 32;
/** A page that does not read is dropped when this much waits for it; it comes back by itself and catches up. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** A connection learns that its client has gone when it writes. */
const KEEP_ALIVE_MS = 15_000;

type Bytes = Uint8Array<ArrayBuffer>;
type Stream = ReadableStreamDefaultController<Bytes>;

/**
 * Server-Sent Events to any number of pages: numbered log lines, of which the last are sent again to a page
 * that comes (back), and one state, of which only the newest counts.
 */
export class EventStream {
  readonly #streams = new Set<Stream>();
  #kept: { readonly id: number; readonly frame: string }[] = [];
  #lastId = 0;
  #stateFrame = '';
  #keepAlive: NodeJS.Timeout | undefined;

  line(line: string): void {
    const id = ++this.#lastId;
    // A line break would end the field; a log line has none but the one at its end.
    const frame = `id: ${id}\nevent: log\ndata: ${line.trimEnd().replaceAll(/[\r\n]/g, ' ')}\n\n`;
    this.#kept = [...this.#kept.slice(1 - MAX_KEPT), { id, frame }];
    this.#send(frame);
  }

  state(event: string, value: unknown): void {
    this.#stateFrame = `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
    this.#send(this.#stateFrame);
  }

  /** The answer that is the stream, beginning after the line that the page has seen last. */
  answer(exchange: Exchange): Response | Promise<Response> {
    if (this.#streams.size >= MAX_STREAMS)
      return refuse(exchange, 503, 'streams', 'too many pages follow the events.');
    // A stream that broke is resumed with the header, one that the page closed itself with the parameter.
    const seen = Number(exchange.req.header('last-event-id') ?? exchange.req.query('after')) || 0;
    const headers = { 'Content-Type': 'text/event-stream' };
    if (exchange.req.method === 'HEAD') return exchange.body(null, 200, headers);
    return exchange.body(this.#open(seen), 200, headers);
  }

  close(): void {
    for (const stream of this.#streams) this.#end(stream);
  }

  #open(seen: number): ReadableStream<Bytes> {
    let opened: Stream;
    return new ReadableStream<Bytes>(
      {
        start: (stream) => {
          opened = stream;
          // A page that knows a later line than there is knew another run of this program.
          const missed = this.#kept.filter(({ id }) => id > seen || seen > this.#lastId);
          const frames = missed.map(({ frame }) => frame).join('');
          stream.enqueue(Buffer.from(`retry: 1000\n\n${this.#stateFrame}${frames}`));
          this.#streams.add(stream);
          this.#keepAlive ??= setInterval(() => this.#send(':\n\n'), KEEP_ALIVE_MS).unref();
        },
        cancel: () => this.#forget(opened),
      },
      { highWaterMark: MAX_UNREAD_BYTES, size: (bytes) => bytes.byteLength },
    );
  }

  #send(frame: string): void {
    const bytes = Buffer.from(frame);
    for (const stream of this.#streams) {
      if ((stream.desiredSize ?? 0) < 0) this.#end(stream);
      else stream.enqueue(bytes);
    }
  }

  /** In order: an error would be one of the server, which has none. */
  #end(stream: Stream): void {
    this.#forget(stream);
    stream.close();
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }
}
