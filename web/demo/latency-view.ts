import type { Latency, RoundTrips } from '../../src/dev/latency.ts';
import { element } from '../shared/dom.ts';
import { askDev } from './dev-server.ts';

const WIDTH = 300;
const HEIGHT = 40;
const WAYS = ['direct', 'gateway'] as const;

/** How long PING to PONG takes, to nats-server itself and through the gateway: two histograms on one scale. */
export class LatencyView {
  readonly #button = element('latency-measure', HTMLButtonElement);
  readonly #said = element('latency-said');

  constructor() {
    this.#button.addEventListener('click', () => void this.#measure());
  }

  async #measure(): Promise<void> {
    this.#said.textContent = 'Measuring …';
    try {
      const latency = (await askDev('try/latency')) as Latency;
      for (const way of WAYS) this.#draw(way, latency[way], latency.bucketsUs.length + 1);
      const added = Math.max(0, latency.gateway.p50Us - latency.direct.p50Us);
      this.#said.textContent = `The gateway adds ${microseconds(added)} at the median.`;
    } catch (error) {
      this.#said.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  #draw(way: (typeof WAYS)[number], { p50Us, p99Us, counts }: RoundTrips, buckets: number): void {
    element(`latency-${way}`).textContent = `p50 ${microseconds(p50Us)} · p99 ${microseconds(p99Us)}`;
    const highest = Math.max(1, ...counts);
    const step = WIDTH / buckets;
    const bars = counts.map((count, index) => {
      const height = (count / highest) * HEIGHT;
      return count === 0
        ? ''
        : `M${(index * step + 1).toFixed(1)} ${HEIGHT}v${(-Math.max(1, height)).toFixed(1)}h${(step - 2).toFixed(1)}V${HEIGHT}z`;
    });
    const chart = element(`latency-${way}-chart`, SVGSVGElement);
    chart.querySelector('path')?.setAttribute('d', bars.join(''));
  }
}

const microseconds = (us: number): string => (us < 1000 ? `${us} µs` : `${(us / 1000).toFixed(1)} ms`);
