import type { CapturesConfig, KeepRule } from '../config/config.ts';
import type { Inspector } from '../inspect/inspector.ts';
import type { ShownSubjects } from '../nats/shown-subjects.ts';
import { compileTrustedProxies } from '../net/networks.ts';
import type { EndedSession, SessionFacts } from '../session/session-contract.ts';
import { textPattern } from '../text-pattern.ts';
import { Allowance } from './allowance.ts';
import type { Recorded } from './capture.ts';
import { Recording } from './recording.ts';

/** In each 100 ms, of all recorders together, and of one session: they run all the time, so they must stay cheap. */
const MOST_OF_ALL = 4000;
const MOST_OF_ONE = 100;
/** A stranger can end any number of sessions as he likes, and what is kept pushes out what was kept before. */
const MOST_KEPT_A_MINUTE = 10;
const MINUTE_MS = 60_000;

type Fits = (session: EndedSession) => boolean;

/** The newest operations of every inspected session, in a ring each. When one ends as a rule says, that is a capture. */
export class FlightRecorder {
  /** Emptied when its session has ended: tables that a Map has outgrown still hold it. */
  readonly #flights = new Map<number, { recorded: Recorded | undefined }>();
  readonly #shared = new Allowance(1, MOST_OF_ALL);
  readonly #subjects: ShownSubjects;
  #ringBytes = 0;
  #rules: readonly Fits[] = [];
  #kept = 0;
  #minuteFromMs = 0;

  constructor(config: CapturesConfig, subjects: ShownSubjects) {
    this.#subjects = subjects;
    this.configure(config);
  }

  /** For sessions that begin from now on; the rules for all. */
  configure({ ringBytes, keep }: CapturesConfig): void {
    this.#ringBytes = ringBytes;
    this.#rules = keep.map(fitsRule);
  }

  began(facts: SessionFacts, inspector: Inspector | undefined): void {
    if (this.#ringBytes === 0 || inspector === undefined) return;
    const allowance = new Allowance(1, MOST_OF_ONE, this.#shared);
    const recording = new Recording(this.#ringBytes, allowance, false, this.#subjects);
    inspector.watch(recording);
    this.#flights.set(facts.id, { recorded: { facts, inspector, recording, startedAt: new Date() } });
  }

  /** What is to be kept of the session; undefined: nothing. */
  ended(session: EndedSession): Recorded | undefined {
    const flight = this.#flights.get(session.facts.id);
    if (flight === undefined) return undefined;
    this.#flights.delete(session.facts.id);
    const { recorded } = flight;
    flight.recorded = undefined;
    return this.#rules.some((fits) => fits(session)) && this.#mayKeep() ? recorded : undefined;
  }

  #mayKeep(): boolean {
    const nowMs = performance.now();
    if (this.#kept === 0 || nowMs - this.#minuteFromMs >= MINUTE_MS) {
      this.#kept = 0;
      this.#minuteFromMs = nowMs;
    }
    return ++this.#kept <= MOST_KEPT_A_MINUTE;
  }
}

/** All that the rule names must hold. */
function fitsRule({ reason, error, user, origin, address }: KeepRule): Fits {
  const saidError = error === undefined ? undefined : textPattern(error);
  const networks = address === undefined ? undefined : compileTrustedProxies([address]);
  return ({ facts, reason: ended, serverError }) =>
    (reason === undefined || reason === ended) &&
    (saidError === undefined || (serverError !== undefined && saidError(serverError))) &&
    (user === undefined || user === facts.user) &&
    (origin === undefined || origin === facts.origin) &&
    (networks === undefined || networks.has(facts.clientAddress));
}
