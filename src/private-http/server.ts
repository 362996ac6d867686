import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { AdminTls, ListenAddress } from '../config/config.ts';
import { parseTarget } from '../net/request-target.ts';
import { refuse } from './answer.ts';
import { ANSWER_HEADERS, type Deadlines, type DropReason } from './connection.ts';
import { type Bindings, NO_PATH, type PrivateEnv, type Routes } from './exchange.ts';
import { type GuardOptions, guard } from './guard.ts';
import { PrivatePort } from './port.ts';
import { TlsSide } from './tls-side.ts';

export type PrivateServerOptions = GuardOptions & {
  readonly maxConnections: number;
  /** Answered at once and in few bytes, so that they need no place among the long answers. */
  readonly brief: readonly string[];
  /** Their handlers take one of the places of streams, when they know that the client may have it. */
  readonly streams?: readonly RegExp[];
  /** Default: nothing is allowed. */
  readonly contentSecurityPolicy?: string;
  /** Default: in clear. */
  readonly tls?: AdminTls | undefined;
  /** Given by a test that cannot wait so long. */
  readonly deadlines?: Deadlines | undefined;
};

/**
 * An HTTP server for those who run the program: routes by Hono, on connections that have one request each. Scrapers,
 * probes and pages come seldom, so the handshake that keep-alive would save costs nothing, and no idle connection holds
 * a place. A browser cannot drive it from the page of another site (guard.ts).
 */
export class PrivateServer {
  readonly routes: Routes;
  readonly #port: PrivatePort;
  readonly #tls: TlsSide | undefined;

  /** @throws when the certificate does not fit its key. */
  constructor(options: PrivateServerOptions) {
    this.#tls = options.tls && new TlsSide(options.tls);
    const routes: Routes = new Hono<PrivateEnv>({
      getPath: (_request, { env } = {}) => env?.path ?? NO_PATH,
    });
    this.routes = routes;
    const { contentSecurityPolicy = ANSWER_HEADERS['Content-Security-Policy'], brief } = options;
    const headers = { ...ANSWER_HEADERS, 'Content-Security-Policy': contentSecurityPolicy };
    routes.use((exchange, next) => {
      for (const [name, value] of Object.entries(headers)) exchange.header(name, value);
      return next();
    });
    routes.use(guard(options, this.#tls === undefined ? 'http' : 'https'));
    const { streams = [] } = options;
    const isPlaceless = (path: string): boolean =>
      brief.includes(path) || streams.some((stream) => stream.test(path));
    routes.use(async (exchange, next) => {
      if (isPlaceless(exchange.req.path) || exchange.env.takePlace('answering')) return next();
      return refuse(exchange, 503, 'busy', 'too many answers are on their way.', { 'Retry-After': '1' });
    });
    routes.use(
      methodNotAllowed({
        app: routes,
        onMethodNotAllowed: (exchange, methods) =>
          refuse(exchange, 405, 'method', `use ${methods[0]}.`, { Allow: methods.join(', ') }),
      }),
    );
    routes.notFound((exchange) => refuse(exchange, 404, 'not_found', 'see / for what is here.'));
    // Details belong in the log of the part that failed; this port shows none.
    routes.onError((_error, exchange) =>
      refuse(exchange, 500, 'internal_error', 'the answer could not be made.'),
    );
    // The adapter hands on the request alone.
    const known = new WeakMap<object, Omit<Bindings, keyof HttpBindings>>();
    const listener = getRequestListener(
      (request, { incoming, outgoing }) =>
        routes.fetch(request, { incoming, outgoing, ...known.get(incoming) } as Bindings),
      // Bodies are bounded by the connection, and this program's Request and Response stay Node's own.
      { overrideGlobalObjects: false, autoCleanupIncoming: false },
    );
    this.#port = new PrivatePort(
      (incoming, outgoing, takePlace) => {
        const { url = '', headers: given } = incoming;
        const target = parseTarget(url);
        known.set(incoming, { path: target?.path ?? NO_PATH, host: given.host, target, takePlace });
        // The adapter makes one URL of both, which decodes and refuses what is for us to judge; only the query is left to it.
        incoming.url = `/${url.includes('?') ? url.slice(url.indexOf('?')) : ''}`;
        given.host = 'localhost';
        void listener(incoming, outgoing);
      },
      options.maxConnections,
      this.#tls,
      options.deadlines,
    );
  }

  /** Resolves with the address that the system gave. @throws the system's error. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    return this.#port.listen(address);
  }

  /** Another certificate from the next connection on; nothing happens in clear. @throws when it does not fit its key. */
  present(tls: AdminTls): void {
    this.#tls?.present(tls);
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  /** Connections that were ended without their answer. */
  get drops(): Readonly<Record<DropReason, number>> {
    return this.#port.drops;
  }
}
