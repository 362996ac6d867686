import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Registry, type RegistryContentType } from 'prom-client';
import { CLOSE_REASONS, type CloseReason } from '../close-reason.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../handshake-outcome.ts';
import {
  BETWEEN_LABELS,
  COPIED_METRICS,
  type CopiedMetric,
  closeCodeLabel,
  EVENT_HISTOGRAMS,
  eventCounters,
  LISTENER,
  type MetricsSource,
} from './metric-table.ts';
import { type Labels, TallyCounter, TallyHistogram } from './tally.ts';

export type MetricsFacts = {
  readonly version: string;
  readonly revision: string;
  readonly nodeVersion: string;
  readonly connectOutcomes: readonly string[];
  /** undefined without TLS. */
  readonly tlsOutcomes: readonly string[] | undefined;
};

/** How often the loop's delay and use are taken; scrapes read the last interval, however many there are. */
const LOOP_INTERVAL_MS = 10_000;

/**
 * Default metrics of prom-client that are not exported: three gauges named like counters (promtool refuses them),
 * and the loop delay that each scrape resets, so that two scrapers take each other's samples.
 */
const UNWANTED_DEFAULTS = /^nodejs_active_(handles|requests|resources)_total$|^nodejs_eventloop_lag_/;

/** All metrics of one gateway. Every label value exists from the start, so the series count never changes. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, TallyCounter>();
  readonly #histograms = new Map<string, TallyHistogram>();
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 20 });
  readonly #loopTimer: NodeJS.Timeout;
  #loopUse: EventLoopUtilization = performance.eventLoopUtilization();
  #scrape: Promise<unknown> = Promise.resolve();

  constructor(facts: MetricsFacts, source: () => MetricsSource) {
    collectDefaultMetrics({ register: this.#registry });
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (UNWANTED_DEFAULTS.test(name)) this.#registry.removeSingleMetric(name);
    }
    for (const [name, row] of Object.entries(COPIED_METRICS)) copied(this.#registry, name, row, source);
    for (const [name, row] of Object.entries(eventCounters(facts.connectOutcomes, facts.tlsOutcomes))) {
      this.#counters.set(name, new TallyCounter(name, row, this.#registry));
    }
    for (const [name, row] of Object.entries(EVENT_HISTOGRAMS)) {
      this.#histograms.set(name, new TallyHistogram(name, row, this.#registry));
    }
    this.#registerFacts(facts);
    this.#loopTimer = this.#registerLoop();
  }

  handshakeAnswered(outcome: HandshakeOutcome, seconds: number): void {
    this.#count('natsgate_handshakes_total', { ...LISTENER, outcome });
    const outcome_class = HANDSHAKE_OUTCOMES[outcome].class;
    this.#observe('natsgate_handshake_duration_seconds', { ...LISTENER, outcome_class }, seconds);
  }

  httpAnswered(status: number): void {
    this.#count('natsgate_http_requests_total', { ...LISTENER, code: String(status) });
  }

  tlsHandshake(outcome: string): void {
    this.#count('natsgate_tls_handshakes_total', { ...LISTENER, outcome });
  }

  /** From now on there are series of this upstream too. */
  addUpstream(upstream: string): void {
    for (const metric of [...this.#counters.values(), ...this.#histograms.values()]) {
      metric.repeat('upstream', upstream);
    }
  }

  /** There are none of other upstreams any more. */
  keepUpstreams(upstreams: ReadonlySet<string>): void {
    for (const metric of [...this.#counters.values(), ...this.#histograms.values()]) {
      metric.keepOnly('upstream', upstreams);
    }
  }

  upstreamConnected(upstream: string, outcome: string, seconds: number): void {
    this.#count('natsgate_upstream_connects_total', { upstream, outcome });
    this.#observe('natsgate_upstream_connect_duration_seconds', { upstream }, seconds);
  }

  upstreamSpoke(upstream: string, seconds: number): void {
    this.#observe('natsgate_upstream_first_byte_seconds', { upstream }, seconds);
  }

  pingAnswered(seconds: number): void {
    this.#observe('natsgate_ping_rtt_seconds', LISTENER, seconds);
  }

  natsRoundTrip(seconds: number): void {
    this.#observe('natsgate_nats_rtt_seconds', LISTENER, seconds);
  }

  /** `code` is the session's close code; 1006 when no close frame travelled. */
  sessionEnded(reason: CloseReason, code: number, seconds: number): void {
    const { initiator } = CLOSE_REASONS[reason];
    this.#count('natsgate_sessions_closed_total', { ...LISTENER, initiator, reason });
    this.#observe('natsgate_session_duration_seconds', { ...LISTENER, initiator }, seconds);
    const frameLabel = closeCodeLabel(code);
    if (reason === 'client_closed')
      this.#count('natsgate_close_frames_total', { direction: 'received', code: frameLabel });
    if (code !== 1006) this.#count('natsgate_close_frames_total', { direction: 'sent', code: frameLabel });
    const rejected = rejectedLabel(reason, code);
    if (rejected !== undefined) this.#count('natsgate_rejected_messages_total', { reason: rejected });
  }

  sessionsCut(count: number): void {
    this.#count('natsgate_drain_forced_closes_total', {}, count);
  }

  /**
   * The exposition text and its content type: OpenMetrics when `openMetrics`, else the classic format. Scrapes
   * run one after the other, since the format is a state of prom-client's registry.
   */
  expose(openMetrics: boolean): Promise<{ readonly contentType: string; readonly body: string }> {
    const scrape = this.#scrape.then(async () => {
      // prom-client types the content type as a parameter of the registry, although it can be set at any time.
      const registry = this.#registry as unknown as Registry<RegistryContentType>;
      registry.setContentType(
        openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
      );
      return { contentType: registry.contentType, body: await registry.metrics() };
    });
    // A failed scrape was answered where it was asked for; the next one must still run.
    this.#scrape = scrape.catch(() => {});
    return scrape;
  }

  close(): void {
    clearInterval(this.#loopTimer);
    this.#loopDelay.disable();
    this.#registry.clear();
  }

  #count(name: string, labels: Labels, by = 1): void {
    this.#counters.get(name)?.add(labels, by);
  }

  #observe(name: keyof typeof EVENT_HISTOGRAMS, labels: Labels, seconds: number): void {
    this.#histograms.get(name)?.observe(labels, seconds);
  }

  #registerFacts(facts: MetricsFacts): void {
    const { version, revision, nodeVersion } = facts;
    const labels = { version, revision, node_version: nodeVersion };
    new Gauge({
      name: 'natsgate_build_info',
      help: 'What is running; always 1.',
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    }).set(labels, 1);
  }

  #registerLoop(): NodeJS.Timeout {
    const registers = [this.#registry];
    const use = new Gauge({
      name: 'natsgate_eventloop_utilization_ratio',
      help: 'Share of the last 10 s in which the event loop was busy.',
      registers,
    });
    const delay = new Gauge({
      name: 'natsgate_eventloop_delay_p99_seconds',
      help: 'Delay of the event loop in the last 10 s, 99th percentile.',
      registers,
    });
    this.#loopDelay.enable();
    const timer = setInterval(() => {
      delay.set(this.#loopDelay.percentile(99) / 1e9);
      this.#loopDelay.reset();
      const now = performance.eventLoopUtilization();
      use.set(performance.eventLoopUtilization(now, this.#loopUse).utilization);
      this.#loopUse = now;
    }, LOOP_INTERVAL_MS);
    return timer.unref();
  }
}

/** Registers a metric that is filled from the source at each scrape. */
function copied(registry: Registry, name: string, row: CopiedMetric, source: () => MetricsSource): void {
  const fixed = (row.labels ?? {}) as Labels;
  const by = row.by?.split(',') ?? [];
  const options = { name, help: row.help, labelNames: [...Object.keys(fixed), ...by], registers: [registry] };
  const fill = (metric: { reset(): void }, set: (labels: Labels, value: number) => void): void => {
    metric.reset();
    const value = row.read(source());
    if (typeof value === 'number') set(fixed, value);
    else if (value !== undefined) {
      for (const [key, number] of Object.entries(value)) {
        const values = key.split(BETWEEN_LABELS);
        set(
          { ...fixed, ...Object.fromEntries(by.map((label, index) => [label, values[index] ?? ''])) },
          number,
        );
      }
    }
  };
  if (row.kind === 'gauge') {
    new Gauge({
      ...options,
      collect() {
        fill(this, (labels, value) => this.set(labels, value));
      },
    });
  } else {
    new Counter({
      ...options,
      collect() {
        fill(this, (labels, value) => this.inc(labels, value));
      },
    });
  }
}

function rejectedLabel(reason: CloseReason, code: number): string | undefined {
  switch (reason) {
    case 'message_too_big':
      return 'too_big';
    case 'frame_violation':
      return code === 1007 ? 'invalid_utf8' : 'bad_frame';
    case 'rate_exceeded':
      return 'control_flood';
    case 'not_binary':
    case 'assembly_timeout':
      return 'other';
    default:
      return undefined;
  }
}
