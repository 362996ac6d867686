import { createHash, timingSafeEqual } from 'node:crypto';
import { type Kicked, MOST_KICKED } from '../auth/kicked.ts';
import type { AdminConfig, ListenAddress } from '../config/config.ts';
import { answer, json, refuse, takesGzip, wantsHtml } from '../private-http/answer.ts';
import type { Deadlines, DropReason } from '../private-http/connection.ts';
import type { Exchange } from '../private-http/exchange.ts';
import { PrivateServer } from '../private-http/server.ts';
import type { Status } from '../status.ts';
import { asHtml, asText } from './index-page.ts';
import { readKick } from './kick-request.ts';
import { MetricsPage, type MetricsText } from './metrics-page.ts';
import { ScrapeRhythm } from './scrape-rhythm.ts';

/** Connections of the admin port at a time, each one descriptor. */
export const ADMIN_CONNECTIONS = 40;
const SESSIONS_PER_PAGE = 500;
const PROBES = ['/livez', '/readyz', '/healthz'];

/** What the pages show; read at each request. */
export type AdminSource = {
  /** Why new sessions should go elsewhere; shown by /readyz. undefined: they are welcome. */
  readonly notReady: string | undefined;
  readonly status: Pick<Status, 'gateway' | 'sessions' | 'session'>;
  metrics(openMetrics: boolean): Promise<MetricsText>;
  /** What became of it, to be shown as it is; undefined: there is nothing to reload from. */
  reload(trigger: 'api'): Promise<{ readonly outcome: string } | undefined>;
  /** Some route asks who its clients are. */
  readonly asksWho: boolean;
  kickSession(id: number): KickReport | undefined;
  kickUser(who: Kicked, forMs: number): Promise<KickReport | undefined>;
};

/** What a kick has done, to be shown as it is; undefined in its place: it could not be done. */
type KickReport = { readonly ended: number };

/** The admin port: health, metrics, status. What is below /api needs the token, if there is one. */
export class AdminServer {
  readonly #server: PrivateServer;
  #config: AdminConfig;
  readonly #source: AdminSource;
  readonly #metricsPage: MetricsPage;
  readonly #rhythm = new ScrapeRhythm();
  #scrapeAwaited: (() => void) | undefined;
  #loopback = true;

