import { jitter, type System } from './system.ts';

/** Label values of natsgate_upstream_lookups_total. `late`: over the deadline; its answer is used all the same. */
export const LOOKUP_OUTCOMES = ['ok', 'failed', 'late'] as const;
export type LookupOutcome = (typeof LOOKUP_OUTCOMES)[number];

/** Answers of a headless Service live 5 to 30 s. */
const REFRESH_MS = 10_000;
/** An answer that is older is looked up again when a server of the name has failed. */
const MIN_AGE_MS = 1000;
const LOOKUP_DEADLINE_MS = 2000;
/** While no lookup succeeds, the last answer is used for this long: moved servers are rarer than broken DNS. */
const MAX_STALE_MS = 3_600_000;
/** A name may have more addresses; the pool keeps to the first. */
const MAX_ADDRESSES = 64;

export type ResolverObserver = {
  /** Also with an empty list, when the last answer has become too old. */
  onAddresses(addresses: readonly string[]): void;
  /** `cause` is the resolver's error code or message; undefined when the lookup went well. */
  onLookup(outcome: LookupOutcome, cause: string | undefined): void;
};

/**
 * The addresses of one host name, kept fresh. One lookup at a time: getaddrinfo cannot be cancelled, and each one
 * that hangs holds a thread.
 */
export class Resolver {
  readonly #host: string;
  readonly #system: System;
  readonly #observer: ResolverObserver;
  #pending: Promise<void> | undefined;
  #known = false;
  #answeredAtMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #cancelNext: () => void = () => {};
  #cancelDeadline: () => void = () => {};
  #closed = false;

  constructor(host: string, system: System, observer: ResolverObserver) {
    this.#host = host;
    this.#system = system;
    this.#observer = observer;
  }

  /** Looks the name up now and then again and again, until `close`. */
  start(): void {
    this.#ask();
  }

  /** Settles when the lookup under way has ended, after beginning one if the last is not very young. Never rejects. */
  fresh(): Promise<void> | undefined {
    if (this.#system.nowMs() - this.#askedAtMs >= MIN_AGE_MS) this.#ask();
    return this.#pending;
  }

  close(): void {
    this.#closed = true;
    this.#cancelNext();
    this.#cancelDeadline();
  }

  #ask(): void {
    if (this.#pending !== undefined || this.#closed) return;
    this.#cancelNext();
    this.#askedAtMs = this.#system.nowMs();
    let late = false;
    this.#cancelDeadline = this.#system.after(LOOKUP_DEADLINE_MS, () => {
      late = true;
      this.#observer.onLookup('late', `no answer within ${LOOKUP_DEADLINE_MS} ms`);
    });
    this.#pending = this.#system.resolve(this.#host).then(
      (addresses) => this.#settled(addresses, undefined, late),
      (error: NodeJS.ErrnoException) => this.#settled([], error.code ?? error.message, late),
    );
  }

  #settled(addresses: readonly string[], cause: string | undefined, late: boolean): void {
    this.#pending = undefined;
    this.#cancelDeadline();
    if (this.#closed) return;
    const nowMs = this.#system.nowMs();
    const found = [...new Set(addresses)].slice(0, MAX_ADDRESSES);
    if (found.length > 0) {
      this.#known = true;
      this.#answeredAtMs = nowMs;
      this.#observer.onAddresses(found);
    } else if (this.#known && nowMs - this.#answeredAtMs > MAX_STALE_MS) {
      this.#known = false;
      this.#observer.onAddresses([]);
    }
    if (found.length > 0) this.#observer.onLookup('ok', undefined);
    else if (!late) this.#observer.onLookup('failed', cause ?? 'no address');
    const delayMs = jitter(this.#known ? REFRESH_MS : MIN_AGE_MS, 0.1, this.#system.random);
    this.#cancelNext = this.#system.after(delayMs, () => this.#ask());
  }
}
