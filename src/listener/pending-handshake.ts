import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { HandshakeOutcome, Refusal } from '../handshake-outcome.ts';
import type { HandshakeMarks } from '../handshake-steps.ts';
import type { Endpoint } from '../net/proxy-protocol.ts';
import { answer, answerExplained } from './answer.ts';
import type { Explanation } from './explanation-answer.ts';

export type HandshakeFacts = {
  readonly clientAddress: string;
  readonly origin: string | undefined;
  /** The client's own connection is TLS; known once the rules were passed. */
  readonly secure?: boolean;
  /** Name of the route; undefined: refused before it was known. */
  readonly route?: string | undefined;
  /**
   * Of the client's connection: where it comes from and where it went. Behind an HTTP proxy the port is that of the
   * proxy's connection, since none (0) would make nats-server 2.15.1 show no address in /connz either. Where it went
   * takes a system call, which is made only for those who ask.
   */
  readonly clientPort?: number;
  readonly reached?: () => Endpoint;
  /** What went wrong behind us, in the words of the system or the server: for the log, never for the client. */
  readonly cause?: string;
  /** What the outcome alone does not say: a word of a closed list, for the log. */
  readonly detail?: string;
  /** Who was refused after it was known who it is: text of a token. */
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  /** No upgrade, but a page that asks what one would be answered. It ends before the dial, by `explain`. */
  readonly asks?: { readonly origin: string | undefined };
};

/** A handshake that waits for its answer; what the steps up to the dial need of it. */
export type WaitingHandshake = { -readonly [Mark in keyof HandshakeMarks]: number } & {
  readonly request: Pick<IncomingMessage, 'rawHeaders' | 'url'>;
  readonly facts: HandshakeFacts;
  /** Aborts when the handshake has its answer. */
  readonly signal: AbortSignal;
  /** Since the connection was accepted, for a mark: whole, and never 0. */
  readonly microseconds: number;
  refuse(outcome: Refusal, more?: RefusalFacts, retryAfterSeconds?: number): void;
};

/** What a refusal adds. */
export type RefusalFacts = Pick<HandshakeFacts, 'cause' | 'detail' | 'user' | 'tenant'>;

/** Told once for each opening handshake, when it has been answered or abandoned. */
export type HandshakeObserver = {
  /** `marks`: valid during the call. */
  onOutcome(outcome: HandshakeOutcome, seconds: number, facts: HandshakeFacts, marks: HandshakeMarks): void;
};

/**
 * An opening handshake that passed the rules and waits for its answer. While it waits, whatever the client does
 * counts: bytes after the request, leaving, or running out of time abort `signal`, whose reason is the outcome
 * (a Refusal), and the client is answered at once.
 *
 * The socket is nobody else's until `accept` has returned.
 */
export class PendingHandshake implements WaitingHandshake {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly facts: HandshakeFacts;
  requestUs: number;
  /** Set by those who take the steps, as the others. */
  admittedUs = 0;
  authorizedUs = 0;
  connectedUs = 0;
  dialledUs = 0;
  readonly #startedAtMs: number;
  readonly #observer: HandshakeObserver;
  readonly #abort = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #settled = false;

  constructor(
    request: IncomingMessage,
    facts: HandshakeFacts,
    startedAtMs: number,
    timeLeftMs: number,
    observer: HandshakeObserver,
  ) {
    this.request = request;
    this.socket = request.socket;
    this.facts = facts;
    this.#startedAtMs = startedAtMs;
    this.requestUs = this.microseconds;
    this.#observer = observer;
    this.#deadline = setTimeout(() => this.refuse('timeout'), timeLeftMs);
    this.socket
      .on('data', this.#onData)
      .on('end', this.#onGone)
      .on('close', this.#onGone)
      .on('error', this.#onGone);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Answers with the refusal's status and sentence, once; later calls do nothing. `more`: see HandshakeFacts.
   * `retryAfterSeconds`: for answers that have Retry-After, in place of our own.
   */
  refuse(outcome: Refusal, more: RefusalFacts = {}, retryAfterSeconds?: number): void {
    if (!this.#settle()) return;
    const { asks } = this.facts;
    if (outcome === 'client_abort') this.socket.destroy();
    else if (asks === undefined) answer(this.socket, outcome, { retryAfterSeconds });
    else answerExplained(this.socket, { outcome, detail: more.detail }, asks.origin, retryAfterSeconds);
    this.#observer.onOutcome(outcome, this.seconds, { ...this.facts, ...more }, this);
    this.#abort.abort(outcome);
  }

  /** Answers that an upgrade would be accepted, if nats-server is there; for one that only asks. */
  explain(granted: Omit<Explanation, 'outcome'>): void {
    if (!this.#settle()) return;
    answerExplained(this.socket, { outcome: 'accepted', ...granted }, this.facts.asks?.origin);
    this.#observer.onOutcome('accepted', this.seconds, this.facts, this);
  }

  /**
   * Lets go of the socket so that `upgrade` can answer with 101 in this turn; `upgrade` says whether it did.
   * False: the client has gone, or was answered already.
   */
  accept(upgrade: () => boolean): boolean {
    if (!this.#settle()) return false;
    const accepted = upgrade();
    this.#observer.onOutcome(accepted ? 'accepted' : 'client_abort', this.seconds, this.facts, this);
    return accepted;
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#deadline);
    this.socket
      .off('data', this.#onData)
      .off('end', this.#onGone)
      .off('close', this.#onGone)
      .off('error', this.#onGone);
    return true;
  }

  /** Since the connection was accepted. */
  get seconds(): number {
    return (performance.now() - this.#startedAtMs) / 1000;
  }

  /** Likewise, for a mark: whole, and never 0. */
  get microseconds(): number {
    return this.microsecondsAt(performance.now());
  }

  /** Until then, by `performance.now()`. */
  microsecondsAt(atMs: number): number {
    return Math.ceil((atMs - this.#startedAtMs) * 1000) || 1;
  }

  #onData = (): void => this.refuse('early_data');
  #onGone = (): void => this.refuse('client_abort');
}
