import { VERB, type Verb } from '../nats/operations.ts';

/** Operations of the client that may have caused an -ERR; the oldest go first. */
const MOST_CANDIDATES = 256;

export type Cause = {
  readonly cause: number;
  /** Nothing in the text names the operation: it was the last one that could have caused it. */
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

/** Finds the operation of the client that an -ERR is about. Servers answer in order, so of equal ones the oldest is meant. */
export class Causes {
  #candidates: Candidate[] = [];
  /** Of operations that natsgate has dropped or ended the session for, without their -ERR so far. */
  readonly #refused: number[] = [];

  /** `subject`: as it was sent. */
  said(id: number, verb: Verb, subject: string): void {
    if (this.#candidates.length >= MOST_CANDIDATES)
      this.#candidates = this.#candidates.slice(MOST_CANDIDATES / 2);
    this.#candidates.push({ id, verb, subject, isBlamed: false });
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
      const named = this.#candidates.find(
        (one) => !one.isBlamed && verbs.includes(one.verb) && one.subject === subject,
      );
      return this.#blame(named);
    }
    if (LOGIN.test(text)) return this.#blame(this.#last([VERB.CONNECT]));
    const last = this.#last(SUBSCRIBING.test(text) ? [VERB.SUB] : undefined);
    const blamed = this.#blame(last);
    return blamed && { ...blamed, guess: true };
  }

  #last(verbs: readonly Verb[] | undefined): Candidate | undefined {
    return this.#candidates.findLast(({ verb }) => verbs === undefined || verbs.includes(verb));
  }

  #blame(candidate: Candidate | undefined): Cause | undefined {
    if (candidate === undefined) return undefined;
    candidate.isBlamed = true;
    return { cause: candidate.id };
  }
}
