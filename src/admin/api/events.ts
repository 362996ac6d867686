import { refuse } from '../../private-http/answer.ts';
import { EventStream } from '../../private-http/event-stream.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import { STREAM_PLACES } from '../../private-http/port.ts';
import type { Status } from '../../status.ts';

const PATH = '/api/events';
/** Where the stream is: it has places of its own. */
export const EVENTS = /^\/api\/events$/;

const MAX_UNREAD_BYTES = 1024 * 1024;
/** A page that comes back after this has missed what is not sent again. */
const KEPT_SECONDS = 60;
const EVERY_MS = 1000;

export type EventsSource = { readonly status: Pick<Status, 'seconds'> };

/** /api/events: how the gateway does, each second, as Server-Sent Events. While nobody listens, nothing runs. */
export class Events {
  readonly #source: EventsSource;
  readonly #stream: EventStream;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: EventsSource) {
    this.#source = source;
    this.#stream = new EventStream({
      // The port keeps the places.
      maxStreams: Number.POSITIVE_INFINITY,
      maxKept: KEPT_SECONDS,
      keepMs: KEPT_SECONDS * 1000,
      maxUnreadBytes: MAX_UNREAD_BYTES,
      // There is less than one event in each millisecond, so another run has sent none above it.
      lastId: Date.now(),
      onBusy: () => this.#begin(),
      onIdle: () => clearInterval(this.#timer),
    });
  }

  addTo(routes: Routes): void {
    routes.get(PATH, (exchange) => this.#answer(exchange));
  }

  /** Ends all streams. Their pages come back by themselves and are judged again. */
  endAll(): void {
    this.#stream.close();
  }

  #answer(exchange: Exchange): Response | Promise<Response> {
    if (exchange.req.method === 'HEAD' || exchange.env.takePlace('streaming'))
      return this.#stream.answer(exchange);
    const text = `${STREAM_PLACES} pages follow the events already; close one.`;
    return refuse(exchange, 503, 'streams', text);
  }

  #begin(): void {
    const seconds = this.#source.status.seconds();
    this.#timer = setInterval(() => this.#stream.event('second', JSON.stringify(seconds.next())), EVERY_MS);
    this.#timer.unref();
  }
}
