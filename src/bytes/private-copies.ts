/** Shorter ones are as long as their chunk: to keep such memory for the next time costs more than to make it anew. */
const LEAST_SIZE_FROM = 4096;
/**
 * This many of the longest copies, or the same memory in shorter ones, are kept to be used again: 1 MiB for a pool of
 * reads.
 */
const DEFAULT_SPARES = 16;

/**
 * Private copies of chunks for which the pool had no slot left. They come in a few sizes that double, so that a copy
 * takes about twice the memory of its chunk at most, however many sessions stall, and can be used again for any other chunk
 * of about that length: memory that is given to the garbage collector by the hundred comes back too late.
 */
export class PrivateCopies {
  /** Ascending. */
  readonly #sizes: readonly number[];
  /** What is free, by size. */
  readonly #spares: readonly Buffer[][];
  #spareBytes = 0;
  #maxSpareBytes = 0;
  readonly #stores = new WeakSet<ArrayBufferLike>();

  /** `most`: the length of the longest chunk. */
  constructor(most: number) {
    const sizes: number[] = [];
    for (let size = 2 * LEAST_SIZE_FROM; size < most / 1.5; size *= 2) sizes.push(size);
    sizes.push(most);
    this.#sizes = sizes;
    this.#spares = sizes.map(() => []);
    this.keep(0);
  }

  of(chunk: Buffer): Buffer {
    const { length } = chunk;
    const store = length < LEAST_SIZE_FROM ? Buffer.allocUnsafeSlow(length) : this.#storeFor(length);
    chunk.copy(store);
    return store.length === length ? store : store.subarray(0, length);
  }

  #storeFor(length: number): Buffer {
    const index = this.#sizes.findIndex((size) => size >= length);
    const spare = this.#spares[index]?.pop();
    if (spare !== undefined) {
      this.#spareBytes -= spare.length;
      return spare;
    }
    const store = Buffer.allocUnsafeSlow(this.#sizes[index] ?? length);
    this.#stores.add(store.buffer);
    return store;
  }

  /** Whether it must come back. */
  has(chunk: Buffer): boolean {
    return this.#stores.has(chunk.buffer);
  }

  takeBack(chunk: Buffer): void {
    const store = Buffer.from(chunk.buffer);
    const spares = this.#spares[this.#sizes.indexOf(store.length)];
    spares?.push(store);
    this.#spareBytes += store.length;
    this.#trim(spares);
  }

  /** How many bytes to keep for the next time, if that is more than usual. */
  keep(bytes: number): void {
    this.#maxSpareBytes = Math.max(DEFAULT_SPARES * (this.#sizes.at(-1) ?? 0), bytes);
    this.#trim(undefined);
  }

  /** What came back last is most likely wanted next: other sizes go first. */
  #trim(newest: Buffer[] | undefined): void {
    if (this.#spareBytes <= this.#maxSpareBytes) return;
    const others = this.#spares.filter((spares) => spares !== newest);
    for (const spares of [...others, ...(newest === undefined ? [] : [newest])]) {
      while (this.#spareBytes > this.#maxSpareBytes && spares.length > 0)
        this.#spareBytes -= spares.pop()?.length ?? 0;
    }
  }
}
