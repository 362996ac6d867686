import type { Places } from '../places.ts';
import type { Candidates } from './candidates.ts';
import type { ConnectOutcome } from './connect-outcome.ts';
import type { DialObserver, DialTarget, Upstream } from './connection.ts';
import { DialError, joinedFailures } from './dial-error.ts';
import type { Endpoint } from './endpoint.ts';
import type { System } from './system.ts';

/** One attempt at one address: `connect` of connect.ts with all that does not change between attempts. */
export type ConnectTo = (
  target: DialTarget,
  limits: { readonly connectTimeoutMs: number; readonly dialTimeoutMs: number },
  signal: AbortSignal,
  observer: DialObserver,
) => Promise<Upstream>;

export type RaceOptions = {
  readonly connectTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly system: System;
  readonly observer: DialObserver;
  readonly connectTo: ConnectTo;
  /** For each connection of the dial beside the first, which has that of the session to be. */
  readonly places: Places;
};

/**
 * When a server has been silent for this time, the next one is tried in parallel, and the first that sends INFO is
 * used. So a frozen server costs 0.3 of the 1.8 s, and one that is only far away still has all of them.
 */
const STAGGER_MS = 300;
/** A timer this late says that our own process was slow, not the server. */
const LATE_MS = 100;
/** Attempts in parallel; one more cancels the oldest. */
const MAX_IN_FLIGHT = 3;
const MAX_ATTEMPTS = 8;
/** Wait for a lookup when all known addresses have failed. Without any address it is the whole dial. */
const LOOKUP_GRACE_MS = 500;

type Attempt = {
  readonly endpoint: Endpoint;
  readonly startedAtMs: number;
  readonly cancel: AbortController;
  connectReported: boolean;
};

/** One dial: attempts at one endpoint after the other, overlapping where one is silent, until one sends INFO. */
export class Race {
  readonly #candidates: Candidates;
  readonly #options: RaceOptions;
  readonly #signal: AbortSignal;
  readonly #done = Promise.withResolvers<Upstream>();
  readonly #deadlineMs: number;
  readonly #attempts = new Set<Attempt>();
  readonly #tried = new Set<Endpoint>();
  readonly #failures: DialError[] = [];
  /** A lame duck that sent INFO: used when all others fail. */
  #fallback: { readonly endpoint: Endpoint; readonly upstream: Upstream } | undefined;
  #placesTaken = 0;
  #awaitsLookup = false;
  #lookupsUntilMs: number | undefined;
  #settled = false;
  #cancelStagger: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;
  readonly #onAbort = (): void => this.#settle(() => this.#done.reject(this.#signal.reason));

  constructor(candidates: Candidates, options: RaceOptions, signal: AbortSignal) {
    this.#candidates = candidates;
    this.#options = options;
    this.#signal = signal;
    this.#deadlineMs = options.system.nowMs() + options.dialTimeoutMs;
  }

  /** To be called once. @throws DialError when no server sent INFO in time; the reason of the signal when it aborts. */
  run(): Promise<Upstream> {
    if (this.#signal.aborted) this.#onAbort();
    else {
      this.#signal.addEventListener('abort', this.#onAbort);
      this.#tryNext();
    }
    return this.#done.promise;
  }

  #tryNext(): void {
    if (this.#settled) return;
    this.#cancelStagger?.();
    const leftMs = this.#deadlineMs - this.#options.system.nowMs();
    const mayTry = leftMs > 0 && this.#tried.size < MAX_ATTEMPTS;
    const endpoint = mayTry ? this.#candidates.next(this.#tried) : undefined;
    if (endpoint === undefined) {
      this.#outOfEndpoints(leftMs);
      return;
    }
    const [oldest] = this.#attempts;
    if (oldest !== undefined && this.#attempts.size >= MAX_IN_FLIGHT) this.#cancelSilent(oldest);
    if (!this.#takePlace()) {
      // Descriptors are few, and many dials want a second one: what is under way has to do.
      if (this.#attempts.size > 0) this.#stagger();
      else this.#outOfEndpoints(leftMs);
      return;
    }
    this.#tried.add(endpoint);
    this.#start(endpoint, leftMs);
    if (this.#candidates.hasMore(this.#tried)) this.#stagger();
  }

  get #connections(): number {
    return this.#attempts.size + (this.#fallback === undefined ? 0 : 1);
  }

  #takePlace(): boolean {
    if (this.#connections === 0) return true;
    if (!this.#options.places.take()) return false;
    this.#placesTaken++;
    return true;
  }

  /** To be called when a connection is gone. */
  #givePlaces(): void {
    while (this.#placesTaken > Math.max(0, this.#connections - 1)) {
      this.#options.places.give();
      this.#placesTaken--;
    }
  }

  /** A first timer that comes late is set once more: our process was slow, and the answer may be here. */
  #stagger(isLast = false): void {
    const { system, dialTimeoutMs } = this.#options;
    const staggerMs = Math.min(STAGGER_MS, dialTimeoutMs / 4);
    const dueMs = system.nowMs() + staggerMs;
    this.#cancelStagger = system.after(staggerMs, () => {
      if (isLast || system.nowMs() - dueMs < LATE_MS) this.#tryNext();
      else this.#stagger(true);
    });
  }

