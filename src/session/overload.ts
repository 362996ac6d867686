import type { Log } from '../log.ts';

/** A session as the overload sees it. */
export type Holder = {
  /** What it has waiting in this process, for either side. */
  readonly heldBytes: number;
  /** Since when, without a moment in between at which nothing waited. */
  readonly heldSinceMs: number;
  /** Ends it now, with what it holds. */
  shed(): void;
};

/** What was held can be used again at once; see BufferPool. */
export type Spares = { keepSpares(bytes: number): void };

/** The memory of the container, as in cgroup.ts. */
export type Memory = {
  readonly limitBytes: number;
  usedBytes(): Promise<number | undefined>;
};

/** Sessions end until so much of the limit is left in use, so that not each further byte ends another one. */
const CALM_SHARE = 0.9;
/** Of the limit: what those who end at once have held. */
const SPARE_SHARE = 1 - CALM_SHARE;
/** Of the container's memory: there sessions end although what they hold here is within its limit. */
const FULL_SHARE = 0.85;
/** Of the sessions that hold something, when the container is full: then it is looked at again. */
const SHED_WHEN_FULL = 1 / 4;
/** How often the system is asked while bytes wait; a flood fills the kernel's buffers faster than that. */
const ASK_MS = 250;
const ASK_AFTER_STALLS = 32;
/** So long nobody had to end: it is over. */
const CALM_MS = 10_000;

/**
 * What all sessions together have waiting, and what happens when that is too much: of those that hold something the
 * ones end that have done so for longest, as `overload`, until there is room again.
 *
 * Too much is more than a limit, or a container that is nearly full, with whatever: where the kernel counts the buffers
 * of sockets to the container (cgroup v2), a client that does not read costs far more there than here.
 *
 * Holding and releasing is an addition and a comparison. Who holds what is looked at only when it is too much.
 */
export class Overload {
  readonly #sessions: Iterable<Holder>;
  readonly #log: Log;
  readonly #spares: Spares;
  #limitBytes = Number.POSITIVE_INFINITY;
  #memory: Memory | undefined;
  #heldBytes = 0;
  #isDue = false;
  #isAsking = false;
  #stalls = 0;
  #timer: NodeJS.Timeout | undefined;
  #shedAtMs: number | undefined;

  constructor(sessions: Iterable<Holder>, spares: Spares, log: Log) {
    this.#sessions = sessions;
    this.#spares = spares;
    this.#log = log;
  }

  configure(limitBytes: number, memory: Memory | undefined): void {
    this.#limitBytes = limitBytes;
    this.#memory = memory;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#heldBytes > 0) void this.#ask();
      this.#tellOver();
    }, ASK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes > this.#limitBytes) this.#shedSoon();
    if (++this.#stalls >= ASK_AFTER_STALLS) void this.#ask();
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /** Not at once: the caller that holds one more is in the middle of a read. */
  #shedSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#heldBytes > this.#limitBytes)
        this.#shed('buffers', () => this.#heldBytes > CALM_SHARE * this.#limitBytes);
    });
  }

  async #ask(): Promise<void> {
    this.#stalls = 0;
    const memory = this.#memory;
    if (memory === undefined || this.#isAsking) return;
    this.#isAsking = true;
    const used = await memory.usedBytes();
    this.#isAsking = false;
    if (used === undefined || used <= FULL_SHARE * memory.limitBytes) return;
    let left = Math.ceil(this.#holders().length * SHED_WHEN_FULL);
    this.#shed('memory', () => left-- > 0);
  }

  #holders(): Holder[] {
    return [...this.#sessions].filter(({ heldBytes }) => heldBytes > 0);
  }

  #shed(limit: 'buffers' | 'memory', isTooMuch: () => boolean): void {
    const heldBytes = this.#heldBytes;
    const holders = this.#holders();
    if (this.#shedAtMs === undefined) this.#spares.keepSpares(SPARE_SHARE * this.#limitBytes);
    holders.sort((one, other) => one.heldSinceMs - other.heldSinceMs || other.heldBytes - one.heldBytes);
    for (const holder of holders) {
      if (!isTooMuch()) break;
      holder.shed();
    }
    if (holders.length === 0) return;
    if (this.#shedAtMs === undefined) {
      const fields = { limit, heldBytes, limitBytes: this.#limitBytes, sessions: holders.length };
      this.#log.warn(
        fields,
        'too much waits for slow clients or servers: those that have waited longest end',
      );
    }
    this.#shedAtMs = performance.now();
  }

  #tellOver(): void {
    if (this.#shedAtMs === undefined || performance.now() - this.#shedAtMs < CALM_MS) return;
    this.#shedAtMs = undefined;
    this.#spares.keepSpares(0);
    this.#log.info({ heldBytes: this.#heldBytes }, 'no more waits for slow clients or servers than may');
  }
}
