import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { AdminConfig, ListenAddress } from '../config/config.ts';
import { printableJson } from '../printable.ts';

const compress = promisify(gzip);

/** A request gets this long for its head, and a connection this long for nothing. */
const REQUEST_MS = 5000;
/** At once. */
export const ADMIN_CONNECTIONS = 32;
/** Below this, compression saves nothing worth the turn. */
const MIN_COMPRESSED_BYTES = 1024;

const SESSIONS_PER_PAGE = 500;
/** What changes something, and so wants POST. */
const ACTIONS: readonly (string | undefined)[] = ['/api/reload'];

/** What the pages show; read at each request. */
export type AdminSource = {
  readonly ready: boolean;
  /** Why the gateway is not ready; shown by /readyz. */
  readonly notReady: string;
  status(): unknown;
  sessionList(after: number, limit: number): unknown;
  /** undefined: no such session is open. */
  sessionDetail(id: number): unknown;
  metrics(openMetrics: boolean): Promise<{ readonly contentType: string; readonly body: string }>;
  /** What became of it, to be shown as it is; undefined: there is nothing to reload from. */
  reload(trigger: 'api'): Promise<{ readonly outcome: string } | undefined>;
};

type Answer = {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * The private port: health, metrics, status. A browser cannot drive it: a request whose Host is a name that is
 * not ours (DNS rebinding), or whose Origin is not this server itself, is refused whatever it asks for.
 */
export class AdminServer {
  readonly #server: Server;
  #config: AdminConfig;
  readonly #source: AdminSource;
  #loopback = true;

  constructor(config: AdminConfig, source: AdminSource) {
    this.#config = config;
    this.#source = source;
    this.#server = createServer(
      {
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1000,
        keepAliveTimeout: REQUEST_MS,
        maxHeaderSize: 8 * 1024,
      },
      (request, response) => void this.#respond(request, response),
    );
    this.#server.maxConnections = ADMIN_CONNECTIONS;
  }

  /** Resolves with the address that the system gave. @throws the system's error. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    const { promise, resolve, reject } = Promise.withResolvers<ListenAddress>();
    this.#server.once('error', reject);
    this.#server.listen({ host: address.host, port: address.port }, () => {
      this.#server.off('error', reject);
      const bound = this.#server.address() as AddressInfo;
      this.#loopback = isLoopback(bound.address);
      resolve({ host: bound.address, port: bound.port });
    });
    return promise;
  }

  /** Other host names and another token from the next request on; the address stays. */
  configure(config: AdminConfig): void {
    this.#config = config;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = this.#refusal(request) ?? (await this.#route(request));
    } catch {
      // Details belong into the log of whoever failed; this port shows none.
      answer = { status: 500, body: 'internal_error: the answer could not be made.\n' };
    }
    await send(request, response, answer);
  }

  #refusal(request: IncomingMessage): Answer | undefined {
    const { host, origin } = request.headers;
    if (!this.#isOurHost(host)) {
      return {
        status: 421,
        body: 'foreign_host: use an IP address, localhost, or a name from admin.hosts.\n',
      };
    }
    if (origin !== undefined && origin !== `http://${host}`) {
      return { status: 403, body: 'foreign_origin: pages of other sites may not use this port.\n' };
    }
    const allowed = ACTIONS.includes(pathOf(request)) ? ['POST'] : ['GET', 'HEAD'];
    if (!allowed.includes(request.method ?? '')) {
      return { status: 405, body: `method: use ${allowed[0]}.\n`, headers: { Allow: allowed.join(', ') } };
    }
    // Nothing here has a use for one, and what is not read needs no limit.
    if (
      request.headers['transfer-encoding'] !== undefined ||
      Number(request.headers['content-length'] ?? 0) > 0
    ) {
      return { status: 413, body: 'body: send none.\n', headers: { Connection: 'close' } };
    }
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      return { status: 404, body: 'no_websocket: this is the admin port; connect to the public one.\n' };
    }
    return undefined;
  }

  async #route(request: IncomingMessage): Promise<Answer> {
    switch (pathOf(request)) {
      case '/':
        return {
          status: 200,
          body: 'natsgate admin port\n\n/livez       the process lives\n/readyz      new sessions are welcome\n/metrics     Prometheus\n/api/status  what is running, as JSON\n/api/reload  POST: read the configuration again\n/api/sessions      who is connected, 500 at once, ?after=ID for more\n/api/sessions/ID   one of them, with what inspection saw\n',
        };
      case '/livez':
        return { status: 200, body: 'ok\n' };
      case '/readyz':
        return this.#source.ready
          ? { status: 200, body: 'ok\n' }
          : { status: 503, body: `${this.#source.notReady}\n` };
      case '/metrics': {
        const openMetrics = request.headers.accept?.includes('application/openmetrics-text') === true;
        return { status: 200, ...(await this.#source.metrics(openMetrics)) };
      }
      case '/api/status':
        return this.#unauthorized(request) ?? json(this.#source.status());
      case '/api/sessions':
        return this.#unauthorized(request) ?? this.#sessions(request.url ?? '');
      case '/api/reload':
        return this.#unauthorized(request) ?? (await this.#reload());
      default: {
        const id = /^\/api\/sessions\/([1-9][0-9]{0,14})$/.exec(pathOf(request) ?? '')?.[1];
        if (id !== undefined) return this.#unauthorized(request) ?? this.#session(Number(id));
        return { status: 404, body: 'not_found: see / for what is here.\n' };
      }
    }
  }

  /** `?after=ID` continues behind that session; ids only grow. */
  #sessions(url: string): Answer {
    const after = /[?&]after=([0-9]{1,15})(?:&|$)/.exec(url)?.[1] ?? '0';
    return json(this.#source.sessionList(Number(after), SESSIONS_PER_PAGE));
  }

  #session(id: number): Answer {
    const session = this.#source.sessionDetail(id);
    if (session !== undefined) return json(session);
    return { status: 404, body: 'no_session: it has ended, or never was; see /api/sessions.\n' };
  }

  async #reload(): Promise<Answer> {
    const report = await this.#source.reload('api');
    if (report === undefined)
      return { status: 501, body: 'no_source: this gateway has nothing to reload from.\n' };
    return { ...json(report), status: report.outcome === 'refused' ? 422 : 200 };
  }

  #unauthorized(request: IncomingMessage): Answer | undefined {
    const { token } = this.#config;
    if (token === undefined) {
      if (this.#loopback) return undefined;
      return { status: 403, body: 'token_required: set admin.tokenFile to use this outside of loopback.\n' };
    }
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given !== undefined && equalSecrets(given, token)) return undefined;
    return {
      status: 401,
      body: 'unauthenticated: send Authorization: Bearer with the admin token.\n',
      headers: { 'WWW-Authenticate': 'Bearer' },
    };
  }

  #isOurHost(host: string | undefined): boolean {
    if (host === undefined) return false;
    const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
    const literal = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
    return isIP(literal) !== 0 || name === 'localhost' || this.#config.hosts.includes(name);
  }
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const plain = Buffer.from(answer.body);
  const zipped =
    plain.length >= MIN_COMPRESSED_BYTES && takesGzip(String(request.headers['accept-encoding'] ?? ''));
  const body = zipped ? await compress(plain) : plain;
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType ?? 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    ...(zipped ? { 'Content-Encoding': 'gzip' } : {}),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'",
    ...answer.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

const pathOf = (request: IncomingMessage): string | undefined => request.url?.split('?', 1)[0];

/** RFC 9110 §12.5.3: a weight of 0 means "not this one". */
const takesGzip = (accepted: string): boolean =>
  accepted
    .split(',')
    .some((coding) => /^\s*gzip\s*(;|$)/i.test(coding) && !/;\s*q=0(\.0*)?\s*$/i.test(coding));

const json = (value: unknown): Answer => ({
  status: 200,
  contentType: 'application/json; charset=utf-8',
  // For curl at a terminal: subjects are words of strangers.
  body: `${printableJson(JSON.stringify(value, undefined, 2))}\n`,
});

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');

/** Compares digests, so that neither length nor content of the secret shows in the time taken. */
function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
