import { setTimeout as sleep } from 'node:timers/promises';
import { AdminServer } from './admin/admin-server.ts';
import type { MetricsSource } from './admin/metric-table.ts';
import { Metrics } from './admin/metrics.ts';
import { BufferPool } from './buffer-pool.ts';
import type { HandshakeOutcome } from './close-reason.ts';
import type { Config, ListenAddress } from './config/config.ts';
import { fingerprint } from './config/fingerprint.ts';
import { InspectionTotals } from './inspect/inspection-totals.ts';
import { type InspectionObserver, type InspectionRules, Inspector } from './inspect/inspector.ts';
import { Admission, type AdmissionSlot } from './listener/admission.ts';
import { loadServerCertificate, type ServerCertificate } from './listener/certificates.ts';
import { Listener, TLS_OUTCOMES } from './listener/listener.ts';
import type { Opening, OpeningFacts } from './listener/opening.ts';
import { checkOriginEntry, compileOrigins } from './listener/origin.ts';
import { compileTrustedProxies } from './listener/trusted-proxies.ts';
import { foreignText, type Log } from './log.ts';
import { Reporter } from './reporter.ts';
import { Traffic } from './session/pipe.ts';
import { Session, type SessionParts, type SessionSummary } from './session/session.ts';
import { Sessions } from './session/sessions.ts';
import { sessionCap } from './session-cap.ts';
import { TimerWheel } from './timer-wheel.ts';
import { CONNECT_OUTCOMES, DialError, dial, type Upstream } from './upstream/dial.ts';
import { type BufferedEngineOptions, bufferedEngine } from './websocket/buffered.ts';
import type { Engine } from './websocket/byte-socket.ts';
import { COMPRESSION_RESULTS, Compression } from './websocket/compression.ts';
import { cutThroughEngine } from './websocket/cut-through.ts';
import { FrameCounters, OPCODES } from './websocket/frame-counters.ts';
import { type CutThroughSupport, checkCutThrough } from './websocket/loopback-check.ts';

export type GatewayState = 'starting' | 'ready' | 'draining' | 'stopped';

export type GatewayOptions = {
  readonly log: Log;
  /** Descriptors this process may have open; undefined: unknown, assumed to suffice. */
  readonly fileDescriptorLimit?: number | undefined;
  readonly version?: string;
  readonly revision?: string;
  readonly nodeVersion?: string;
  /** Lines that the log's destination had to drop. */
  readonly droppedLogLines?: () => number;
  /** Drives the deadlines of all sessions. Given by whoever advances time itself; else one is made and started. */
  readonly timerWheel?: TimerWheel;
  /** Given by a test that watches who uses a buffer too long. */
  readonly bufferPool?: BufferPool;
};

/** Rules of other folders that the configuration's reader applies; it may not import them itself. */
export const configChecks = { origin: checkOriginEntry } as const;

/** How the origins of a configuration are really compared: A-labels, canonical addresses, without repetitions. */
export const compiledOrigins = (config: Config): readonly string[] => compileOrigins(config.origins).entries;

/** What ws may take longer than our own deadlines before it destroys a closing socket by itself. */
const CLOSE_FENCE_MARGIN_MS = 5000;
/** Connections above the session cap that may wait for an answer; one more is dropped without. */
const CONNECTIONS_ABOVE_CAP = 1024;

/**
 * Starts a gateway; resolves when both ports listen.
 *
 * @throws what a part threw: a port in use, an unreadable certificate, a session cap that the descriptor limit
 * cannot carry. Whatever was started before it has been stopped.
 */
