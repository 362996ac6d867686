import type { ServerResponse } from 'node:http';

/** Lines kept for pages that come later. */
const MAX_KEPT = 200;
const MAX_STREAMS = 32;
/** A page that does not read is dropped when this much waits for it; it comes back by itself and catches up. */
const MAX_UNREAD_BYTES = 256 * 1024;

/**
 * Server-Sent Events to any number of pages: numbered log lines, of which the last are sent again to a page
 * that comes (back), and one state, of which only the newest counts.
 */
export class EventStream {
  readonly #streams = new Set<ServerResponse>();
  #kept: { readonly id: number; readonly frame: string }[] = [];
  #lastId = 0;
  #stateFrame = '';

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

  /** Makes `response` a stream that begins after the line `after`. False: too many pages are listening. */
  attach(response: ServerResponse, after: number): boolean {
    if (this.#streams.size >= MAX_STREAMS) return false;
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    // A page that knows a later line than there is knew another run of this program.
    const missed = after > this.#lastId ? this.#kept : this.#kept.filter(({ id }) => id > after);
    response.write(`retry: 1000\n\n${this.#stateFrame}${missed.map(({ frame }) => frame).join('')}`);
    this.#streams.add(response);
    response.once('close', () => this.#streams.delete(response));
    return true;
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  #send(frame: string): void {
    for (const stream of this.#streams) {
      if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy();
      else stream.write(frame);
    }
  }
}
