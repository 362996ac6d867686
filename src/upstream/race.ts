import type { ConnectOutcome } from './connect-outcome.ts';
import { DialError, type DialObserver, type DialTarget, type Upstream } from './dial.ts';
import type { Member } from './member.ts';
import type { Tools } from './tools.ts';

/** One attempt at one address: `attempt` of dial.ts with what it needs besides. */
export type SingleAttempt = (
  target: DialTarget,
  connectTimeoutMs: number,
  dialTimeoutMs: number,
  signal: AbortSignal,
  observer: DialObserver,
) => Promise<Upstream>;

/** What a race needs of the pool. */
export type Field = {
  readonly connectTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly tools: Tools;
  readonly observer: DialObserver;
  /** The member to try next, undefined when all that are known were tried. */
  next(tried: ReadonlySet<Member>): Member | undefined;
  /** Whether there is, or might be after a lookup, a member beyond the `tried` ones. */
  hasMore(tried: ReadonlySet<Member>): boolean;
  /** Settles when a lookup under way has ended. undefined: nothing is looked up, or not worth it again. */
  freshAddresses(): Promise<void> | undefined;
  /** Failures of servers whose name has no address, `seconds` after the dial began. */
  unresolved(seconds: number): readonly DialError[];
  succeeded(member: Member, lameDuck: boolean): void;
  failed(member: Member, startedAtMs: number, error: DialError): void;
  /** The connection of `upstream` carries a session from now on. */
  placed(member: Member, upstream: Upstream): void;
};

/**
 * A server that is silent for so long gets company: the next one is tried beside it, and the first that speaks
 * wins. So a frozen server costs 0.3 of the 1.8 s, and one that is only far away still has all of them.
 */
const STAGGER_MS = 300;
/** A timer that comes so late does not tell that the server is slow. */
const LATE_MS = 100;
/** Attempts beside one another; for one more the oldest is given up. */
const MAX_IN_FLIGHT = 3;
const MAX_ATTEMPTS = 8;
/** Wait for a lookup when all known addresses have failed. Without any address it is the whole dial. */
const LOOKUP_GRACE_MS = 500;
/** Servers named in the message of a dial that failed at all of them. */
const MAX_NAMED_FAILURES = 4;

type Flight = {
  readonly member: Member;
  readonly startedAtMs: number;
  readonly cancel: AbortController;
  connectTold: boolean;
};

/** One dial: attempts at one member after the other, a little beside one another, until one speaks. */
export class Race {
  readonly #field: Field;
  readonly #attempt: SingleAttempt;
  readonly #signal: AbortSignal;
  readonly #done = Promise.withResolvers<Upstream>();
  readonly #deadlineMs: number;
  readonly #flights = new Set<Flight>();
  readonly #tried = new Set<Member>();
  readonly #failures: DialError[] = [];
  /** A lame duck that has spoken: better than nothing, should all others fail. */
  #spare: { readonly member: Member; readonly upstream: Upstream } | undefined;
  #awaitsLookup = false;
  #lookupsUntilMs: number | undefined;
  #settled = false;
  #cancelStagger = (): void => {};
  #cancelWait = (): void => {};
  readonly #onAbort = (): void => this.#settle(() => this.#done.reject(this.#signal.reason));

  constructor(field: Field, attempt: SingleAttempt, signal: AbortSignal) {
    this.#field = field;
    this.#attempt = attempt;
    this.#signal = signal;
    this.#deadlineMs = field.tools.nowMs() + field.dialTimeoutMs;
  }

