import { Metrics } from './admin/metrics.ts';
import { Gate } from './auth/gate.ts';
import { RemoteKeySets } from './auth/jwks.ts';
import { KickedUsers } from './auth/kicked.ts';
import type { WebhookObserver } from './auth/webhook.ts';
import { BufferPool } from './bytes/buffer-pool.ts';
import { Captures } from './capture/captures.ts';
import { CaptureFiles } from './capture-files.ts';
import type { Config } from './config/config.ts';
import type { Applied } from './config/reload.ts';
import { Counters } from './counters.ts';
import { EventLoop } from './event-loop.ts';
import { InspectionTotals } from './inspect/inspection-totals.ts';
import { Admission } from './listener/admission.ts';
import { Watches } from './live/watches.ts';
import type { Log } from './log.ts';
import { ShownSubjects } from './nats/shown-subjects.ts';
import { SendQueues } from './net/send-queues.ts';
import { Places } from './places.ts';
import type { Prepared } from './prepare.ts';
import { Rechecks } from './rechecks.ts';
import { Recorder } from './recorder.ts';
import { Overload } from './session/overload.ts';
import { ReadTurns } from './session/read-turns.ts';
import type { EndedSession, SessionObserver } from './session/session-contract.ts';
import { Sessions } from './session/sessions.ts';
import { SessionLog } from './session-log.ts';
import type { Build, ProcessReading, Snapshot } from './snapshot.ts';
import { EndedSessions } from './status/ended-sessions.ts';
import { RecentHandshakes } from './status/recent-handshakes.ts';
import { RefusedOperations } from './status/refused-operations.ts';
import { Subjects } from './subjects/subjects.ts';
import { TimerWheel } from './timer-wheel.ts';
import { AnnouncedWarnings } from './upstream/announced.ts';
import { FrameCounters } from './websocket/frame-counters.ts';

export type PartsOptions = {
  readonly log: Log;
  readonly version?: string;
  readonly revision?: string;
  readonly nodeVersion?: string;
  /** Given by the edge of the program. */
  readonly readProcess?: () => ProcessReading;
  /** Lines that the log's destination had to drop. */
  readonly droppedLogLines?: () => number;
  /** Drives the deadlines of all sessions. Tests pass their own wheel and advance it by hand. */
  readonly timerWheel?: TimerWheel;
  /** Given by a test that watches who uses a buffer too long. */
  readonly bufferPool?: BufferPool;
  /** Given by a test that waits for its answers. */
  readonly sendQueues?: SendQueues;
};

/** What all handshakes and sessions share, whatever configuration they are of: it lives as long as the gateway. */
export class Parts {
  readonly build: Build;
  readonly readProcess: (() => ProcessReading) | undefined;
  readonly startedAtMs = Date.now();
  readonly log: Log;
  readonly sessions = new Sessions();
  readonly ended = new EndedSessions();
  readonly handshakes = new RecentHandshakes();
  readonly refused = new RefusedOperations();
  readonly counters = new Counters();
  readonly frames = new FrameCounters();
  readonly inspected = new InspectionTotals();
  readonly subjects = new Subjects(this.inspected);
  readonly shownSubjects: ShownSubjects;
  readonly captures: Captures;
  /** undefined: they are in memory alone. */
  readonly captureFiles: CaptureFiles | undefined;
  readonly watches: Watches;
  readonly loop = new EventLoop();
  readonly wheel: TimerWheel;
  readonly pool: BufferPool;
  readonly queues: SendQueues;
  readonly turns = new ReadTurns();
  readonly admission: Admission;
  /** Connections to upstreams beside those of sessions. */
  readonly dialPlaces: Places;
  /** Of all routes: how many tokens are verified at once, and the keys of issuers. */
  readonly gate = new Gate();
  readonly keySets: RemoteKeySets;
  readonly kicked = new KickedUsers();
  readonly rechecks: Rechecks;
  readonly overload: Overload;
  readonly announced: AnnouncedWarnings;
  readonly metrics: Metrics;
  readonly recorder: Recorder;
  readonly #options: PartsOptions;

