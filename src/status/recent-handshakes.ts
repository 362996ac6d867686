import { refusalHint } from '../auth/details.ts';
import type { HandshakeOutcome } from '../handshake-outcome.ts';
import { type HandshakeMarks, stepsMs } from '../handshake-steps.ts';
import type { HandshakeFacts } from '../listener/pending-handshake.ts';
import { foreignText, MAX_FOREIGN_CHARACTERS } from '../log.ts';
import { MAX_CAUSE_CHARACTERS } from '../session-log.ts';
import { isoTime } from './iso-time.ts';

const KEPT = 200;

export type HandshakeRow = ReturnType<typeof rowOf>;

/** The last opening handshakes that were answered. Each place is written again and again, so none costs an object. */
export class RecentHandshakes {
  readonly #places: Place[] = [];
  /** The oldest is there when all places are taken. */
  #next = 0;

  /** `nowMs`: since the epoch. */
  add(
    outcome: HandshakeOutcome,
    seconds: number,
    facts: HandshakeFacts,
    marks: HandshakeMarks,
    nowMs: number,
  ): void {
    let place = this.#places[this.#next];
    if (place === undefined) {
      place = new Place();
      this.#places.push(place);
    }
    this.#next = (this.#next + 1) % KEPT;
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
    const places = this.#places;
    return places.map((_, back) => rowOf(places.at(this.#next - 1 - back) as Place));
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