  #start(endpoint: Endpoint, leftMs: number): void {
    const { connectTimeoutMs, observer, system, connectTo } = this.#options;
    const cancel = new AbortController();
    const attempt: Attempt = { endpoint, startedAtMs: system.nowMs(), cancel, connectReported: false };
    this.#attempts.add(attempt);
    endpoint.pending++;
    const onConnect = (outcome: ConnectOutcome, seconds: number): void => {
      attempt.connectReported = true;
      observer.onConnect(outcome, seconds);
    };
    const limits = { connectTimeoutMs: Math.min(connectTimeoutMs, leftMs), dialTimeoutMs: leftMs };
    void connectTo(endpoint.target, limits, cancel.signal, {
      onConnect,
      onFirstByte: (seconds) => observer.onFirstByte(seconds),
    }).then(
      (upstream) => this.#answered(attempt, upstream),
      (error: unknown) => this.#failed(attempt, error),
    );
  }

  #answered(attempt: Attempt, upstream: Upstream): void {
    const { endpoint } = attempt;
    endpoint.pending--;
    if (!this.#attempts.delete(attempt)) {
      upstream.socket.destroy();
      return;
    }
    const lameDuck = upstream.info.ldm;
    endpoint.owner.succeeded(endpoint, lameDuck);
    if (!lameDuck) this.#win(endpoint, upstream, attempt.startedAtMs);
    else {
      if (this.#fallback === undefined) this.#fallback = { endpoint, upstream };
      else upstream.socket.destroy();
      this.#givePlaces();
      this.#tryNext();
    }
  }

  #failed(attempt: Attempt, error: unknown): void {
    const { endpoint } = attempt;
    endpoint.pending--;
    // An attempt that is not in the set any more was cancelled and has been dealt with.
    if (!this.#attempts.delete(attempt)) return;
    this.#givePlaces();
    if (!(error instanceof DialError)) {
      this.#settle(() => this.#done.reject(error));
      return;
    }
    this.#failures.push(error);
    endpoint.owner.failed(endpoint, attempt.startedAtMs, error);
    this.#tryNext();
  }

  #cancelSilent(attempt: Attempt): void {
    const { endpoint, startedAtMs, connectReported, cancel } = attempt;
    this.#attempts.delete(attempt);
    const silentMs = Math.round(this.#options.system.nowMs() - startedAtMs);
    const { target } = endpoint;
    const error = new DialError(
      'upstream_timeout',
      target,
      `${target.name}: silent for ${silentMs} ms, another server was tried`,
    );
    if (!connectReported) this.#options.observer.onConnect('timeout', silentMs / 1000);
    this.#failures.push(error);
    endpoint.owner.failed(endpoint, startedAtMs, error);
    cancel.abort(error);
    this.#givePlaces();
  }

  /** All known endpoints were tried. A name may have got other addresses: a pod that was moved, a first lookup. */
  #outOfEndpoints(leftMs: number): void {
    if (this.#awaitsLookup) return;
    const { system, dialTimeoutMs } = this.#options;
    const graceMs = this.#tried.size === 0 ? leftMs : Math.min(leftMs, LOOKUP_GRACE_MS);
    this.#lookupsUntilMs ??= system.nowMs() + graceMs;
    const waitMs = Math.min(leftMs, this.#lookupsUntilMs - system.nowMs());
    const fresh = waitMs > 0 ? this.#candidates.freshAddresses() : undefined;
    if (fresh !== undefined) return this.#awaitLookup(fresh, waitMs);
    if (this.#attempts.size > 0) return;
    const fallback = this.#fallback;
    if (fallback !== undefined && !fallback.upstream.socket.destroyed) {
      this.#fallback = undefined;
      this.#win(fallback.endpoint, fallback.upstream, Number.NEGATIVE_INFINITY);
      return;
    }
    const seconds = (dialTimeoutMs - leftMs) / 1000;
    const failure = joinedFailures([...this.#failures, ...this.#candidates.unresolved(seconds)]);
    this.#settle(() => this.#done.reject(failure));
  }

  #awaitLookup(fresh: Promise<void>, waitMs: number): void {
    this.#awaitsLookup = true;
    let over = false;
    const goOn = (): void => {
      if (over) return;
      over = true;
      this.#awaitsLookup = false;
      this.#cancelWait?.();
      this.#tryNext();
    };
    this.#cancelWait = this.#options.system.after(waitMs, goOn);
    void fresh.then(goOn);
  }

  /** Attempts that began earlier than the winner's count as silent. */
  #win(endpoint: Endpoint, upstream: Upstream, startedAtMs: number): void {
    for (const attempt of this.#attempts) {
      if (attempt.startedAtMs < startedAtMs) this.#cancelSilent(attempt);
    }
    endpoint.owner.placed(endpoint, upstream);
    this.#settle(() => this.#done.resolve(upstream));
  }

  #settle(end: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelStagger?.();
    this.#cancelWait?.();
    this.#signal.removeEventListener('abort', this.#onAbort);
    const attempts = [...this.#attempts];
    this.#attempts.clear();
    for (const attempt of attempts) attempt.cancel.abort();
    this.#fallback?.upstream.socket.destroy();
    this.#fallback = undefined;
    this.#givePlaces();
    end();
  }
}