  /** Nothing runs yet. `takeSnapshot`: called for each scrape. */
  constructor(prepared: Prepared, options: PartsOptions, takeSnapshot: () => Snapshot) {
    const { log, version, revision, nodeVersion: node } = options;
    this.#options = options;
    this.build = { version, revision, node };
    this.readProcess = options.readProcess;
    this.log = log;
    this.wheel = options.timerWheel ?? new TimerWheel();
    this.pool = options.bufferPool ?? new BufferPool();
    this.queues = options.sendQueues ?? new SendQueues();
    this.admission = new Admission(prepared.admissionLimits, () => performance.now());
    this.dialPlaces = new Places(prepared.budget.extraDials);
    this.overload = new Overload(this.sessions, this.pool, log);
    this.overload.configure(prepared.budget.bufferBytes, prepared.memory);
    const { directory } = prepared.config.captures;
    this.captureFiles =
      directory === undefined
        ? undefined
        : new CaptureFiles(directory, log, () => this.counters.captureFileFailures++);
    this.shownSubjects = new ShownSubjects(hashesSubjects(prepared.config));
    this.captures = new Captures(prepared.config.captures, this.captureFiles, this.shownSubjects);
    this.watches = new Watches(this.shownSubjects);
    this.announced = new AnnouncedWarnings((fields, text) => log.warn(fields, text));
    this.metrics = new Metrics(prepared.serverTls !== undefined, takeSnapshot);
    this.recorder = new Recorder(this.counters, this.metrics, new SessionLog(log), this);
    this.rechecks = new Rechecks({ wheel: this.wheel, onFault: (error) => this.recorder.faulted(error) });
    this.keySets = new RemoteKeySets((outcome, url, cause) => this.recorder.keysFetched(outcome, url, cause));
  }

  get droppedLogLines(): number {
    return this.#options.droppedLogLines?.() ?? 0;
  }

  readonly onWebhookAnswer: WebhookObserver = (outcome, seconds, url, cause) =>
    this.recorder.webhookAnswered(outcome, seconds, url, cause);

  readonly sessionObserver: SessionObserver = {
    onFault: (error) => this.recorder.faulted(error),
    onPingAnswered: (seconds) => this.recorder.pingAnswered(seconds),
    onRateLimited: (limit, action) => this.recorder.rateLimited(limit, action),
    onDelayed: (limit, seconds) => this.recorder.delayed(limit, seconds),
    onEnded: (session) => {
      this.sessions.delete(session.facts.id);
      this.inspected.remove(session.facts.id);
      this.subjects.sessionEnded(session.facts.id);
      this.rechecks.remove(session.facts.id);
      this.#captured(session);
      this.watches.sessionEnded(session.facts.id, session.reason, session.code);
      this.recorder.sessionEnded(session);
    },
  };

  #captured(session: EndedSession): void {
    const kept = this.captures.sessionEnded(session);
    if (kept === undefined) return;
    const { id: capture, operations } = kept;
    this.log.info({ capture, session: session.facts.id, reason: session.reason, operations }, 'capture kept');
  }

  start(): void {
    // A test turns its own.
    if (this.#options.timerWheel === undefined) this.wheel.start();
    this.overload.start();
    this.captureFiles?.start(this.captures);
  }

  /** Another configuration runs: from now on what it allows. Sessions stay, and count. */
  configure({ admissionLimits, budget, config, memory }: Prepared): void {
    this.admission.configure(admissionLimits);
    this.dialPlaces.resize(budget.extraDials);
    this.overload.configure(budget.bufferBytes, memory);
    this.captures.configure(config.captures, config.admin.payloads);
    this.shownSubjects.isHashed = hashesSubjects(config);
    this.log.configure(config.log);
    this.announced.forget();
  }

  /** Forgets all routes but those named and those that have sessions. Handshakes under way have one of the named. */
  forgetRoutes(names: readonly string[]): void {
    const ofSessions = [...this.sessions].map(({ facts }) => facts.route);
    this.recorder.keepOnly(new Set([...names, ...ofSessions]));
  }

  /** Counts for the roles of a configuration that runs; others are forgotten unless a session has them. */
  setRoles(configured: readonly string[]): void {
    const alive = [...this.sessions].flatMap(({ facts: { role } }) => role ?? []);
    this.counters.setRoles(configured, new Set(alive));
  }

  /** `routes`: those whose policy has changed. A session keeps the one that it began with. */
  sessionsWithOldPolicy(routes: ReadonlySet<string>): Applied {
    if (routes.size === 0) return {};
    const sessions = [...this.sessions].filter(({ facts }) => routes.has(facts.route));
    return { sessionsWithOldPolicy: sessions.length };
  }

  close(): void {
    this.wheel.stop();
    this.overload.stop();
    this.captures.close();
    this.watches.close();
    this.subjects.close();
    this.keySets.close();
    this.metrics.close();
    this.loop.close();
  }
}

const hashesSubjects = ({ admin }: Config): boolean => admin.subjects === 'hashed';
