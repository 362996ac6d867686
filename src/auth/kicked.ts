import { identityKey } from './grant.ts';

/** Whom a kick is for. `tenant`: undefined for this user of every tenant. */
export type Kicked = { readonly user: string; readonly tenant: string | undefined };

/** About 2 MB. Nobody logs out more users than this within the time that their tokens are good. */
export const MOST_KICKED = 10_000;

/** Users who are kept out for a time. Times are milliseconds since the epoch. */
export class KickedUsers {
  readonly #until = new Map<string, number>();

  get size(): number {
    return this.#until.size;
  }

  /** From now on, until then. False: the list is full of others. */
  keepOut(who: Kicked, untilMs: number, nowMs: number): boolean {
    const key = identityKey(who);
    if (!this.#until.has(key) && this.#until.size >= MOST_KICKED) {
      for (const [other, endsAtMs] of this.#until) if (endsAtMs <= nowMs) this.#until.delete(other);
      if (this.#until.size >= MOST_KICKED) return false;
    }
    this.#until.set(key, Math.max(untilMs, this.#until.get(key) ?? 0));
    return true;
  }

  /** The user is kept out now. */
  has({ user, tenant }: Kicked, nowMs: number): boolean {
    if (this.#until.size === 0) return false;
    const isOut = (key: string): boolean => (this.#until.get(key) ?? 0) > nowMs;
    return isOut(identityKey({ user, tenant: undefined })) || isOut(identityKey({ user, tenant }));
  }
}
