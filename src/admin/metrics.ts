import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
  type RegistryContentType,
} from 'prom-client';
import { CLOSE_REASONS, type CloseReason } from '../close-reason.ts';
import { openDescriptors } from '../descriptor-limit.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../handshake-outcome.ts';
import type { Snapshot } from '../snapshot.ts';
import { METRICS } from './metric-table.ts';
import type { MetricsText } from './metrics-page.ts';
import { HISTOGRAMS, type HistogramName, type HistogramRow } from './table/histograms.ts';
import { type Labels, LISTENER, type Metric } from './table/metric.ts';

/**
 * Default metrics of prom-client that are not exported: those that list every socket, which stops the process for 25 ms
 * with 9,000 sessions (some have counters' names besides, which promtool refuses), and the loop delay that each scrape
 * resets, so that two scrapers take each other's samples.
 */
const UNWANTED_DEFAULTS = /^nodejs_active_|^nodejs_eventloop_lag_/;
const OPEN_DESCRIPTORS = 'process_open_fds';

const HISTOGRAM_NAMES = Object.keys(HISTOGRAMS) as HistogramName[];
/** prom-client takes 3 µs for one duration between other work, and 0.6 µs for one of many in a row. */
const OBSERVED_AT_ONCE = 256;
type Observed = { readonly histogram: Histogram; readonly labels: Labels; readonly seconds: number };

const UPSTREAM_HISTOGRAMS = [
  'natsgate_upstream_connect_duration_seconds',
  'natsgate_upstream_first_byte_seconds',
] as const;

/** All metrics of one gateway. Every label value exists from the start, so the series count never changes. */
export class Metrics {
  // prom-client types the content type as a parameter of the registry, although it can be set at any time.
  readonly #registry: Registry<RegistryContentType> = new Registry<RegistryContentType>();
  readonly #takeSnapshot: () => Snapshot;
  readonly #copies: readonly ((snapshot: Snapshot) => void)[];
  readonly #histograms: Readonly<Record<HistogramName, Histogram>>;
  readonly #upstreams = new Set<string>();
  /** Not handed to prom-client yet. */
  readonly #observed: Observed[] = [];
  #scrape: Promise<unknown> = Promise.resolve();

