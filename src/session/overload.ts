import type { Log } from '../log.ts';

/** A session that may hold bytes. */
export type Holder = {
  /** Bytes that wait in this process, for either side. */
  readonly heldBytes: number;
  /** Since when bytes have waited without a break. */
  readonly heldSinceMs: number;
  /** Ends the session now and frees what it holds. */
  shed(): void;
};

/** Keeps freed buffers, up to this many bytes, to be used again; see BufferPool. */
export type Spares = { keepSpares(bytes: number): void };

/** The memory of the container, as in cgroup.ts. */
export type Memory = {
  readonly limitBytes: number;
  usedBytes(): Promise<number | undefined>;
};

/** Sessions end until this share of the limit is in use. Without a margin each further byte would end one more. */
const CALM_SHARE = 0.9;
/** Share of the limit that the sessions which end together have held. */
const SPARE_SHARE = 1 - CALM_SHARE;
/** Share of the container's memory. Above it sessions end, even when what they hold is within its own limit. */
const FULL_SHARE = 0.85;
/** When the container is full, this share of the sessions that hold bytes ends; then the memory is read again. */
const SHED_WHEN_FULL = 1 / 4;
/** How often the memory is read while bytes wait. A flood fills the kernel's buffers faster, so many stalls ask too. */
const ASK_MS = 250;
const ASK_AFTER_STALLS = 32;
/** The overload is over when no session had to end for this long. */
const CALM_MS = 10_000;

/**
 * Counts the bytes that all sessions have waiting. When they are too many, the sessions that have held bytes longest
 * end as `overload`, until there is room again.
 *
 * They are too many above a limit, or when the container is nearly full, whatever fills it. With cgroup v2 the kernel
 * counts the buffers of sockets to the container, and there a client that does not read costs far more than here.
 *
 * To hold and to release costs one addition and one comparison. Single sessions are looked at only when they are too
 * many.
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

  /** Not at once, because the caller is in the middle of a read. */
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
        'too many bytes wait for slow clients or servers: the sessions that have waited longest end',
      );
    }
    this.#shedAtMs = performance.now();
  }

  #tellOver(): void {
    if (this.#shedAtMs === undefined || performance.now() - this.#shedAtMs < CALM_MS) return;
    this.#shedAtMs = undefined;
    this.#spares.keepSpares(0);
    this.#log.info(
      { heldBytes: this.#heldBytes },
      'the bytes that wait for slow clients or servers are within the limit again',
    );
  }
}
