import { AdminServer, type AdminSource } from './admin/admin-server.ts';
import type { MetricsText } from './admin/metrics-page.ts';
import { AdminFacade, type GatewayFace } from './admin-facade.ts';
import type { Config, ListenAddress } from './config/config.ts';
import { type Applied, Reloader, type ReloaderOptions } from './config/reload.ts';
import type { ReloadReport, ReloadTrigger } from './config/reload-report.ts';
import { drainSessions } from './drain.ts';
import { Listener } from './listener/listener.ts';
import type { Log } from './log.ts';
import { SessionOpener } from './open-session.ts';
import { Parts, type PartsOptions } from './parts.ts';
import { type Machine, type Prepared, prepare } from './prepare.ts';
import { Runtime } from './runtime.ts';
import type { GatewayState } from './snapshot.ts';
import { logReady, logWarnings, warnOfPage } from './start-lines.ts';
import { Status } from './status.ts';

export type GatewayOptions = Machine &
  PartsOptions & {
    /** Dials each upstream once at the start, and each new one after a reload. The log says which servers answered. */
    readonly firstDial?: boolean;
    /** As `pageFile` of the admin port; without it there is no status page. */
    readonly pageFile?: AdminSource['pageFile'];
    /** Where the configuration comes from; without it there is no reload. */
    readonly source?: Omit<ReloaderOptions, 'apply' | 'log'>;
  };

/**
 * A drain ends with a wait for the scrape that reads the last numbers, at most this long. docs/operations.md asks for a
 * grace period of 5 s beyond delay and timeout, so this must be less.
 */
const LAST_SCRAPE_MS = 4000;

/**
 * Starts a gateway; resolves when both ports listen.
 *
 * @throws what a part threw: a port in use, a session cap that the descriptor limit cannot carry. Everything that was
 * started before has been stopped again.
 */
export async function startGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  const gateway = new Gateway(await prepare(config, options), options);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  return gateway;
}

/**
 * All parts of the program, joined. A session goes through it like this:
 *
 * ```
 *  listener ─▶ handshake rules, route ─▶ admission ─▶ dial ─▶ INFO seen ─▶ 101 ─▶ session ─▶ one close reason
 * ```
 *
 * and the program itself like this:
 *
 * ```
 *  starting ──both ports listen──▶ ready ──drain()──▶ draining ──empty or deadline──▶ stopped
 *     └──── a failure: undone in reverse ──────────────── stop(): at once ────────────▲
 * ```
 */
export class Gateway implements GatewayFace {
  readonly #options: GatewayOptions;
  readonly log: Log;
  readonly #parts: Parts;
  /** The running configuration. A reload replaces it; handshakes and sessions keep the one that they began with. */
  #runtime: Runtime;
  readonly #opener: SessionOpener;
  readonly #listener: Listener;
  readonly #admin: AdminServer;
  readonly reloader: Reloader | undefined;
  readonly status: Status;
  #state: GatewayState = 'starting';
  #address: ListenAddress | undefined;
  #adminAddress: ListenAddress | undefined;
  readonly #cutNow = new AbortController();
  #drained: Promise<void> | undefined;

