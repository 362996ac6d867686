/** The position of a value in a list. */
export type Link<T> = {
  readonly value: T;
  before: Link<T> | undefined;
  after: Link<T> | undefined;
};

/**
 * Values in the order in which they came, any of which can leave. For what comes and goes with each connection, where a
 * Set costs much: every few values it makes a new table, and each table points to the next. When one of them has
 * come to the old generation, whatever was in those after it survives every scavenge, sockets and requests included.
 */
export class LinkedList<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  /** At the end. The caller keeps the link, and gives it back once. */
  add(value: T): Link<T> {
    const link: Link<T> = { value, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    this.#size++;
    return link;
  }

  delete(link: Link<T>): void {
    const { before, after } = link;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // A link that is gone must keep none of its neighbours alive.
    link.before = undefined;
    link.after = undefined;
    this.#size--;
  }

  /** The value that was given last may leave before the next is asked for. */
  *[Symbol.iterator](): Generator<T> {
    for (let link = this.#first; link !== undefined; ) {
      const { value, after } = link;
      yield value;
      link = after;
    }
  }
}
