import { VERB, type Verb } from '../nats/operations.ts';

/** Operations of the client that may have caused an -ERR; the oldest go first. */
const MOST_CANDIDATES = 256;

export type Cause = {
  readonly cause: number;
  /** The text names no operation, or more than one could be meant. */
  readonly guess?: true;
};

type Candidate = { readonly id: number; readonly verb: Verb; readonly subject: string; isBlamed: boolean };

const PERMISSIONS = /^'?Permissions Violation for (Publish|Subscription) to "([^"]*)"/i;
/** What these say has no operation as its cause. */
const WITHOUT_CAUSE =
  /^'?(Stale Connection|Slow Consumer|Server Shutdown|Authentication Timeout|(User |Account )?Authentication (Expired|Revoked)|Maximum (Account )?(Active )?Connections)/i;
const LOGIN = /^'?(Authorization Violation|Failed Account Registration)/i;
const SUBSCRIBING = /^'?(Invalid Subject|Maximum Subscriptions)/i;

const PUBLISHES: readonly Verb[] = [VERB.PUB, VERB.HPUB];

/** Finds the operation of the client that an -ERR is about. Servers answer in order. */
export class Causes {
  #candidates: Candidate[] = [];
  /** The last operation that may be meant, and is not among the candidates. */
  #lastUnknown = 0;
  /** Of operations that natsgate has dropped or ended the session for, without their -ERR so far. */
  readonly #refused: number[] = [];

  /** `subject`: as it was sent. */
  said(id: number, verb: Verb, subject: string): void {
    if (this.#candidates.length >= MOST_CANDIDATES) {
      this.passedOver(this.#candidates[MOST_CANDIDATES / 2 - 1]?.id ?? 0);
      this.#candidates = this.#candidates.slice(MOST_CANDIDATES / 2);
    }
    this.#candidates.push({ id, verb, subject, isBlamed: false });
  }

  /** Operations up to `id` were not told. */
  passedOver(id: number): void {
    this.#lastUnknown = Math.max(this.#lastUnknown, id);
  }

  /** The server has answered a PING: what came before it has had its -ERR, if any. */
  answered(ping: number): void {
    this.#candidates = this.#candidates.filter(({ id }) => id > ping);
    if (this.#lastUnknown < ping) this.#lastUnknown = 0;
  }

  refused(id: number): void {
    if (this.#refused.push(id) > MOST_CANDIDATES) this.#refused.shift();
  }

  /** For a line of natsgate. */
  ofOwn(): Cause | undefined {
    const cause = this.#refused.shift();
    return cause === undefined ? undefined : { cause };
  }

  /** For a line of the server. undefined: none, or it was not seen. */
  of(text: string): Cause | undefined {
    if (WITHOUT_CAUSE.test(text)) return undefined;
    const [, what, subject] = PERMISSIONS.exec(text) ?? [];
    if (what !== undefined) {
      const verbs = what.toLowerCase() === 'publish' ? PUBLISHES : [VERB.SUB];
      const [oldest, ...others] = this.#candidates.filter(
        (one) => !one.isBlamed && verbs.includes(one.verb) && one.subject === subject,
      );
      return this.#blame(oldest, others.length > 0 || this.#lastUnknown > 0);
    }
    if (LOGIN.test(text)) return this.#blame(this.#last([VERB.CONNECT]));
    return this.#blame(this.#last(SUBSCRIBING.test(text) ? [VERB.SUB] : undefined), true);
  }

  #last(verbs: readonly Verb[] | undefined): Candidate | undefined {
    return this.#candidates.findLast(({ verb }) => verbs === undefined || verbs.includes(verb));
  }

  #blame(candidate: Candidate | undefined, isGuess = false): Cause | undefined {
    if (candidate === undefined) return undefined;
    candidate.isBlamed = true;
    return isGuess ? { cause: candidate.id, guess: true } : { cause: candidate.id };
  }
}
