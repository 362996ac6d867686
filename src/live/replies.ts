/** Requests that wait for a reply; the oldest go first. */
const MOST_REQUESTS = 512;
const MOST_PINGS = 16;

export type Asked = { readonly id: number; readonly t: number };

/** Finds the operation that another one answers: a message on a reply subject, or a PONG. */
export class Replies {
  readonly #requests = new Map<string, Asked>();
  readonly #pings: Asked[] = [];

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

  pinged(asked: Asked): void {
    if (this.#pings.push(asked) > MOST_PINGS) this.#pings.shift();
  }

  ponged(): Asked | undefined {
    return this.#pings.shift();
  }
}
