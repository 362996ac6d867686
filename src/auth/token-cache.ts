import { hash } from 'node:crypto';

type Entry<T> = { readonly value: T; readonly untilMs: number };

/**
 * Remembers what became of tokens, by digest, since a wave of returning clients brings the same ones. The one that was
 * not asked for longest leaves first. Times are milliseconds since the epoch.
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

  set(digest: string, value: T, untilMs: number): void {
    this.#entries.set(digest, { value, untilMs });
    if (this.#entries.size <= this.#most) return;
    const [oldest = ''] = this.#entries.keys();
    this.#entries.delete(oldest);
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
