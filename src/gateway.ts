import { setTimeout as sleep } from 'node:timers/promises';
import { AdminServer } from './admin/admin-server.ts';
import { Metrics } from './admin/metrics.ts';
import { budgetWarning } from './budget.ts';
import { BufferPool } from './bytes/buffer-pool.ts';
import type { Config, ListenAddress, RouteConfig, UpstreamConfig } from './config/config.ts';
import { Reloader, type ReloaderOptions } from './config/reload.ts';
import type { ReloadReport, ReloadTrigger } from './config/reload-report.ts';
import { DEFAULT_ROUTE } from './config/routes.ts';
import { drainTimes } from './config/sections/drain.ts';
import { Counters } from './counters.ts';
import { EventLoop } from './event-loop.ts';
import type { HandshakeOutcome } from './handshake-outcome.ts';
import { InspectionTotals } from './inspect/inspection-totals.ts';
import { type InspectionRules, Inspector } from './inspect/inspector.ts';
import { Admission, type AdmissionLimits, type AdmissionSlot } from './listener/admission.ts';
import { Listener, type ListenerLimits } from './listener/listener.ts';
import type { Opening, OpeningFacts } from './listener/opening.ts';
import { type DropReason, pendingLimits } from './listener/pending.ts';
import type { Log } from './log.ts';
import { addressText } from './net/host.ts';
import { encodeProxyHeader } from './net/proxy-protocol.ts';
import { SendQueues } from './net/send-queues.ts';
import { Places } from './places.ts';
import { isCutThrough, type Machine, type Prepared, prepare } from './prepare.ts';
import { type Route, Routes } from './routes.ts';
import { Overload } from './session/overload.ts';
import { Session, type SessionObserver, type SessionSummary } from './session/session.ts';
import { Sessions } from './session/sessions.ts';
import { SessionLog } from './session-log.ts';
import {
  type GatewayState,
  type GatewayStatus,
  gatewayStatus,
  type SessionDetail,
  type SessionList,
  type Snapshot,
  sessionDetail,
  sessionList,
  takeSnapshot,
} from './status.ts';
import { TimerWheel } from './timer-wheel.ts';
import { AnnouncedWarnings } from './upstream/announced.ts';
import type { ConnectOutcome } from './upstream/connect-outcome.ts';
import type { DialContext, Upstream } from './upstream/connection.ts';
import { DialError } from './upstream/dial-error.ts';
import { CompressionCounts } from './websocket/compression.ts';
import { FrameCounters } from './websocket/frame-counters.ts';

export type GatewayOptions = Machine & {
  readonly log: Log;
  readonly version?: string;
  readonly revision?: string;
  readonly nodeVersion?: string;
  /** Dials each upstream once after the start, and one that a reload brings after it; the log tells who answered. */
  readonly firstDial?: boolean;
  /** Where the configuration comes from; without it there is no reload. */
  readonly source?: Omit<ReloaderOptions, 'apply' | 'log'>;
  /** Lines that the log's destination had to drop. */
  readonly droppedLogLines?: () => number;
  /** Drives the deadlines of all sessions. Tests pass their own wheel and advance it by hand. */
  readonly timerWheel?: TimerWheel;
  /** Given by a test that watches who uses a buffer too long. */
  readonly bufferPool?: BufferPool;
  /** Given by a test that waits for its answers. */
  readonly sendQueues?: SendQueues;
};

/**
 * After a drain the numbers of its end wait so long for a scrape that is due. It fits into the 5 s that the documents
 * ask for beyond delay and timeout.
 */
const LAST_SCRAPE_MS = 4000;

