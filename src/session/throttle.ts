import type { CloseReason } from '../close-reason.ts';
import type { RateLimit } from '../config/config.ts';
import type { ReadSide, SessionRates } from '../rates/session-rates.ts';
import type { Pipe } from './pipe.ts';

/** A delay without a break. */
type Delay = {
  readonly limit: RateLimit;
  readonly sinceMs: number;
  dueAtMs: number;
  hasPeeked: boolean;
};

type Limited = { readonly limit: RateLimit; readonly seconds: number };

export type ThrottleOwner = {
  end(reason: CloseReason): void;
  /** `dueAtMs` has changed. */
  onThrottle(): void;
  /** A limit was exceeded: this is what follows. */
  onRateLimited(limit: RateLimit, action: 'delay' | 'close'): void;
  /** A delay is over, after this many seconds. */
  onDelayed(limit: RateLimit, seconds: number): void;
};

/**
 * A delayed side is read from once more after this, because a client that has left is seen in no other way. One that goes
 * on sending pays for that read too.
 */
const PEEK_MS = 1000;
/** A frame costs this at least, its header, so that empty ones are not free. */
const FRAME_BYTES = 6;
const SIDES: readonly ReadSide[] = ['client', 'upstream'];

/**
 * Holds one session to its rates: what a read has brought is charged, and if that is too much, nothing more is read from
 * that side for a while.
 *
 * ```
 *  read ──within the rates──▶ goes on
 *    └──above──▶ paused until it is paid ──▶ goes on
 *                  └──longer than maxDelay──▶ the session ends as rate_exceeded
 * ```
 */
export class Throttle {
  readonly #rates: SessionRates;
  readonly #pipe: Pipe;
  readonly #clock: { readonly nowMs: number };
  readonly #owner: ThrottleOwner;
  readonly #delays: Record<ReadSide, Delay | undefined> = { client: undefined, upstream: undefined };
  #messages = 0;
  #frames = 0;
  /** Of the client, since its frames were counted. */
  #bytesOfFrames = 0;
  #isStopped = false;
  /** The limit that ended the session. */
  endedBy: RateLimit | undefined;

  constructor(rates: SessionRates, pipe: Pipe, clock: { readonly nowMs: number }, owner: ThrottleOwner) {
    this.#rates = rates;
    this.#pipe = pipe;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** When to call `look`. */
  get dueAtMs(): number {
    const { client, upstream } = this.#delays;
    return Math.min(
      client?.dueAtMs ?? Number.POSITIVE_INFINITY,
      upstream?.dueAtMs ?? Number.POSITIVE_INFINITY,
    );
  }

  /** The limit for which the session is read later, or its operations are refused, and for how long already. */
  get limited(): Limited | undefined {
    return this.delay ?? this.#rates.refusing(this.#clock.nowMs);
  }

  /** The delay that has lasted longest; undefined: there is none. */
  get delay(): Limited | undefined {
    const { client, upstream } = this.#delays;
    const [first] = [client, upstream]
      .filter((one) => one !== undefined)
      .sort((a, b) => a.sinceMs - b.sinceMs);
    return first && { limit: first.limit, seconds: (this.#clock.nowMs - first.sinceMs) / 1000 };
  }

  /** One read of the client, after it was passed on. `messages`: of the whole session so far. */
  readClient(bytes: number, messages: number): void {
    this.#bytesOfFrames += bytes;
    this.#charge('client', bytes, messages - this.#messages);
    this.#messages = messages;
  }

  /** How many frames the client has sent so far. Known one read late, and of reads without a byte for `readClient`, too. */
  countFrames(frames: number): void {
    const owed = (frames - this.#frames) * FRAME_BYTES - this.#bytesOfFrames;
    this.#frames = frames;
    this.#bytesOfFrames = 0;
    if (owed > 0) this.#charge('client', owed, 0);
  }

  readUpstream(bytes: number): void {
    this.#charge('upstream', bytes, 0);
  }

  /** To be called at `dueAtMs`. */
  look(): void {
    for (const side of SIDES) {
      const delay = this.#delays[side];
      if (delay !== undefined && this.#clock.nowMs >= delay.dueAtMs) this.#lookAt(side, delay);
    }
  }

  /** The session ends: both sides are read on, since their ends must be seen. To be called once. */
  stop(): void {
    this.#isStopped = true;
    for (const side of SIDES) this.#over(side);
    this.#rates.release(this.#clock.nowMs);
  }

  #charge(side: ReadSide, bytes: number, messages: number): void {
    if (this.#isStopped) return;
    const { nowMs } = this.#clock;
    this.#rates.charge(side, bytes, messages, nowMs);
    const waitMs = this.#rates.waitMs(side, nowMs);
    if (waitMs > 0) this.#exceeded(side, waitMs);
  }

  #exceeded(side: ReadSide, waitMs: number): void {
    const { nowMs } = this.#clock;
    if (this.#rates.worst(side, nowMs)?.exceeded === 'close') return this.#end(side);
    const delay = this.#delays[side] ?? this.#begin(side);
    if (delay === undefined) return;
    if (nowMs + waitMs - delay.sinceMs > this.#rates.config.maxDelayMs) return this.#end(side);
    this.#pipe.delay(side);
    delay.dueAtMs = nowMs + (delay.hasPeeked ? waitMs : Math.min(waitMs, PEEK_MS));
    this.#owner.onThrottle();
  }

  #begin(side: ReadSide): Delay | undefined {
    const { nowMs } = this.#clock;
    const limit = this.#rates.worst(side, nowMs);
    if (limit === undefined) return undefined;
    this.#owner.onRateLimited(limit, 'delay');
    const delay = { limit, sinceMs: nowMs, dueAtMs: nowMs, hasPeeked: false };
    this.#delays[side] = delay;
    return delay;
  }

  #lookAt(side: ReadSide, delay: Delay): void {
    const { nowMs } = this.#clock;
    const waitMs = this.#rates.waitMs(side, nowMs);
    if (waitMs === 0) this.#over(side);
    else if (nowMs + waitMs - delay.sinceMs > this.#rates.config.maxDelayMs) this.#end(side);
    else {
      if (!delay.hasPeeked) this.#pipe.peek(side);
      delay.hasPeeked = true;
      delay.dueAtMs = nowMs + waitMs;
    }
  }

  #over(side: ReadSide): void {
    const delay = this.#delays[side];
    if (delay === undefined) return;
    this.#delays[side] = undefined;
    this.#pipe.endDelay(side);
    this.#owner.onDelayed(delay.limit, (this.#clock.nowMs - delay.sinceMs) / 1000);
  }

  #end(side: ReadSide): void {
    this.endedBy ??= this.#rates.worst(side, this.#clock.nowMs);
    if (this.endedBy !== undefined) this.#owner.onRateLimited(this.endedBy, 'close');
    this.#owner.end('rate_exceeded');
  }
}
