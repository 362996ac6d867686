import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminConfig, ListenAddress } from '../config/config.ts';
import { parseTarget } from '../net/request-target.ts';
import type { AdminDeadlines, AdminDropReason } from './admin-connection.ts';
import { type AdminPlace, AdminPort } from './admin-port.ts';
import { type Answer, json, send, takesGzip } from './answer.ts';
import { MetricsPage, type MetricsText } from './metrics-page.ts';
import { PROBES, refusal } from './request-rules.ts';
import { ScrapeRhythm } from './scrape-rhythm.ts';

const SESSIONS_PER_PAGE = 500;
/** What the pages show; read at each request. */
export type AdminSource = {
  readonly ready: boolean;
  /** Why the gateway is not ready; shown by /readyz. */
  readonly notReady: string;
  status(): unknown;
  sessionList(after: number, limit: number): unknown;
  /** undefined: no such session is open. */
  sessionDetail(id: number): unknown;
  metrics(openMetrics: boolean): Promise<MetricsText>;
  /** What became of it, to be shown as it is; undefined: there is nothing to reload from. */
  reload(trigger: 'api'): Promise<{ readonly outcome: string } | undefined>;
};

/**
 * The private port: health, metrics, status. A browser cannot drive it: a request whose Host is a name that is
 * not ours (DNS rebinding), or whose Origin is not this server itself, is refused whatever it asks for. Each connection
 * has one request: scrapers and probes come seldom, so the handshake that keep-alive would save costs nothing, and no
 * idle connection holds a place.
 */
export class AdminServer {
  readonly #port: AdminPort;
  #config: AdminConfig;
  readonly #source: AdminSource;
  readonly #metricsPage: MetricsPage;
  readonly #rhythm = new ScrapeRhythm();
  #scrapeAwaited: (() => void) | undefined;
  #loopback = true;

  /** `deadlines`: given by a test that cannot wait so long. */
  constructor(config: AdminConfig, source: AdminSource, deadlines?: AdminDeadlines) {
    this.#config = config;
    this.#source = source;
    this.#metricsPage = new MetricsPage((openMetrics) => source.metrics(openMetrics));
    this.#port = new AdminPort(
      (request, response, place) => void this.#respond(request, response, place),
      deadlines,
    );
  }

  /** Resolves with the address that the system gave. @throws the system's error. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const bound = await this.#port.listen(address);
    this.#loopback = isLoopback(bound.host);
    return bound;
  }

  /** Other host names and another token from the next request on; the address stays. */
  configure(config: AdminConfig): void {
    this.#config = config;
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  /** Connections that were ended without their answer. */
  get drops(): Readonly<Record<AdminDropReason, number>> {
    return this.#port.drops;
  }

  /**
   * Resolves when somebody who scrapes has the numbers of now: after the next answer of /metrics, at most `mostMs`
   * later. At once when nobody does, or when the rhythm so far says that none is due in time.
   */
  async lastScrape(mostMs: number, signal: AbortSignal): Promise<void> {
    const dueInMs = this.#rhythm.dueInMs(performance.now());
    if (dueInMs === undefined || dueInMs > mostMs || signal.aborted) return;
    this.#metricsPage.forget();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#scrapeAwaited = resolve;
    signal.addEventListener('abort', () => resolve());
    const deadline = setTimeout(resolve, mostMs);
    await promise;
    clearTimeout(deadline);
  }

  async #respond(request: IncomingMessage, response: ServerResponse, place: AdminPlace): Promise<void> {
    const target = parseTarget(request.url ?? '');
    let answer: Answer;
    try {
      answer =
        refusal(request, target, this.#config.hosts) ??
        (await this.#route(request, response, target?.path, place));
    } catch {
      // Details belong in the log of the part that failed; this port shows none.
      answer = { status: 500, body: 'internal_error: the answer could not be made.\n' };
    }
    await send(request, response, answer);
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    path: string | undefined,
    place: AdminPlace,
  ): Promise<Answer> {
    if (!PROBES.includes(path) && !place.take()) {
      const headers = { 'Retry-After': '1' };
      return { status: 503, body: 'busy: too many answers are on their way.\n', headers };
    }
    switch (path) {
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
      case '/metrics':
        return this.#metrics(request, response);
      case '/api/status':
        return this.#unauthorized(request) ?? json(this.#source.status());
      case '/api/sessions':
        return this.#unauthorized(request) ?? this.#sessions(request.url ?? '');
      case '/api/reload':
        return this.#unauthorized(request) ?? (await this.#reload());
      default: {
        const id = /^\/api\/sessions\/([1-9][0-9]{0,14})$/.exec(path ?? '')?.[1];
        if (id !== undefined) return this.#unauthorized(request) ?? this.#session(Number(id));
        return { status: 404, body: 'not_found: see / for what is here.\n' };
      }
    }
  }

  async #metrics(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    if (request.method === 'GET') {
      this.#rhythm.scraped(performance.now());
      const awaited = this.#scrapeAwaited;
      if (awaited !== undefined) response.once('finish', awaited);
    }
    const openMetrics = request.headers.accept?.includes('application/openmetrics-text') === true;
    const zipped = takesGzip(request);
    const headers = zipped ? { 'Content-Encoding': 'gzip' } : {};
    return { status: 200, ...(await this.#metricsPage.get(openMetrics, zipped)), headers };
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
}

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');

/** Compares digests, so that neither length nor content of the secret shows in the time taken. */
function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
