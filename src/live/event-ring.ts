/** Of the frames of one watch. */
const MOST_BYTES = 256 * 1024;

/** `before`: operations that had happened before it. */
type Kept = { readonly number: number; readonly before: number; readonly frame: string };

/**
 * The last Server-Sent Events of one watch. An id is `WATCH.NUMBER.OPERATIONS`: with the operations up to its end, so that
 * what a reader has missed can be counted when the events are gone.
 */
export class EventRing {
  readonly #watch: string;
  readonly #kept: Kept[] = [];
  #bytes = 0;
  #number = 0;
  #operations = 0;

  constructor(watch: string) {
    this.#watch = watch;
  }

  /** The frame to send now. `operations`: that have happened up to its end. `data` has no line break. */
  add(event: string, data: string, operations: number): string {
    const id = `${this.#watch}.${++this.#number}.${operations}`;
    const frame = `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
    this.#kept.push({ number: this.#number, before: this.#operations, frame });
    this.#operations = operations;
    this.#bytes += frame.length;
    while (this.#bytes > MOST_BYTES && this.#kept.length > 1)
      this.#bytes -= (this.#kept.shift() as Kept).frame.length;
    return frame;
  }

  /** What comes after the event with this id; of another watch, or without one: all that is kept. */
  after(id: string | undefined): { readonly missed: number; readonly frames: string } {
    const [, watch, number = 0, operations = 0] = /^(\w+)\.(\d{1,15})\.(\d{1,15})$/.exec(id ?? '') ?? [];
    const seen = watch === this.#watch ? { number: Number(number), operations: Number(operations) } : NOTHING;
    const later = this.#kept.filter((kept) => kept.number > seen.number);
    const missed = Math.max(0, (later[0]?.before ?? 0) - seen.operations);
    return { missed, frames: later.map(({ frame }) => frame).join('') };
  }
}

const NOTHING = { number: 0, operations: 0 };
