import { NotGranted } from './details.ts';

/** Verifying uses the threads that also serve files and names; more at once would only make all late. */
const VERIFIED_AT_ONCE = 16;
const WAIT_TO_BE_VERIFIED = 512;

/** Lets some work run at once, and some wait for it. */
export class Gate {
  readonly #mostAtOnce: number;
  readonly #mostWaiting: number;
  #running = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();

  constructor(mostAtOnce = VERIFIED_AT_ONCE, mostWaiting = WAIT_TO_BE_VERIFIED) {
    this.#mostAtOnce = mostAtOnce;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * Runs `work` when there is room.
   *
   * @throws NotGranted when too many wait, the signal's reason when it aborts before there was room, and what `work`
   * throws.
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running >= this.#mostAtOnce) await this.#turn(signal);
    else this.#running++;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** Resolves when the place of another one is ours. */
  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.size >= this.#mostWaiting) throw new NotGranted('authorizer_busy');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const begin = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const leave = (): void => {
      this.#waiting.delete(begin);
      reject(signal.reason);
    };
    this.#waiting.add(begin);
    signal.addEventListener('abort', leave, { once: true });
    await promise;
  }

  #next(): void {
    const [begin] = this.#waiting;
    if (begin === undefined) this.#running--;
    else {
      this.#waiting.delete(begin);
      begin();
    }
  }
}
