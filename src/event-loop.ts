import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** How often delay and use are taken; every reader gets those of the last interval, however many ask. */
const INTERVAL_MS = 10_000;

/** How busy the event loop of this process is. Runs until `close`. */
export class EventLoop {
  /** Share of the last interval in which it was busy. */
  utilization = 0;
  /** The 99th percentile of its delays in the last interval. */
  delayP99Seconds = 0;
  readonly #delays = monitorEventLoopDelay({ resolution: 20 });
  readonly #timer: NodeJS.Timeout;
  #before: EventLoopUtilization = performance.eventLoopUtilization();

  constructor() {
    this.#delays.enable();
    this.#timer = setInterval(() => this.#take(), INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delays.disable();
  }

  #take(): void {
    this.delayP99Seconds = this.#delays.percentile(99) / 1e9;
    this.#delays.reset();
    const now = performance.eventLoopUtilization();
    this.utilization = performance.eventLoopUtilization(now, this.#before).utilization;
    this.#before = now;
  }
}