  /** `tls`: the listener speaks it. */
  constructor(tls: boolean, takeSnapshot: () => Snapshot) {
    this.#takeSnapshot = takeSnapshot;
    collectDefaultMetrics({ register: this.#registry });
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (UNWANTED_DEFAULTS.test(name)) this.#registry.removeSingleMetric(name);
    }
    countDescriptors(this.#registry);
    this.#copies = METRICS.filter(({ tlsOnly }) => tls || tlsOnly !== true).map((row) =>
      register(row, this.#registry),
    );
    this.#histograms = Object.fromEntries(
      HISTOGRAM_NAMES.map((name) => [name, histogram(name, HISTOGRAMS[name], this.#registry)]),
    ) as Record<HistogramName, Histogram>;
  }

  handshakeAnswered(outcome: HandshakeOutcome, seconds: number): void {
    const outcome_class = HANDSHAKE_OUTCOMES[outcome].class;
    this.#observe('natsgate_handshake_duration_seconds', { ...LISTENER, outcome_class }, seconds);
  }

  sessionEnded(reason: CloseReason, seconds: number): void {
    const { initiator } = CLOSE_REASONS[reason];
    this.#observe('natsgate_session_duration_seconds', { ...LISTENER, initiator }, seconds);
  }

  verified(seconds: number): void {
    this.#observe('natsgate_auth_verification_duration_seconds', {}, seconds);
  }

  pingAnswered(seconds: number): void {
    this.#observe('natsgate_ping_rtt_seconds', LISTENER, seconds);
  }

  natsRoundTrip(seconds: number): void {
    this.#observe('natsgate_nats_rtt_seconds', LISTENER, seconds);
  }

  webhookAnswered(seconds: number): void {
    this.#observe('natsgate_auth_webhook_duration_seconds', {}, seconds);
  }

  upstreamConnected(upstream: string, seconds: number): void {
    if (this.#upstreams.has(upstream))
      this.#observe('natsgate_upstream_connect_duration_seconds', { upstream }, seconds);
  }

  upstreamSpoke(upstream: string, seconds: number): void {
    if (this.#upstreams.has(upstream))
      this.#observe('natsgate_upstream_first_byte_seconds', { upstream }, seconds);
  }

  /** From now on there are series of this upstream too. */
  addUpstream(upstream: string): void {
    if (this.#upstreams.has(upstream)) return;
    this.#upstreams.add(upstream);
    for (const name of UPSTREAM_HISTOGRAMS) this.#histograms[name].zero({ upstream });
  }

  /** There are none of other upstreams any more. */
  keepUpstreams(names: ReadonlySet<string>): void {
    // A duration that came later would bring its series back.
    this.#flush();
    for (const upstream of this.#upstreams) {
      if (names.has(upstream)) continue;
      this.#upstreams.delete(upstream);
      for (const name of UPSTREAM_HISTOGRAMS) this.#histograms[name].remove({ upstream });
    }
  }

  /**
   * The exposition text and its content type: OpenMetrics when `openMetrics`, else the classic format. Scrapes
   * run one after the other, since the format is a state of prom-client's registry.
   */
  expose(openMetrics: boolean): Promise<MetricsText> {
    const scrape = this.#scrape.then(() => this.#expose(openMetrics));
    // A failed scrape was answered where it was asked for; the next one must still run.
    this.#scrape = scrape.catch(() => {});
    return scrape;
  }

  close(): void {
    this.#registry.clear();
  }

  async #expose(openMetrics: boolean): Promise<MetricsText> {
    const registry = this.#registry;
    registry.setContentType(
      openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
    );
    this.#flush();
    const snapshot = this.#takeSnapshot();
    for (const copy of this.#copies) copy(snapshot);
    const names = registry.getMetricsAsArray().map((metric) => [metric, metric.name] as const);
    const body = await registry.metrics();
    // For OpenMetrics prom-client takes `_total` off the names of counters, and leaves them so.
    for (const [metric, name] of names) metric.name = name;
    return { contentType: registry.contentType, body };
  }

  #observe(name: HistogramName, labels: Labels, seconds: number): void {
    this.#observed.push({ histogram: this.#histograms[name], labels, seconds });
    if (this.#observed.length >= OBSERVED_AT_ONCE) this.#flush();
  }

  #flush(): void {
    for (const { histogram, labels, seconds } of this.#observed) histogram.observe(labels, seconds);
    this.#observed.length = 0;
  }
}

/** prom-client's own lists the descriptors in the main thread. */
function countDescriptors(registry: Registry<RegistryContentType>): void {
  const own = registry.getSingleMetric(OPEN_DESCRIPTORS);
  if (own === undefined) return;
  registry.removeSingleMetric(OPEN_DESCRIPTORS);
  const options = { name: OPEN_DESCRIPTORS, help: 'Number of open file descriptors.', registers: [registry] };
  const gauge: Gauge = new Gauge({
    ...options,
    async collect() {
      gauge.set((await openDescriptors()) ?? 0);
    },
  });
}

/** The function that copies its samples out of a snapshot. */
function register(
  { name, kind, help, labels, samples }: Metric,
  registry: Registry<RegistryContentType>,
): (snapshot: Snapshot) => void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === 'gauge') {
    const gauge = new Gauge(options);
    return (snapshot) => {
      clear(gauge);
      for (const [values, value] of samples(snapshot)) gauge.set(values, value);
    };
  }
  const counter = new Counter(options);
  return (snapshot) => {
    clear(counter);
    for (const [values, value] of samples(snapshot)) counter.inc(values, value);
  };
}

/** Without labels, a reset of prom-client leaves a 0. */
function clear(metric: Gauge | Counter): void {
  metric.reset();
  metric.remove({});
}

function histogram(
  name: string,
  { help, labels, buckets, series }: HistogramRow,
  registry: Registry<RegistryContentType>,
): Histogram {
  const made = new Histogram({
    name,
    help,
    labelNames: [...labels],
    buckets: [...buckets],
    registers: [registry],
  });
  for (const one of series) made.zero(one);
  return made;
}