  /** To be called once. @throws DialError when nobody spoke in time; the reason of the signal when it aborts. */
  run(): Promise<Upstream> {
    if (this.#signal.aborted) this.#onAbort();
    else {
      this.#signal.addEventListener('abort', this.#onAbort);
      this.#launch();
    }
    return this.#done.promise;
  }

  #launch(): void {
    if (this.#settled) return;
    this.#cancelStagger();
    const leftMs = this.#deadlineMs - this.#field.tools.nowMs();
    const mayTry = leftMs > 0 && this.#tried.size < MAX_ATTEMPTS;
    const member = mayTry ? this.#field.next(this.#tried) : undefined;
    if (member === undefined) {
      this.#outOfMembers(leftMs);
      return;
    }
    this.#tried.add(member);
    const [oldest] = this.#flights;
    if (oldest !== undefined && this.#flights.size >= MAX_IN_FLIGHT) {
      this.#flights.delete(oldest);
      this.#giveUp(oldest);
    }
    this.#fly(member, leftMs);
    if (this.#field.hasMore(this.#tried)) this.#stagger(false);
  }

  /** `again`: the timer came late once. Then it was this process that was slow, and the answer may be there. */
  #stagger(again: boolean): void {
    const { tools, dialTimeoutMs } = this.#field;
    const staggerMs = Math.min(STAGGER_MS, dialTimeoutMs / 4);
    const dueMs = tools.nowMs() + staggerMs;
    this.#cancelStagger = tools.after(staggerMs, () => {
      if (again || tools.nowMs() - dueMs < LATE_MS) this.#launch();
      else this.#stagger(true);
    });
  }

  #fly(member: Member, leftMs: number): void {
    const { connectTimeoutMs, observer, tools } = this.#field;
    const cancel = new AbortController();
    const flight: Flight = { member, startedAtMs: tools.nowMs(), cancel, connectTold: false };
    this.#flights.add(flight);
    member.pending++;
    const onConnect = (outcome: ConnectOutcome, seconds: number): void => {
      flight.connectTold = true;
      observer.onConnect(outcome, seconds);
    };
    void this.#attempt(member.target, Math.min(connectTimeoutMs, leftMs), leftMs, cancel.signal, {
      onConnect,
      onFirstByte: (seconds) => observer.onFirstByte(seconds),
    }).then(
      (upstream) => this.#spoke(flight, upstream),
      (error: unknown) => this.#failed(flight, error),
    );
  }

  #spoke(flight: Flight, upstream: Upstream): void {
    const { member } = flight;
    member.pending--;
    if (!this.#flights.delete(flight)) {
      upstream.socket.destroy();
      return;
    }
    this.#field.succeeded(member, upstream.info.ldm);
    if (!upstream.info.ldm) this.#win(member, upstream, flight.startedAtMs);
    else {
      if (this.#spare === undefined) this.#spare = { member, upstream };
      else upstream.socket.destroy();
      this.#launch();
    }
  }

  #failed(flight: Flight, error: unknown): void {
    flight.member.pending--;
    // Whoever took the flight out of the set has dealt with it.
    if (!this.#flights.delete(flight)) return;
    if (!(error instanceof DialError)) {
      this.#settle(() => this.#done.reject(error));
      return;
    }
    this.#failures.push(error);
    this.#field.failed(flight.member, flight.startedAtMs, error);
    this.#launch();
  }

  #giveUp(flight: Flight): void {
    const silentMs = Math.round(this.#field.tools.nowMs() - flight.startedAtMs);
    const { target } = flight.member;
    const error = new DialError(
      'upstream_timeout',
      target,
      `${target.name}: silent for ${silentMs} ms, others went on`,
    );
    if (!flight.connectTold) this.#field.observer.onConnect('timeout', silentMs / 1000);
    this.#failures.push(error);
    this.#field.failed(flight.member, flight.startedAtMs, error);
    flight.cancel.abort(error);
  }

  /** All known members were tried. A name may have got other addresses: a pod that was moved, a first lookup. */
  #outOfMembers(leftMs: number): void {
    if (this.#awaitsLookup) return;
    const { tools } = this.#field;
    const graceMs = this.#tried.size === 0 ? leftMs : Math.min(leftMs, LOOKUP_GRACE_MS);
    this.#lookupsUntilMs ??= tools.nowMs() + graceMs;
    const waitMs = Math.min(leftMs, this.#lookupsUntilMs - tools.nowMs());
    const fresh = waitMs > 0 ? this.#field.freshAddresses() : undefined;
    if (fresh !== undefined) {
      this.#awaitsLookup = true;
      let over = false;
      const goOn = (): void => {
        if (over) return;
        over = true;
        this.#awaitsLookup = false;
        this.#cancelWait();
        this.#launch();
      };
      this.#cancelWait = tools.after(waitMs, goOn);
      void fresh.then(goOn);
      return;
    }
    if (this.#flights.size > 0) return;
    const spare = this.#spare;
    if (spare !== undefined && !spare.upstream.socket.destroyed) {
      this.#spare = undefined;
      this.#win(spare.member, spare.upstream, Number.NEGATIVE_INFINITY);
      return;
    }
    const seconds = (this.#field.dialTimeoutMs - leftMs) / 1000;
    const failure = joined([...this.#failures, ...this.#field.unresolved(seconds)]);
    this.#settle(() => this.#done.reject(failure));
  }

  #win(member: Member, upstream: Upstream, startedAtMs: number): void {
    for (const flight of this.#flights) {
      if (flight.startedAtMs >= startedAtMs) continue;
      this.#flights.delete(flight);
      this.#giveUp(flight);
    }
    this.#field.placed(member, upstream);
    this.#settle(() => this.#done.resolve(upstream));
  }

  #settle(end: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelStagger();
    this.#cancelWait();
    this.#signal.removeEventListener('abort', this.#onAbort);
    const flights = [...this.#flights];
    this.#flights.clear();
    for (const flight of flights) flight.cancel.abort();
    this.#spare?.upstream.socket.destroy();
    end();
  }
}

/** One error that names the servers; its outcome is that of the last. */
function joined(failures: readonly DialError[]): unknown {
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) return last;
  const named = failures.slice(0, MAX_NAMED_FAILURES).map((failure) => failure.message);
  const more = failures.length - named.length;
  const message = `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  return new DialError(last.outcome, last.server, message, last);
}