  /** Builds all parts; nothing listens yet. @throws as startGateway. */
  constructor(prepared: Prepared, options: GatewayOptions) {
    const { log, source } = options;
    this.#options = options;
    this.log = log;
    this.#parts = new Parts(prepared, options, () => this.status.snapshot());
    this.#runtime = new Runtime(prepared, this.#parts);
    this.#parts.recorder.addUpstreams(this.#runtime.upstreamNames);
    this.#parts.setRoles(this.#runtime.roleNames);
    this.#opener = new SessionOpener(this.#parts, {
      runtime: () => this.#runtime,
      isDraining: () => this.#state === 'draining',
    });
    this.#listener = this.#makeListener(prepared);
    const facade = new AdminFacade(this, this.#parts, this.#opener, options.pageFile);
    this.#admin = new AdminServer(prepared.config.admin, facade);
    this.reloader = source && new Reloader({ ...source, log, apply: (next) => this.#apply(next) });
    this.status = new Status(this.#parts, () => ({
      state: this.#state,
      ready: this.ready,
      address: this.address,
      running: this.#runtime,
      pendingConnections: this.#listener.pending,
      adminDrops: this.#admin.drops,
      reloader: this.reloader,
    }));
  }

  #makeListener({ serverTls, rules, proxies, listenerLimits }: Prepared): Listener {
    const { recorder } = this.#parts;
    return new Listener(serverTls, rules, proxies, listenerLimits, {
      onHandshake: (pending) => void this.#opener.open(pending),
      onOutcome: (outcome, seconds, facts, marks) =>
        recorder.handshakeAnswered(outcome, seconds, facts, marks),
      isReady: () => this.ready,
      onExplained: (outcome) => recorder.explained(outcome),
      onHttpAnswer: (status) => recorder.httpAnswered(status),
      onTlsHandshake: (outcome) => recorder.tlsHandshake(outcome),
      onDropped: (reason) => recorder.connectionDropped(reason),
    });
  }

  // Start, drain, stop

  /** Called once, by startGateway. */
  async start(): Promise<void> {
    this.#parts.start();
    await this.reloader?.start();
    const { config } = this.#runtime;
    this.#adminAddress = await this.#admin.listen(config.admin.address);
    this.#address = await this.#listener.listen(config.listen.address);
    // After the ports, so that a gateway that was started twice says that they are in use, and nothing about servers.
    this.#runtime.start();
    this.#state = 'ready';
    const addresses = { clients: this.address, admin: this.adminAddress };
    logReady(this.log, this.#runtime.prepared, addresses, this.#options.version);
    logWarnings(this.log, this.#options, this.#runtime.prepared);
    void warnOfPage(this.log, config.admin, this.#options.pageFile);
    if (this.#options.firstDial === true) void this.#runtime.firstDial();
  }

  /**
   * Shuts down in order. /readyz says no at once. New sessions are let in for `drain.delay`, until balancers have
   * noticed. Then all sessions are closed with 1001, spread over `drain.timeout`. The admin port closes last, after the
   * scrape that is due. Resolves when stopped. `whileInUse`: no balancer needs the delay, so it ends as soon as no
   * session is open.
   */
  drain(options: { readonly whileInUse?: boolean } = {}): Promise<void> {
    this.#drained ??= this.#drain(options.whileInUse === true);
    return this.#drained;
  }

  async #drain(whileInUse: boolean): Promise<void> {
    this.#state = 'draining';
    const cutNow = this.#cutNow.signal;
    const options = { whileInUse, cutNow };
    const open = await drainSessions(this.#runtime.config, this.#parts, this.#opener, options);
    if (open > 0) await this.#admin.lastScrape(LAST_SCRAPE_MS, cutNow);
    await this.#closeParts();
  }

  /** Cuts every session and stops, also during a drain. Safe to call at any time. */
  async stop(): Promise<void> {
    this.#opener.close();
    this.#cutNow.abort();
    if (this.#drained !== undefined) return this.#drained;
    for (const session of [...this.#parts.sessions]) session.cut();
    await this.#parts.sessions.empty();
    await this.#closeParts();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #closeParts(): Promise<void> {
    if (this.#state === 'stopped') return;
    const hasRun = this.#state !== 'starting';
    this.#state = 'stopped';
    this.reloader?.close();
    await this.#listener.close();
    this.#runtime.close();
    await this.#admin.close();
    this.#parts.close();
    await this.#parts.captureFiles?.flush();
    if (hasRun) this.log.info({ sessions: this.#parts.sessions.opened }, 'stopped');
  }

  // Reload

  /**
   * Reads the configuration again, and runs it if it is valid. Open sessions do not change. undefined: there is nothing
   * to read from.
   */
  async reload(trigger: ReloadTrigger): Promise<ReloadReport | undefined> {
    return this.reloader?.reload(trigger);
  }

  /** Makes `config` the running one. @throws when a part of it cannot be made; then nothing has changed. */
  async #apply(config: Config): Promise<Applied> {
    const before = this.#runtime;
    const next = await prepare(config, this.#options, before.prepared);
    if (this.#state === 'stopped') throw new Error('the gateway has stopped');
    const runtime = new Runtime(next, this.#parts, before);
    // Nothing is awaited from here on, so that the next handshake sees all of it.
    if (next.serverTls !== undefined && next.serverTls !== before.prepared.serverTls) {
      this.#listener.present(next.serverTls);
    }
    this.#listener.configure(next.rules, next.proxies, next.listenerLimits);
    this.#parts.configure(next);
    this.#admin.configure(config.admin);
    this.#runtime = runtime;
    this.#parts.recorder.addUpstreams(runtime.upstreamNames);
    this.#parts.setRoles(runtime.roleNames);
    runtime.start(before);
    before.retire(runtime);
    this.#parts.forgetRoutes([...runtime.routeNames, ...before.routeNames]);
    logWarnings(this.log, this.#options, next, before.prepared);
    if (this.#options.firstDial === true) void runtime.firstDial(before);
    return this.#parts.sessionsWithOldPolicy(before.policiesOtherThan(runtime));
  }

  // What is seen from outside

  /** Where clients connect. In place of port 0 it has the port that the system chose. */
  get address(): ListenAddress {
    return this.#address ?? this.#runtime.config.listen.address;
  }

  get adminAddress(): ListenAddress {
    return this.#adminAddress ?? this.#runtime.config.admin.address;
  }

  get runtime(): Runtime {
    return this.#runtime;
  }

  get state(): GatewayState {
    return this.#state;
  }

  get sessionCount(): number {
    return this.#parts.sessions.size;
  }

  /** New sessions are welcome. */
  get ready(): boolean {
    return this.notReady === undefined;
  }

  get notReady(): string | undefined {
    return this.#state === 'ready' ? this.#runtime.notReady : this.#state;
  }

  metrics(openMetrics: boolean): Promise<MetricsText> {
    return this.#parts.metrics.expose(openMetrics);
  }
}
