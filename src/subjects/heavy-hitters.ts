/** What is known of one subject since it is in the table. */
export type Hitter = {
  readonly subject: string;
  /** By which it keeps its place: at least as much as was added for it. */
  weight: number;
  /** Added for it, so at most what it had in all. */
  readonly messages: { to_upstream: number; to_client: number };
  readonly bytes: { to_upstream: number; to_client: number };
  /** The first ones that used it. */
  readonly sessions: Set<number>;
};

/**
 * The subjects with the most messages, in bounded memory (Space-Saving, Metwally 2005): a new subject takes the place of
 * the lightest one, and its weight. So a subject that has more than the `most`-th part of all is always there.
 */
export class HeavyHitters {
  readonly #most: number;
  readonly #bySubject = new Map<string, Hitter>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#bySubject.size;
  }

  /** The entry of a subject that has had so many messages more. */
  add(subject: string, messages: number): Hitter {
    let hitter = this.#bySubject.get(subject);
    if (hitter === undefined) {
      hitter = newHitter(subject, this.#bySubject.size < this.#most ? 0 : this.#takeLightest());
      this.#bySubject.set(subject, hitter);
    }
    hitter.weight += messages;
    return hitter;
  }

  /** What was added counts for less: the past fades. */
  scale(by: number): void {
    for (const hitter of this.#bySubject.values()) {
      hitter.weight *= by;
      for (const sums of [hitter.messages, hitter.bytes]) {
        sums.to_upstream *= by;
        sums.to_client *= by;
      }
    }
  }

  /** Those with the most messages, the first one first. */
  top(count: number): readonly Hitter[] {
    const total = ({ messages }: Hitter): number => messages.to_upstream + messages.to_client;
    return [...this.#bySubject.values()].sort((left, right) => total(right) - total(left)).slice(0, count);
  }

  #takeLightest(): number {
    let lightest: Hitter | undefined;
    for (const hitter of this.#bySubject.values())
      if (lightest === undefined || hitter.weight < lightest.weight) lightest = hitter;
    if (lightest === undefined) return 0;
    this.#bySubject.delete(lightest.subject);
    return lightest.weight;
  }
}

const newHitter = (subject: string, weight: number): Hitter => ({
  subject,
  weight,
  messages: { to_upstream: 0, to_client: 0 },
  bytes: { to_upstream: 0, to_client: 0 },
  sessions: new Set(),
});
