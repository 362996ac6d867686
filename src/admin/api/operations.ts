import type { WatchReader } from '../../live/watch.ts';
import { MOST_WATCHED, type WatchRefusal } from '../../live/watches.ts';
import { refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import { OpenStream } from '../../private-http/open-stream.ts';
import { WATCH_PLACES } from '../../private-http/port.ts';
import { noSession, SESSION } from './sessions.ts';

/** Where the streams are: they have places of their own. */
export const OPERATIONS = /^\/api\/sessions\/[1-9]\d*\/operations$/;

const MAX_UNREAD_BYTES = 1024 * 1024;
/** A connection learns that its client has gone when it writes. */
const KEEP_ALIVE_MS = 15_000;

export type OperationsSource = {
  readonly watches: {
    /** undefined: this session can be watched. */
    refusal(session: number): WatchRefusal | undefined;
    /** `by`: the address of who asks. Returns how the reader leaves; undefined: it cannot be watched any more. */
    watch(
      session: number,
      reader: WatchReader,
      lastId: string | undefined,
      by: string,
    ): (() => void) | undefined;
  };
};

/** What a session says, while it says it, as Server-Sent Events: /api/sessions/ID/operations. */
export class Operations {
  readonly #watches: OperationsSource['watches'];
  readonly #streams = new Set<OpenStream>();
  #keepAlive: NodeJS.Timeout | undefined;

  constructor({ watches }: OperationsSource) {
    this.#watches = watches;
  }

  addTo(routes: Routes): void {
    routes.get(`${SESSION}/operations`, (exchange) => this.#answer(exchange));
  }

  /** Ends all streams. Their pages come back by themselves and are judged again. */
  endAll(): void {
    for (const stream of this.#streams) stream.end();
  }

  #answer(exchange: Exchange): Response | Promise<Response> {
    const session = Number(exchange.req.param('id'));
    const why = this.#watches.refusal(session);
    if (why !== undefined) return refused(exchange, why);
    const headers = { 'Content-Type': 'text/event-stream' };
    if (exchange.req.method === 'HEAD') return exchange.body(null, 200, headers);
    if (!exchange.env.takePlace('watching')) {
      const text = `${WATCH_PLACES} pages watch sessions already; close one.`;
      return refuse(exchange, 503, 'streams', text);
    }
    let leave: (() => void) | undefined;
    const stream = new OpenStream(MAX_UNREAD_BYTES, () => {
      this.#forget(stream);
      leave?.();
    });
    // A stream that broke is resumed with the header, one that the page closed itself with the parameter.
    const lastId = exchange.req.header('last-event-id') ?? exchange.req.query('after');
    leave = this.#watches.watch(session, stream, lastId, exchange.env.incoming.socket.remoteAddress ?? '');
    this.#streams.add(stream);
    this.#keepAlive ??= setInterval(() => {
      for (const one of this.#streams) one.send(':\n\n');
    }, KEEP_ALIVE_MS).unref();
    return exchange.body(stream.body, 200, headers);
  }

  #forget(stream: OpenStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }
}

const REFUSALS = {
  inspect_off: [
    409,
    'the route of this session has inspect: off, so natsgate does not know where operations begin; set inspect: observe.',
  ],
  not_readable: [
    409,
    'natsgate cannot read what this session says any more; /api/sessions/ID has the place in inspection.stopped.',
  ],
  too_many_watched: [
    503,
    `${MOST_WATCHED} sessions are watched already, which is the most; close the page of one of them.`,
  ],
} as const satisfies Record<Exclude<WatchRefusal, 'no_session'>, readonly [number, string]>;

function refused(exchange: Exchange, why: WatchRefusal): Promise<Response> {
  if (why === 'no_session') return noSession(exchange);
  const [status, text] = REFUSALS[why];
  return refuse(exchange, status, why, text);
}
