import { refusalHint } from '../auth/details.ts';
import type { HandshakeOutcome } from '../handshake-outcome.ts';
import { type HandshakeMarks, stepsMs } from '../handshake-steps.ts';
import type { HandshakeFacts } from '../listener/pending-handshake.ts';
import { foreignText, MAX_FOREIGN_CHARACTERS } from '../log.ts';
import { MAX_CAUSE_CHARACTERS } from '../session-log.ts';
import { isoTime } from './iso-time.ts';

const KEPT = 200;
/** Of each outcome, so that a stranger who is refused again and again pushes out no other. */
const KEPT_OF_OUTCOME = 20;

export type HandshakeRow = ReturnType<typeof rowOf>;

/**
 * The last opening handshakes that were answered, and older ones of outcomes that are rare among them. Each place is written again and again, so none costs an object.
 */
export class RecentHandshakes {
  readonly #last = new Ring(KEPT);
  readonly #older = new Map<HandshakeOutcome, Ring>();

  /** `nowMs`: since the epoch. */
  add(
    outcome: HandshakeOutcome,
    seconds: number,
    facts: HandshakeFacts,
    marks: HandshakeMarks,
    nowMs: number,
  ): void {
    const oldest = this.#last.oldest;
    const place = (oldest && this.#keep(oldest)) ?? new Place();
    this.#last.put(place);
    place.atMs = nowMs;
    place.outcome = outcome;
    place.detail = facts.detail;
    place.cause = cutText(facts.cause, MAX_CAUSE_CHARACTERS);
    place.client = facts.clientAddress;
    place.origin = cutText(facts.origin, MAX_FOREIGN_CHARACTERS);
    place.user = facts.user;
    place.tenant = facts.tenant;
    place.route = facts.route;
    place.totalUs = Math.round(seconds * 1e6);
    place.requestUs = marks.requestUs;
    place.admittedUs = marks.admittedUs;
    place.authorizedUs = marks.authorizedUs;
    place.connectedUs = marks.connectedUs;
    place.dialledUs = marks.dialledUs;
  }

  /** The last one comes first. */
  rows(): readonly HandshakeRow[] {
    const last = this.#last.newestFirst();
    const counts = new Map<HandshakeOutcome, number>();
    for (const { outcome } of last) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const older = [...this.#older].flatMap(([outcome, ring]) =>
      ring.newestFirst().slice(0, Math.max(0, KEPT_OF_OUTCOME - (counts.get(outcome) ?? 0))),
    );
    return [...last, ...older.sort((left, right) => right.atMs - left.atMs)].map(rowOf);
  }

  /** Gives a place that is free for it, if there is one. */
  #keep(place: Place): Place | undefined {
    let ring = this.#older.get(place.outcome);
    if (ring === undefined) {
      ring = new Ring(KEPT_OF_OUTCOME);
      this.#older.set(place.outcome, ring);
    }
    const free = ring.oldest;
    ring.put(place);
    return free;
  }
}

class Ring {
  readonly #places: Place[] = [];
  readonly #most: number;
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** The one that the next `put` overwrites; undefined: there is room. */
  get oldest(): Place | undefined {
    return this.#places[this.#next];
  }

  put(place: Place): void {
    this.#places[this.#next] = place;
    this.#next = (this.#next + 1) % this.#most;
  }

  newestFirst(): Place[] {
    const places = this.#places;
    return places.map((_, back) => places.at(this.#next - 1 - back) as Place);
  }
}

/** Plain values alone: what else belongs to a handshake must not live on. */
class Place implements HandshakeMarks {
  atMs = 0;
  outcome: HandshakeOutcome = 'accepted';
  detail: string | undefined;
  cause: string | undefined;
  client = '';
  origin: string | undefined;
  user: string | undefined;
  tenant: string | undefined;
  route: string | undefined;
  totalUs = 0;
  requestUs = 0;
  admittedUs = 0;
  authorizedUs = 0;
  connectedUs = 0;
  dialledUs = 0;
}

/** As the log has it. */
function rowOf(place: Place) {
  const { atMs, cause, client, detail, origin, outcome, route, tenant, totalUs, user } = place;
  return {
    at: isoTime(atMs),
    outcome,
    detail,
    client,
    origin: origin === undefined ? undefined : foreignText(origin),
    user: user === undefined ? undefined : foreignText(user),
    tenant: tenant === undefined ? undefined : foreignText(tenant),
    route,
    ms: totalUs / 1000,
    steps: stepsMs(place, totalUs),
    cause: cause === undefined ? undefined : foreignText(cause, MAX_CAUSE_CHARACTERS),
    hint: outcome === 'accepted' ? undefined : refusalHint(outcome, detail),
  };
}

/** A part of a text holds the whole, which may be as long as a request head; a character more shows that it was cut. */
const cutText = (text: string | undefined, most: number): string | undefined =>
  text === undefined || text.length <= most ? text : Buffer.from(text.slice(0, most + 1)).toString();
