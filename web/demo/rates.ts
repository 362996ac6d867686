import { byteSize } from '../shared/byte-size.ts';
import { element } from '../shared/dom.ts';

const TICK_MS = 500;
/** 30 seconds. */
const TICKS_KEPT = 60;
/** Rates are over two seconds: long enough to be steady, short enough to follow. */
const TICKS_OF_RATE = 4;

type Tick = { messages: number; bytes: number };

/** Counts what arrives, and shows it as rates and as a line of the last 30 seconds. */
export class Rates {
  #ticks: Tick[] = Array.from({ length: TICKS_KEPT }, () => ({ messages: 0, bytes: 0 }));
  #current: Tick = { messages: 0, bytes: 0 };
  #total = 0;
  readonly #messages = element('rate-messages');
  readonly #bytes = element('rate-bytes');
  readonly #received = element('total-messages');
  readonly #sparkline = element('sparkline', SVGSVGElement);

  start(): void {
    this.#draw();
    setInterval(() => {
      this.#ticks = [...this.#ticks.slice(1), this.#current];
      this.#current = { messages: 0, bytes: 0 };
      if (!document.hidden) this.#draw();
    }, TICK_MS);
  }

  count(bytes: number): void {
    this.#current.messages++;
    this.#current.bytes += bytes;
    this.#total++;
  }

  reset(): void {
    this.#total = 0;
    this.#draw();
  }

  #draw(): void {
    const recent = this.#ticks.slice(-TICKS_OF_RATE);
    const seconds = (TICKS_OF_RATE * TICK_MS) / 1000;
    const perSecond = (field: keyof Tick) => recent.reduce((sum, tick) => sum + tick[field], 0) / seconds;
    const rate = perSecond('messages');
    this.#messages.textContent =
      rate > 0 && rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en');
    this.#bytes.textContent = byteSize(perSecond('bytes'));
    this.#received.textContent = this.#total.toLocaleString('en');

    const highest = Math.max(4, ...this.#ticks.map((tick) => tick.messages));
    const points = this.#ticks.map((tick, index) => {
      const x = (index / (TICKS_KEPT - 1)) * 120;
      const y = 30 - (tick.messages / highest) * 27;
      return `${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    const line = `M${points.join('L')}`;
    this.#sparkline.querySelector('.line')?.setAttribute('d', line);
    this.#sparkline.querySelector('.area')?.setAttribute('d', `${line}L120 32L0 32Z`);
  }
}
