import { hash } from 'node:crypto';
import { type Link, LinkedList } from '../linked-list.ts';

type Entry<T> = { readonly digest: string; readonly value: T; readonly untilMs: number };

/**
 * Remembers what became of tokens, by digest, since a wave of returning clients brings the same ones. The one that was
 * not asked for longest leaves first, and each new one takes away those before it whose time is over: values may be
 * secrets. Times are milliseconds since the epoch.
 */
export class TokenCache<T> {
  readonly #most: number;
  readonly #entries = new Map<string, Link<Entry<T>>>();
  /** In the order of use. A Map could keep that, but to move one of its thousands of entries takes 10 µs (Node 26.10). */
  #used = new LinkedList<Entry<T>>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(digest: string, nowMs: number): T | undefined {
    const link = this.#entries.get(digest);
    if (link === undefined) return undefined;
    const entry = link.value;
    if (entry.untilMs <= nowMs) {
      this.delete(digest);
      return undefined;
    }
    this.#used.delete(link);
    this.#entries.set(digest, this.#used.add(entry));
    return entry.value;
  }

  set(digest: string, value: T, untilMs: number, nowMs: number): void {
    this.delete(digest);
    for (let oldest = this.#used.first; oldest !== undefined; oldest = this.#used.first) {
      if (oldest.untilMs > nowMs && this.size < this.#most) break;
      this.delete(oldest.digest);
    }
    if (untilMs > nowMs) this.#entries.set(digest, this.#used.add({ digest, value, untilMs }));
  }

  delete(digest: string): void {
    const link = this.#entries.get(digest);
    if (link === undefined) return;
    this.#used.delete(link);
    this.#entries.delete(digest);
  }

  clear(): void {
    this.#entries.clear();
    this.#used = new LinkedList();
  }
}

/** The token itself is never kept. */
export const digestOf = (token: string): string => hash('sha256', token, 'base64');