  /** `deadlines`: given by a test that cannot wait so long. */
  constructor(config: AdminConfig, source: AdminSource, deadlines?: Deadlines) {
    this.#config = config;
    this.#source = source;
    this.#metricsPage = new MetricsPage((openMetrics) => source.metrics(openMetrics));
    this.#server = new PrivateServer({
      hosts: () => this.#config.hosts,
      maxConnections: ADMIN_CONNECTIONS,
      brief: PROBES,
      hostless: [...PROBES, '/metrics'],
      deadlines,
    });
    this.#addRoutes();
  }

  /** Resolves with the address that the system gave. @throws the system's error. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const bound = await this.#server.listen(address);
    this.#loopback = isLoopback(bound.host);
    return bound;
  }

  /** Other host names and another token from the next request on; the address stays. */
  configure(config: AdminConfig): void {
    this.#config = config;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** Connections that were ended without their answer. */
  get drops(): Readonly<Record<DropReason, number>> {
    return this.#server.drops;
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

  #addRoutes(): void {
    const { routes } = this.#server;
    const source = this.#source;
    routes.get('/', (exchange) => {
      exchange.header('Vary', 'Accept');
      if (!wantsHtml(exchange)) return answer(exchange, asText());
      return answer(exchange, asHtml(), { contentType: 'text/html; charset=utf-8' });
    });
    routes.get('/livez', (exchange) => answer(exchange, 'ok\n'));
    // Two names of one answer: /healthz is what many probes ask for by default.
    for (const path of ['/readyz', '/healthz'])
      routes.get(path, (exchange) =>
        source.notReady === undefined
          ? answer(exchange, 'ok\n')
          : answer(exchange, `${source.notReady}\n`, { status: 503 }),
      );
    routes.get('/metrics', (exchange) => this.#metrics(exchange));
    routes.use('/api/*', async (exchange, next) => this.#unauthorized(exchange) ?? next());
    routes.get('/api/status', (exchange) => json(exchange, source.status.gateway()));
    routes.get('/api/sessions', (exchange) => this.#sessions(exchange));
    routes.get('/api/sessions/:id{[1-9][0-9]*}', (exchange) => {
      const session = source.status.session(Number(exchange.req.param('id')));
      return session === undefined ? noSession(exchange) : json(exchange, session);
    });
    routes.post('/api/sessions/:id{[1-9][0-9]*}/kick', (exchange) => {
      const report = source.kickSession(Number(exchange.req.param('id')));
      return report === undefined ? noSession(exchange) : json(exchange, report);
    });
    routes.post('/api/sessions/kick', (exchange) => this.#kick(exchange));
    routes.post('/api/reload', async (exchange) => {
      const report = await source.reload('api');
      if (report === undefined)
        return refuse(exchange, 501, 'no_source', 'this gateway has nothing to reload from.');
      return json(exchange, report, { status: report.outcome === 'refused' ? 422 : 200 });
    });
  }

  async #metrics(exchange: Exchange): Promise<Response> {
    if (exchange.req.method === 'GET') {
      this.#rhythm.scraped(performance.now());
      const awaited = this.#scrapeAwaited;
      if (awaited !== undefined) exchange.env.outgoing.once('finish', awaited);
    }
    const openMetrics = exchange.req.header('accept')?.includes('application/openmetrics-text') === true;
    const zipped = takesGzip(exchange);
    const { contentType, body } = await this.#metricsPage.get(openMetrics, zipped);
    return answer(exchange, body, { contentType, headers: zipped ? { 'Content-Encoding': 'gzip' } : {} });
  }

  /** `?after=ID` continues after that session; ids only grow. */
  #sessions(exchange: Exchange): Promise<Response> {
    const limit = wholeNumber(exchange.req.query('limit') ?? String(SESSIONS_PER_PAGE));
    if (limit === undefined || limit < 1 || limit > SESSIONS_PER_PAGE)
      return refuse(exchange, 400, 'limit', `a whole number from 1 to ${SESSIONS_PER_PAGE}.`);
    const after = wholeNumber(exchange.req.query('after') ?? '0');
    if (after === undefined) return refuse(exchange, 400, 'after', 'the id of a session, as a whole number.');
    return json(exchange, this.#source.status.sessions(after, limit));
  }

  async #kick(exchange: Exchange): Promise<Response> {
    const asked = readKick(await exchange.req.text());
    if (typeof asked === 'string') return refuse(exchange, 400, 'body', asked);
    const { who, forMs } = asked;
    if (forMs > 0 && !this.#source.asksWho) {
      const text = 'no route has auth, so no user is known who could be kept out; leave for away.';
      return refuse(exchange, 409, 'no_auth', text);
    }
    const report = await this.#source.kickUser(who, forMs);
    if (report !== undefined) return json(exchange, report);
    const text = `${MOST_KICKED} users are kept out already; try again when the time of some is over.`;
    return refuse(exchange, 503, 'too_many_kicked', text);
  }

  #unauthorized(exchange: Exchange): Promise<Response> | undefined {
    const { token } = this.#config;
    if (token === undefined) {
      if (this.#loopback) return undefined;
      return refuse(exchange, 403, 'token_required', 'set admin.tokenFile to use this outside of loopback.');
    }
    const given = /^Bearer (.+)$/i.exec(exchange.req.header('authorization') ?? '')?.[1];
    if (given !== undefined && equalSecrets(given, token)) return undefined;
    const hint = 'send Authorization: Bearer with the admin token.';
    return refuse(exchange, 401, 'unauthenticated', hint, { 'WWW-Authenticate': 'Bearer' });
  }
}

const noSession = (exchange: Exchange): Promise<Response> =>
  refuse(exchange, 404, 'no_session', 'it has ended, or never was; see /api/sessions.');

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');

/** undefined: it is not one that a number holds exactly. */
const wholeNumber = (text: string): number | undefined =>
  /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;

/** Compares digests, so that neither length nor content of the secret shows in the time taken. */
function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
