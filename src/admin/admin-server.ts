import type { AdminConfig, ListenAddress } from '../config/config.ts';
import { answer, takesGzip } from '../private-http/answer.ts';
import type { Deadlines, DropReason } from '../private-http/connection.ts';
import type { Exchange } from '../private-http/exchange.ts';
import { PrivateServer } from '../private-http/server.ts';
import { type Access, guardApi, isOpenTo } from './api/access.ts';
import { addCaptures, type CapturesSource } from './api/captures.ts';
import { addConfig, type ConfigSource } from './api/config.ts';
import { EVENTS, Events, type EventsSource } from './api/events.ts';
import { addHandshakes, type HandshakesSource } from './api/handshakes.ts';
import { addInstance, type InstanceSource } from './api/instance.ts';
import { addKicks, type KickSource } from './api/kick.ts';
import { addLog, type LogSource } from './api/log.ts';
import { addLogin } from './api/login.ts';
import { addOpenApi } from './api/openapi.ts';
import { OPERATIONS, Operations, type OperationsSource } from './api/operations.ts';
import { addPolicy, type PolicySource } from './api/policy.ts';
import { addReload, type ReloadSource } from './api/reload.ts';
import { addSessions, type SessionsSource } from './api/sessions.ts';
import { addSubjects, type SubjectsSource } from './api/subjects.ts';
import { Logins } from './logins.ts';
import { MetricsPage, type MetricsText } from './metrics-page.ts';
import { ScrapeRhythm } from './scrape-rhythm.ts';
import { addStatusPage, type StatusPageSource } from './status-page.ts';
import { TokenGuesses } from './token-guesses.ts';

/** Connections of the admin port at a time, each one descriptor. */
export const ADMIN_CONNECTIONS = 64;
const PROBES = ['/livez', '/readyz', '/healthz'];

/** What the pages show, and what the API does; read at each request. */
export type AdminSource = InstanceSource &
  SessionsSource &
  SubjectsSource &
  HandshakesSource &
  PolicySource &
  StatusPageSource &
  KickSource &
  ConfigSource &
  CapturesSource &
  EventsSource &
  OperationsSource &
  LogSource &
  ReloadSource & {
    /** Why new sessions should go elsewhere; shown by /readyz. undefined: they are welcome. */
    readonly notReady: string | undefined;
    metrics(openMetrics: boolean): Promise<MetricsText>;
  };

/** The admin port: health, metrics, the API (`api/`) and the status page. */
export class AdminServer {
  readonly #server: PrivateServer;
  #config: AdminConfig;
  readonly #source: AdminSource;
  readonly #metricsPage: MetricsPage;
  readonly #rhythm = new ScrapeRhythm();
  readonly #logins = new Logins();
  readonly #guesses: TokenGuesses;
  readonly #events: Events;
  readonly #operations: Operations;
  #scrapeAwaited: (() => void) | undefined;
  #loopback = true;

  /** `deadlines`: given by a test that cannot wait so long. */
  constructor(config: AdminConfig, source: AdminSource, deadlines?: Deadlines) {
    this.#config = config;
    this.#source = source;
    this.#events = new Events(source);
    this.#operations = new Operations(source);
    this.#guesses = new TokenGuesses(source.log);
    this.#metricsPage = new MetricsPage((openMetrics) => source.metrics(openMetrics));
    this.#server = new PrivateServer({
      hosts: () => this.#config.hosts,
      maxConnections: ADMIN_CONNECTIONS,
      brief: PROBES,
      streams: [EVENTS, OPERATIONS],
      hostless: [...PROBES, '/metrics'],
      tls: config.tls,
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

  /** Other host names, another token and another certificate from the next request on; address and scheme stay. */
  configure(config: AdminConfig): void {
    if (config.tls !== undefined && config.tls !== this.#config.tls) this.#server.present(config.tls);
    // Who has seen the old token must not stay.
    if (config.token !== this.#config.token) {
      this.#logins.endAll();
      this.#endStreams();
    }
    this.#config = config;
  }

  close(): Promise<void> {
    this.#endStreams();
    return this.#server.close();
  }

  #endStreams(): void {
    this.#events.endAll();
    this.#operations.endAll();
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
    addStatusPage(routes, source, {
      isOn: () => this.#config.page,
      maySee: (exchange) => isOpenTo(exchange, this.#access),
      takesLogin: () => this.#config.token !== undefined,
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
    this.#addApi();
  }

  #addApi(): void {
    const { routes } = this.#server;
    const source = this.#source;
    const access = (): Access => this.#access;
    addLogin(routes, access, source.log, () => this.#endStreams());
    guardApi(routes, access);
    addInstance(routes, source);
    addSessions(routes, source);
    addHandshakes(routes, source);
    addSubjects(routes, source);
    addPolicy(routes, source);
    addKicks(routes, source);
    addConfig(routes, source);
    this.#events.addTo(routes);
    this.#operations.addTo(routes);
    addLog(routes, source);
    addReload(routes, source);
    addCaptures(routes, source);
    addOpenApi(routes);
  }

  get #access(): Access {
    return {
      token: this.#config.token,
      logins: this.#logins,
      guesses: this.#guesses,
      isLoopback: this.#loopback,
      isSecure: this.#config.tls !== undefined,
    };
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
}

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
