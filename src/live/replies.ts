/** Requests that wait for a reply; the oldest go first. */
const MOST_REQUESTS = 512;
const MOST_PINGS = 512;

export type Asked = { readonly id: number; readonly t: number };

/** Finds the operation that another one answers: a message on a reply subject, or a PONG. */
export class Replies {
  readonly #requests = new Map<string, Asked>();
  /** Those that are shown, by their numbers. Each PONG answers the oldest PING without one, shown or not. */
  readonly #pings = new Map<number, Asked>();
  #pinged: number;
  #ponged = 0;

  /** `unanswered`: PINGs whose PONGs have not come yet. */
  constructor(unanswered = 0) {
    this.#pinged = unanswered;
  }

  requested(reply: string, asked: Asked): void {
    this.#requests.delete(reply);
    this.#requests.set(reply, asked);
    if (this.#requests.size <= MOST_REQUESTS) return;
    for (const oldest of this.#requests.keys()) {
      this.#requests.delete(oldest);
      return;
    }
  }

  /** It stays: one request can have many replies. */
  requestOf(subject: string): Asked | undefined {
    return this.#requests.get(subject);
  }

  /** undefined: the PING is not shown. */
  pinged(asked: Asked | undefined): void {
    this.#pinged++;
    if (asked === undefined) return;
    this.#pings.set(this.#pinged, asked);
    this.#pings.delete(this.#pinged - MOST_PINGS);
  }

  /** undefined: nobody has asked, or what is answered is not shown. */
  ponged(): Asked | undefined {
    if (this.#ponged === this.#pinged) return undefined;
    const asked = this.#pings.get(++this.#ponged);
    this.#pings.delete(this.#ponged);
    return asked;
  }
}
