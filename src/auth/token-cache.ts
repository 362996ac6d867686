import { hash } from 'node:crypto';

type Entry<T> = { readonly value: T; readonly untilMs: number };

/**
 * Remembers what became of tokens, by digest, since a wave of returning clients brings the same ones. The one that was
 * not asked for longest leaves first, and each new one takes away those before it whose time is over: values may be
 * secrets. Times are milliseconds since the epoch.
 */
export class TokenCache<T> {
  readonly #most: number;
  /** In the order of use. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(digest: string, nowMs: number): T | undefined {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    this.#entries.delete(digest);
    if (entry.untilMs <= nowMs) return undefined;
    this.#entries.set(digest, entry);
    return entry.value;
  }

  set(digest: string, value: T, untilMs: number, nowMs: number): void {
    this.#entries.delete(digest);
    for (const [oldest, entry] of this.#entries) {
      if (entry.untilMs > nowMs && this.#entries.size < this.#most) break;
      this.#entries.delete(oldest);
    }
    if (untilMs > nowMs) this.#entries.set(digest, { value, untilMs });
  }

  delete(digest: string): void {
    this.#entries.delete(digest);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** The token itself is never kept. */
export const digestOf = (token: string): string => hash('sha256', token, 'base64');