/**
 * Starts a gateway; resolves when both ports listen.
 *
 * @throws what a part threw: a port in use, a session cap that the descriptor limit
 * cannot carry. Whatever was started before it has been stopped.
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

/** What runs. A reload puts another one in its place; handshakes and sessions keep the one that they began with. */
type Active = Prepared & { readonly routes: Routes };

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
export class Gateway {
  #active: Active;
  readonly #options: GatewayOptions;
  readonly #log: Log;
  readonly #wheel: TimerWheel;
  readonly #admission: Admission;
  /** Handshakes that wait for their upstream. */
  readonly #openings = new Set<Opening>();
  readonly #sessions = new Sessions();
  readonly #frames = new FrameCounters();
  readonly #pool: BufferPool;
  readonly #dialPlaces: Places;
  readonly #overload: Overload;
  readonly #queues: SendQueues;
  readonly #counters = new Counters();
  readonly #compression = new CompressionCounts();
  readonly #loop = new EventLoop();
  readonly #inspected = new InspectionTotals();
  readonly #sessionLog: SessionLog;
  readonly #metrics: Metrics;
  readonly #admin: AdminServer;
  readonly #listener: Listener;
  readonly #reloader: Reloader | undefined;
  readonly #sessionObserver: SessionObserver = {
    onFault: (error) => this.#sessionLog.faulted(error),
    onPingAnswered: (seconds) => this.#metrics.pingAnswered(seconds),
    onEnded: (summary, session) => this.#onSessionEnded(summary, session),
  };
  readonly #startedAtMs = Date.now();
  readonly #cutNow = new AbortController();
  #state: GatewayState = 'starting';
  /** The drain delay is over (or the end has come): nobody is let in any more. */
  #closedToNew = false;
  readonly #announced: AnnouncedWarnings;
  #address: ListenAddress | undefined;
  #adminAddress: ListenAddress | undefined;
  #drained: Promise<void> | undefined;

  /** Builds all parts; nothing listens yet. @throws as startGateway. */
  constructor(prepared: Prepared, options: GatewayOptions) {
    const { config, serverTls, rules, proxies } = prepared;
    this.#options = options;
    this.#log = options.log;
    this.#announced = new AnnouncedWarnings(options.log);
    this.#sessionLog = new SessionLog(options.log);
    this.#wheel = options.timerWheel ?? new TimerWheel();
    this.#admission = new Admission(admissionLimits(prepared), () => performance.now());
    this.#pool = options.bufferPool ?? new BufferPool();
    this.#dialPlaces = new Places(prepared.budget.extraDials);
    this.#queues = options.sendQueues ?? new SendQueues();
    this.#overload = new Overload(this.#sessions, this.#pool, options.log);
    this.#overload.configure(prepared.budget.bufferBytes, prepared.memory);
    this.#active = { ...prepared, routes: this.#makeRoutes(prepared) };
    this.#listener = new Listener(serverTls, rules, proxies, listenerLimits(prepared), {
      onOpening: (opening) => void this.#open(opening),
      onOutcome: (outcome, seconds, facts) => this.#onOutcome(outcome, seconds, facts),
      isReady: () => this.ready,
      onHttpAnswer: (status) => this.#counters.httpAnswered(status),
      onTlsHandshake: (outcome) => this.#counters.tlsHandshakes[outcome]++,
      onDropped: (reason) => this.#onDropped(reason),
    });
    this.#metrics = new Metrics(serverTls !== undefined, () => this.#snapshot());
    this.#addUpstreams();
    this.#admin = new AdminServer(config.admin, this);
    this.#reloader =
      options.source &&
      new Reloader({ ...options.source, log: options.log, apply: (next) => this.#apply(next) });
  }

  /** Where clients connect; port 0 in the configuration has become a real one. */
  get address(): ListenAddress {
    return this.#address ?? this.#active.config.listen.address;
  }

  get adminAddress(): ListenAddress {
    return this.#adminAddress ?? this.#active.config.admin.address;
  }

  get state(): GatewayState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#state === 'ready' && this.#active.routes.ready && !this.#isFull;
  }

  /** For the admin port: why it is not ready. */
  get notReady(): string {
    if (this.#state !== 'ready') return this.#state;
    return this.#active.routes.ready ? 'capacity: no session has room' : 'upstream: no nats-server answers';
  }

  get #isFull(): boolean {
    return this.#active.config.limits.readiness === 'capacity' && this.#admission.isFull;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Called once, by startGateway. */
  async start(): Promise<void> {
    if (this.#options.timerWheel === undefined) this.#wheel.start();
    this.#overload.start();
    await this.#reloader?.start();
    const { config, budget, serverTls } = this.#active;
    this.#adminAddress = await this.#admin.listen(config.admin.address);
    this.#address = await this.#listener.listen(config.listen.address);
    // After the ports: a second gateway by mistake says that they are in use, and nothing of servers before that.
    this.#active.routes.start();
    this.#state = 'ready';
    this.#log.info(
      {
        listen: `${serverTls === undefined ? 'ws' : 'wss'}://${addressText(this.#address)}`,
        admin: `http://${addressText(this.#adminAddress)}`,
        upstream: config.upstream.servers.map((server) => server.name),
        proxyKey: config.upstream.proxySigner?.publicKey,
        routes: config.routes.length === 0 ? undefined : config.routes.map(({ name }) => name),
        sessions: budget.sessions,
        limitedBy: budget.limitedBy,
        version: this.#options.version,
      },
      'ready',
    );
    this.#warnOfEngine();
    this.#warnOfBudget();
    if (this.#options.firstDial === true) void this.#active.routes.firstDial();
  }

  #warnOfBudget(): void {
    const { budget, memory } = this.#active;
    const warning = budgetWarning(budget);
    if (warning === undefined) return;
    const fileDescriptors = this.#options.fileDescriptorLimit;
    this.#log.warn({ sessions: budget.sessions, fileDescriptors, memoryBytes: memory?.limitBytes }, warning);
  }

  /**
   * Shuts down in order: not ready at once; new sessions are let in for `drain.delay`, while balancers notice;
   * then all sessions are closed with 1001, spread over `drain.timeout`. Resolves when stopped. The admin port
   * answers to the end, and when a scraper is due it waits for it, 4 s at most. `whileInUse`: no balancer has to notice, so the delay ends as soon as no session is open.
   */
  drain(options: { readonly whileInUse?: boolean } = {}): Promise<void> {
    this.#drained ??= this.#drain(options.whileInUse === true);
    return this.#drained;
  }

  async #drain(whileInUse: boolean): Promise<void> {
    const { drain, timeouts } = this.#active.config;
    const { delayMs, timeoutMs, shortened } = drainTimes(drain);
    this.#state = 'draining';
    for (const session of this.#sessions) session.announceDrain();
    this.#log.info({ sessions: this.#sessions.size, delayMs, timeoutMs }, 'draining');
    if (shortened)
      this.#log.warn({ ...drain }, 'drain.delay and drain.timeout are longer than drain.budget; shortened');
    const unused = new AbortController();
    if (whileInUse) void this.#sessions.empty().then(() => unused.abort());
    // stop() ends the wait, too; both are no failure.
    const signal = AbortSignal.any([this.#cutNow.signal, unused.signal]);
    await sleep(delayMs, undefined, { signal }).catch(() => {});
    this.#closeToNew();
    const hadSessions = this.#sessions.size > 0;
    const onCut = (sessions: number): void => {
      this.#counters.drainCuts += sessions;
    };
    const cut = await this.#sessions.drain(timeoutMs, timeouts.closeMs, this.#cutNow.signal, onCut);
    if (cut > 0) this.#log.warn({ sessions: cut }, 'sessions were cut at the drain deadline');
    if (hadSessions) await this.#admin.lastScrape(LAST_SCRAPE_MS, this.#cutNow.signal);
    await this.#closeParts();
  }

  /** Stops at once: every session is cut. Also ends a drain that is under way. Safe to call at any time. */
  async stop(): Promise<void> {
    this.#closeToNew();
    this.#cutNow.abort();
    if (this.#drained !== undefined) return this.#drained;
    for (const session of [...this.#sessions]) session.cut();
    await this.#sessions.empty();
    await this.#closeParts();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #closeToNew(): void {
    this.#closedToNew = true;
    for (const opening of this.#openings) opening.refuse('draining');
  }

  async #closeParts(): Promise<void> {
    if (this.#state === 'stopped') return;
    const hasRun = this.#state !== 'starting';
    this.#state = 'stopped';
    this.#reloader?.close();
    await this.#listener.close();
    this.#active.routes.close();
    this.#wheel.stop();
    this.#overload.stop();
    await this.#admin.close();
    this.#metrics.close();
    this.#loop.close();
    if (hasRun) this.#log.info({ sessions: this.#sessions.opened }, 'stopped');
  }

  /**
   * Reads the configuration again, and runs it if it is right. undefined: there is nothing to read from. Sessions stay
   * as they are, whatever it says.
   */
  async reload(trigger: ReloadTrigger): Promise<ReloadReport | undefined> {
    return this.#reloader?.reload(trigger);
  }

  /** Makes `config` the running one. @throws when something of it cannot be; then nothing has changed. */
  async #apply(config: Config): Promise<void> {
    const next = await prepare(config, this.#options, this.#active);
    if (this.#state === 'stopped') throw new Error('the gateway has stopped');
    const before = this.#active;
    const active = { ...next, routes: this.#makeRoutes(next, before.routes) };
    // From here to the end in one turn: the next handshake sees all of it.
    if (next.serverTls !== undefined && next.serverTls !== before.serverTls) {
      this.#listener.present(next.serverTls);
    }
    this.#listener.configure(next.rules, next.proxies, listenerLimits(next));
    this.#admission.configure(admissionLimits(next));
    this.#dialPlaces.resize(next.budget.extraDials);
    this.#overload.configure(next.budget.bufferBytes, next.memory);
    this.#admin.configure(config.admin);
    this.#active = active;
    this.#addUpstreams();
    active.routes.start(before.routes);
    before.routes.retire(active.routes);
    this.#forgetRoutes(active.routes, before.routes);
    this.#log.configure(config.log);
    this.#announced.forget();
    if (next.cutThrough !== before.cutThrough) this.#warnOfEngine();
    if (budgetWarning(next.budget) !== budgetWarning(before.budget)) this.#warnOfBudget();
    if (this.#options.firstDial === true) void active.routes.firstDial(before.routes);
  }

  /** Handshakes under way may still be of `before`. */
  #forgetRoutes(now: Routes, before: Routes): void {
    const names = new Set([
      ...now.names,
      ...before.names,
      ...[...this.#sessions].map(({ facts }) => facts.route),
    ]);
    this.#counters.keepOnly(names);
    this.#metrics.keepUpstreams(names);
  }

  #addUpstreams(): void {
    for (const name of this.#active.routes.upstreams) {
      this.#counters.addUpstream(name);
      this.#metrics.addUpstream(name);
    }
  }

  #makeRoutes(prepared: Prepared, before?: Routes): Routes {
    const parts = {
      log: this.#log,
      pool: this.#pool,
      wheel: this.#wheel,
      frames: this.#frames,
      sessionObserver: this.#sessionObserver,
      dialPlaces: this.#dialPlaces,
      held: this.#overload,
      queues: this.#queues,
      counters: this.#counters,
      compressionCounts: this.#compression,
      ownContext: (route: Route) => dialContext(route, undefined),
      dialObserver: (upstream: string) => ({
        onConnect: (outcome: ConnectOutcome, seconds: number) => {
          this.#counters.upstreamConnected(upstream, outcome);
          this.#metrics.upstreamConnected(upstream, seconds);
        },
        onFirstByte: (seconds: number) => this.#metrics.upstreamSpoke(upstream, seconds),
      }),
    };
    return new Routes(prepared, parts, before);
  }

  #warnOfEngine(): void {
    const problem = this.#active.cutThrough?.problem;
    if (problem === undefined) return;
    this.#log.warn(
      { problem },
      this.#active.cutThrough?.usable === true
        ? 'accepted sockets cannot be read directly with this version of Node; each read costs a copy more'
        : 'the cut-through engine does not work with this version of Node or ws; the buffered engine took over',
    );
  }

  // From handshake to session

  async #open(opening: Opening): Promise<void> {
    const route = this.#active.routes.get(opening.facts.route ?? DEFAULT_ROUTE);
    // Rules and routes change in one turn; should they ever differ, it costs this client alone.
    if (route === undefined) return opening.refuse('no_route');
    const { name, limits } = route.config;
    const admitted = this.#closedToNew
      ? DRAINING
      : this.#admission.admit(opening.facts.clientAddress, name, limits.sessions);
    if (!admitted.admitted) {
      opening.refuse(admitted.outcome);
      return;
    }
    const { slot } = admitted;
    this.#openings.add(opening);
    try {
      const upstream = await route.upstreams.dial(opening.signal, dialContext(route, opening.facts));
      if (opening.accept(() => this.#begin(opening, upstream, slot, route))) return;
      upstream.socket.destroy();
    } catch (error) {
      // After an abort the client has its answer already.
      if (!opening.signal.aborted) this.#refuseAfter(error, opening);
    } finally {
      this.#openings.delete(opening);
    }
    slot.release();
  }

  #refuseAfter(error: unknown, opening: Opening): void {
    if (error instanceof DialError) opening.refuse(error.outcome, error.message);
    else {
      this.#sessionLog.faulted(error);
      opening.refuse('internal_error');
    }
  }

  /** Answers 101 and starts the session in the same turn. False: the client had left. */
  #begin(opening: Opening, upstream: Upstream, slot: AdmissionSlot, route: Route): boolean {
    let begun = false;
    const engine = route.compression?.engineFor(opening.request) ?? route.engine;
    engine.upgrade(opening.request, opening.socket, (client) => {
      const facts = {
        id: this.#sessions.nextId(),
        clientAddress: opening.facts.clientAddress,
        origin: opening.facts.origin,
        route: route.config.name,
        upstream: upstream.server.name,
        natsClientId: upstream.info.clientId,
      };
      const inspector = this.#inspectorFor(facts.id, opening.facts, upstream, route.config);
      const session = new Session(facts, client, upstream.socket, route.sessionParts, inspector);
      if (inspector !== undefined) this.#inspected.add(facts.id, inspector);
      slot.accepted();
      this.#sessions.add(session, slot);
      session.start(upstream);
      this.#sessionLog.sessionBegan(facts, opening.seconds);
      if (this.#state === 'draining') session.announceDrain();
      begun = true;
    });
    return begun;
  }

  /** undefined at level off: the session carries bytes and nothing else. */
  #inspectorFor(
    id: number,
    facts: OpeningFacts,
    upstream: Upstream,
    config: RouteConfig,
  ): Inspector | undefined {
    const { name, inspect: level, info, limits } = config;
    this.#announced.check(upstream.info, config);
    if (level === 'off') return undefined;
    const signer = config.upstream.proxySigner;
    // All that the functions below may keep: `upstream` holds an INFO line, of up to 64 KiB.
    const { server } = upstream;
    const { clientAddress } = facts;
    const rules: InspectionRules = {
      level,
      maxLineBytes: limits.maxControlLineBytes,
      info: { ...info, tls: facts.secure === true, clientIp: clientAddress },
      ...(signer === undefined ? {} : { sign: signer.sign }),
    };
    return new Inspector(rules, this.#pool, {
      onParserStop: (direction, error) => {
        this.#counters.parserStops[direction][error.problem]++;
        this.#sessionLog.parserStopped({ id, clientAddress }, direction, error, level);
      },
      onServerError: (kind) => this.#counters.serverErrors[kind]++,
      onRoundTrip: (seconds) => this.#metrics.natsRoundTrip(seconds),
      // The pool that runs now must know, even if another one placed the session.
      onLameDuck: () => this.#active.routes.get(name)?.upstreams.markLameDuck(server),
    });
  }

  // Told to the outside

  #onDropped(reason: DropReason): void {
    this.#counters.droppedConnections[reason]++;
    this.#sessionLog.connectionDropped(reason);
  }

  #onOutcome(outcome: HandshakeOutcome, seconds: number, facts: OpeningFacts): void {
    this.#counters.handshakeAnswered(outcome, facts.route);
    this.#metrics.handshakeAnswered(outcome, seconds);
    if (outcome !== 'accepted') this.#sessionLog.handshakeRefused(outcome, facts);
  }

  #onSessionEnded(summary: SessionSummary, session: Session): void {
    this.#sessions.delete(session);
    this.#inspected.remove(summary.facts.id);
    this.#counters.sessionEnded(summary.reason, summary.code);
    this.#metrics.sessionEnded(summary.reason, summary.seconds);
    this.#sessionLog.sessionEnded(summary);
  }

  /** For the admin port. */
  metrics(openMetrics: boolean): Promise<{ readonly contentType: string; readonly body: string }> {
    return this.#metrics.expose(openMetrics);
  }

  status(): GatewayStatus {
    return gatewayStatus(this.#snapshot());
  }

  sessionList(after: number, limit: number): SessionList {
    return sessionList(this.#sessions, after, limit);
  }

  sessionDetail(id: number): SessionDetail | undefined {
    return sessionDetail(this.#sessions, this.#inspected, id);
  }

  #snapshot(): Snapshot {
    const { version, revision, nodeVersion: node } = this.#options;
    const { config, budget, routes } = this.#active;
    return takeSnapshot({
      build: { version, revision, node },
      admission: this.#admission,
      compression: this.#compression,
      counters: this.#counters,
      frames: this.#frames,
      inspected: this.#inspected,
      loop: this.#loop,
      overload: this.#overload,
      reloader: this.#reloader,
      sessions: this.#sessions,
      startedAtMs: this.#startedAtMs,
      now: () => ({
        state: this.#state,
        ready: this.ready,
        address: this.address,
        running: {
          config,
          budget,
          isCutThrough: isCutThrough(this.#active),
          routeNames: routes.names,
          servers: () => routes.servers(),
        },
        pendingConnections: this.#listener.pending,
        adminDrops: this.#admin.drops,
        droppedLogLines: this.#options.droppedLogLines?.() ?? 0,
      }),
    });
  }
}

/** Without a client the gateway dials on its own behalf. */
function dialContext({ config, tls }: Route, client: OpeningFacts | undefined): DialContext {
  const { proxyProtocol, proxySigner } = config.upstream;
  return { tls, proxy: proxyHeader(proxyProtocol, client), signs: proxySigner !== undefined };
}

function proxyHeader(
  version: UpstreamConfig['proxyProtocol'],
  client: OpeningFacts | undefined,
): DialContext['proxy'] {
  if (version === 'off') return undefined;
  const source = client && { address: client.clientAddress, port: client.clientPort ?? 0 };
  return {
    header: encodeProxyHeader(version, source, client?.reached),
    address: client?.clientAddress,
  };
}

const admissionLimits = ({ config, budget }: Prepared): AdmissionLimits => ({
  ...config.limits,
  sessions: budget.sessions,
});

const listenerLimits = ({ config, budget }: Prepared): ListenerLimits => ({
  handshakeMs: config.timeouts.handshakeMs,
  maxConnections: budget.maxConnections,
  pending: pendingLimits(budget.pendingConnections),
  head: config.limits,
});

const DRAINING = { admitted: false, outcome: 'draining' } as const;