export async function startGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  const certificate =
    config.listen.tls === undefined
      ? undefined
      : await loadServerCertificate(config.listen.tls, config.timeouts.handshakeMs);
  const support = config.engine === 'cut-through' ? await checkCutThrough() : undefined;
  const gateway = new Gateway(config, options, certificate, support);
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
 *  listener ─▶ handshake rules ─▶ admission ─▶ dial ─▶ INFO seen ─▶ 101 ─▶ session ─▶ one close reason
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
  readonly #config: Config;
  readonly #options: GatewayOptions;
  readonly #log: Log;
  readonly #wheel: TimerWheel;
  readonly #sessionCap: number;
  readonly #admission: Admission;
  /** Handshakes that wait for their upstream. */
  readonly #openings = new Set<Opening>();
  readonly #sessions = new Sessions();
  readonly #traffic = new Traffic();
  readonly #frames = new FrameCounters();
  readonly #pool: BufferPool;
  readonly #engine: Engine;
  /** undefined: off. */
  readonly #compression: Compression | undefined;
  readonly #sessionParts: SessionParts;
  readonly #inspected = new InspectionTotals();
  readonly #cutThrough: CutThroughSupport | undefined;
  readonly #reporter: Reporter;
  readonly #metrics: Metrics;
  readonly #admin: AdminServer;
  readonly #listener: Listener;
  readonly #startedAtMs = Date.now();
  readonly #cutNow = new AbortController();
  #state: GatewayState = 'starting';
  /** The drain delay is over (or the end has come): nobody is let in any more. */
  #closedToNew = false;
  #droppedConnections = 0;
  #warnedOfConnectUrls = false;
  #address: ListenAddress | undefined;
  #adminAddress: ListenAddress | undefined;
  #drained: Promise<void> | undefined;

  /** Builds all parts; nothing listens yet. @throws as startGateway. */
  constructor(
    config: Config,
    options: GatewayOptions,
    certificate: ServerCertificate | undefined,
    cutThrough: CutThroughSupport | undefined,
  ) {
    this.#config = config;
    this.#options = options;
    this.#log = options.log;
    this.#reporter = new Reporter(options.log);
    this.#wheel = options.timerWheel ?? new TimerWheel();
    this.#sessionCap = sessionCap(config.limits.sessions, options.fileDescriptorLimit);
    this.#admission = new Admission({ ...config.limits, sessions: this.#sessionCap }, () =>
      performance.now(),
    );
    this.#pool = options.bufferPool ?? new BufferPool();
    this.#cutThrough = cutThrough;
    this.#engine = this.#makeEngine();
    const { compression } = config;
    if (compression.enabled) this.#compression = new Compression(compression, this.#bufferedOptions());
    this.#sessionParts = {
      pool: this.#pool,
      wheel: this.#wheel,
      limits: { ...config.timeouts, sessionAgeMs: config.limits.sessionAgeMs },
      traffic: this.#traffic,
      observer: {
        onFault: (error) => this.#reporter.faulted(error),
        onPingAnswered: (seconds) => this.#metrics.pingAnswered(seconds),
        onEnded: (summary, session) => this.#onSessionEnded(summary, session),
      },
    };
    this.#listener = new Listener(
      certificate?.options,
      {
        origins: compileOrigins(config.origins),
        trustedProxies: compileTrustedProxies(config.listen.trustedProxies),
        hosts: config.listen.hosts,
        path: '/',
      },
      { handshakeMs: config.timeouts.handshakeMs, maxConnections: this.#sessionCap + CONNECTIONS_ABOVE_CAP },
      {
        onOpening: (opening) => void this.#open(opening),
        onOutcome: (outcome, seconds, facts) => this.#onOutcome(outcome, seconds, facts),
        onHttpAnswer: (status) => this.#metrics.httpAnswered(status),
        onTlsHandshake: (outcome) => this.#metrics.tlsHandshake(outcome),
        onDropped: () => this.#droppedConnections++,
      },
    );
    this.#metrics = new Metrics(
      {
        version: options.version ?? '',
        revision: options.revision ?? '',
        nodeVersion: options.nodeVersion ?? '',
        configHash: fingerprint(config),
        certificateNotAfter: certificate?.notAfterSeconds,
        connectOutcomes: CONNECT_OUTCOMES,
        tlsOutcomes: certificate === undefined ? undefined : TLS_OUTCOMES,
      },
      () => this.#numbers(),
    );
    this.#admin = new AdminServer(config.admin, this);
  }

  /** Where clients connect; port 0 in the configuration has become a real one. */
  get address(): ListenAddress {
    return this.#address ?? this.#config.listen.address;
  }

  get adminAddress(): ListenAddress {
    return this.#adminAddress ?? this.#config.admin.address;
  }

  get state(): GatewayState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Called once, by startGateway. */
  async start(): Promise<void> {
    if (this.#options.timerWheel === undefined) this.#wheel.start();
    this.#adminAddress = await this.#admin.listen(this.#config.admin.address);
    this.#address = await this.#listener.listen(this.#config.listen.address);
    this.#state = 'ready';
    this.#log.info(
      {
        listen: `${this.#config.listen.tls === undefined ? 'ws' : 'wss'}://${addressText(this.#address)}`,
        admin: `http://${addressText(this.#adminAddress)}`,
        upstream: this.#config.upstream.servers.map((server) => server.name),
        sessions: this.#sessionCap,
        version: this.#options.version,
      },
      'ready',
    );
    this.#warnOfEngine();
    if (this.#config.limits.sessions === undefined && this.#sessionCap < 10_000) {
      this.#log.warn(
        { sessions: this.#sessionCap, fileDescriptors: this.#options.fileDescriptorLimit },
        'the session cap was lowered to what the file-descriptor limit carries; raise the limit (ulimit -n)',
      );
    }
  }

  /**
   * Shuts down in order: not ready at once; new sessions are let in for `drain.delay`, while balancers notice;
   * then all sessions are closed with 1001, spread over `drain.timeout`. Resolves when stopped. The admin port
   * answers to the end.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const { delayMs, timeoutMs } = this.#config.drain;
    this.#state = 'draining';
    for (const session of this.#sessions) session.announceDrain();
    this.#log.info({ sessions: this.#sessions.size, delayMs, timeoutMs }, 'draining');
    // stop() ends the wait; it is no failure.
    await sleep(delayMs, undefined, { signal: this.#cutNow.signal }).catch(() => {});
    this.#closeToNew();
    const cut = await this.#sessions.drain(timeoutMs, this.#config.timeouts.closeMs, this.#cutNow.signal);
    this.#metrics.sessionsCut(cut);
    if (cut > 0) this.#log.warn({ sessions: cut }, 'sessions were cut at the drain deadline');
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
    this.#state = 'stopped';
    await this.#listener.close();
    this.#wheel.stop();
    await this.#admin.close();
    this.#metrics.close();
    this.#log.info({ sessions: this.#sessions.opened }, 'stopped');
  }

  #makeEngine(): Engine {
    const { maxFrameBytes, maxSentFrameBytes } = this.#config.limits;
    const shared = { maxSentFrameBytes, clock: this.#wheel, counters: this.#frames };
    if (this.#cutThrough?.usable === true) {
      const { directReads } = this.#cutThrough;
      return cutThroughEngine({ ...shared, pool: this.#pool, maxFrameBytes, directReads });
    }
    return bufferedEngine(this.#bufferedOptions());
  }

  #bufferedOptions(): BufferedEngineOptions {
    const { maxFrameBytes: maxMessageBytes, maxSentFrameBytes } = this.#config.limits;
    const { stallMs, closeMs } = this.#config.timeouts;
    const closeFenceMs = stallMs + closeMs + CLOSE_FENCE_MARGIN_MS;
    return { maxMessageBytes, maxSentFrameBytes, closeFenceMs, clock: this.#wheel, counters: this.#frames };
  }

  #warnOfEngine(): void {
    const problem = this.#cutThrough?.problem;
    if (problem === undefined) return;
    this.#log.warn(
      { problem },
      this.#cutThrough?.usable === true
        ? 'accepted sockets cannot be read directly with this version of Node; each read costs a copy more'
        : 'the cut-through engine does not work with this version of Node or ws; the buffered engine took over',
    );
  }

  // From handshake to session

  async #open(opening: Opening): Promise<void> {
    const admitted = this.#closedToNew ? DRAINING : this.#admission.admit(opening.facts.clientAddress);
    if (!admitted.admitted) {
      opening.refuse(admitted.outcome);
      return;
    }
    const { slot } = admitted;
    this.#openings.add(opening);
    try {
      const upstream = await dial(this.#config.upstream, this.#pool, opening.signal, {
        onConnect: (outcome, seconds) => this.#metrics.upstreamConnected(outcome, seconds),
        onFirstByte: (seconds) => this.#metrics.upstreamSpoke(seconds),
      });
      if (opening.accept(() => this.#begin(opening, upstream, slot))) return;
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
      this.#reporter.faulted(error);
      opening.refuse('internal_error');
    }
  }

  /** Answers 101 and starts the session in the same turn. False: the client had left. */
  #begin(opening: Opening, upstream: Upstream, slot: AdmissionSlot): boolean {
    let begun = false;
    const engine = this.#compression?.engineFor(opening.request) ?? this.#engine;
    engine.upgrade(opening.request, opening.socket, (client) => {
      const facts = {
        id: this.#sessions.nextId(),
        clientAddress: opening.facts.clientAddress,
        origin: opening.facts.origin,
        upstream: upstream.server.name,
        natsClientId: upstream.info.clientId,
      };
      const inspector = this.#inspectorFor(opening.facts, upstream);
      const session = new Session(facts, client, upstream.socket, this.#sessionParts, inspector);
      if (inspector !== undefined) this.#inspected.add(inspector);
      slot.accepted();
      this.#sessions.add(session, slot);
      session.start(upstream);
      begun = true;
    });
    return begun;
  }

  /** undefined at level off: the session carries bytes and nothing else. */
  #inspectorFor(facts: OpeningFacts, upstream: Upstream): Inspector | undefined {
    const { inspect: level, info, limits } = this.#config;
    if (level === 'off') {
      if (upstream.info.connectUrls.length > 0) this.#warnOfConnectUrls(upstream.info.connectUrls);
      return undefined;
    }
    const rules: InspectionRules = {
      level,
      maxLineBytes: limits.maxControlLineBytes,
      info: { ...info, tls: facts.secure === true, clientIp: facts.clientAddress },
    };
    return new Inspector(rules, this.#pool, this.#inspectionObserver);
  }

  readonly #inspectionObserver: InspectionObserver = {
    onParserStop: (direction, error, level) => {
      this.#inspected.stopped(direction, error.problem);
      this.#reporter.parserStopped(direction, error, level);
    },
    onServerError: (kind) => this.#inspected.serverError(kind),
    onLameDuck: () => this.#inspected.lameDuck(),
    onRoundTrip: (seconds) => this.#metrics.natsRoundTrip(seconds),
  };

  #warnOfConnectUrls(urls: readonly string[]): void {
    if (this.#warnedOfConnectUrls) return;
    this.#warnedOfConnectUrls = true;
    this.#log.warn(
      { announced: urls.slice(0, 4).map(foreignText) },
      'nats-server announces addresses of its cluster, and browsers will try to reconnect there, past this gateway; write "info:" and below it "  connectUrls: drop"',
    );
  }

  // Told to the outside

  #onOutcome(outcome: HandshakeOutcome, seconds: number, facts: OpeningFacts): void {
    this.#metrics.handshakeAnswered(outcome, seconds);
    this.#reporter.handshakeAnswered(outcome, facts);
  }

  #onSessionEnded(summary: SessionSummary, session: Session): void {
    this.#sessions.delete(session);
    if (session.inspection instanceof Inspector) this.#inspected.remove(session.inspection);
    this.#metrics.sessionEnded(summary.reason, summary.code, summary.seconds);
    this.#reporter.sessionEnded(summary);
  }

  /** For the admin port. */
  metrics(openMetrics: boolean): Promise<{ readonly contentType: string; readonly body: string }> {
    return this.#metrics.expose(openMetrics);
  }

  /** For the admin port: what is running, without a name of any client. */
  status(): unknown {
    return {
      state: this.#state,
      version: this.#options.version,
      node: this.#options.nodeVersion,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      uptimeSeconds: Math.round((Date.now() - this.#startedAtMs) / 1000),
      listen: addressText(this.address),
      tls: this.#config.listen.tls !== undefined,
      upstream: this.#config.upstream.servers.map((server) => server.name),
      sessions: { active: this.#sessions.size, limit: this.#sessionCap, opened: this.#sessions.opened },
      handshakesInFlight: this.#admission.handshakesInFlight,
      bytes: { toUpstream: this.#traffic.bytesToUpstream, toClient: this.#traffic.bytesToClient },
      handshakes: this.#reporter.outcomes,
      ended: this.#reporter.reasons,
    };
  }

  /** For the admin port: the open sessions, oldest first, at most `limit` from the one after `after`. */
  sessionList(after: number, limit: number): unknown {
    const list = [];
    for (const session of this.#sessions) {
      if (session.facts.id <= after) continue;
      list.push(sessionRow(session));
      if (list.length === limit) break;
    }
    return { active: this.#sessions.size, sessions: list };
  }

  /** For the admin port: one session with what inspection has seen; undefined when it is not open. */
  sessionDetail(id: number): unknown {
    for (const session of this.#sessions) {
      if (session.facts.id !== id) continue;
      const inspection = session.inspection instanceof Inspector ? session.inspection.facts() : undefined;
      return { ...sessionRow(session), inspection: inspection ?? { level: 'off' } };
    }
    return undefined;
  }

  #numbers(): MetricsSource {
    let client = 0;
    let upstream = 0;
    for (const session of this.#sessions) {
      const buffered = session.bufferedBytes;
      client += buffered.client;
      upstream += buffered.upstream;
    }
    const [oldest] = this.#sessions;
    const traffic = this.#traffic;
    const frames = this.#frames;
    return {
      ready: this.ready,
      draining: this.#state === 'draining',
      sessions: {
        active: this.#sessions.size,
        limit: this.#sessionCap,
        oldestStartSeconds:
          oldest === undefined ? undefined : (performance.timeOrigin + oldest.startedAtMs) / 1000,
      },
      handshakesInFlight: this.#admission.handshakesInFlight,
      bytes: { to_upstream: traffic.bytesToUpstream, to_client: traffic.bytesToClient },
      wireBytes: { to_upstream: frames.clientWireBytes, to_client: frames.sentWireBytes },
      framesToUpstream: Object.fromEntries(
        OPCODES.map((opcode, index) => [opcode, frames.clientFrames[index] ?? 0]),
      ),
      framesToClient: { binary: frames.sentBinaryFrames, ping: frames.sentPings },
      pauses: { client: traffic.clientPauses, upstream: traffic.upstreamPauses },
      pausedNow: { client: traffic.clientsPausedNow, upstream: traffic.upstreamsPausedNow },
      buffered: { client, upstream },
      upstreamConnections: this.#sessions.size,
      droppedConnections: this.#droppedConnections,
      droppedLogLines: this.#options.droppedLogLines?.() ?? 0,
      engines: {
        'cut-through': Number(this.#cutThrough?.usable === true),
        buffered: Number(this.#cutThrough?.usable !== true),
      },
      engineFallback: this.#cutThrough?.usable === false,
      compression: {
        active: this.#compression?.active ?? 0,
        handshakes: this.#compression?.results ?? NO_COMPRESSION,
      },
      inspection: this.#inspected.numbers(),
    };
  }
}

function sessionRow(session: Session) {
  const { id, clientAddress, origin, upstream, natsClientId } = session.facts;
  return {
    id,
    client: clientAddress,
    origin,
    upstream,
    natsClientId,
    seconds: Math.round((performance.now() - session.startedAtMs) / 1000),
    bytesToUpstream: session.bytesToUpstream,
    bytesToClient: session.bytesToClient,
    buffered: session.bufferedBytes,
    ending: session.reason,
  };
}

const NO_COMPRESSION = Object.fromEntries(COMPRESSION_RESULTS.map((result) => [result, 0]));

const DRAINING = { admitted: false, outcome: 'draining' } as const;

const addressText = ({ host, port }: ListenAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
