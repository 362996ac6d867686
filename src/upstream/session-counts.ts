import type { SessionCount } from './endpoint.ts';

/**
 * Sessions on one server, whichever pool placed them: a reload makes another pool, and addresses that the name has
 * lost may still carry some.
 */
export class SessionCounts {
  total = 0;
  readonly #byAddress = new Map<string, SessionCount>();

  at(address: string): SessionCount {
    const known = this.#byAddress.get(address) ?? { sessions: 0 };
    this.#byAddress.set(address, known);
    return known;
  }

  /** Forgets the others that carry nothing. */
  keepOnly(addresses: readonly string[]): void {
    for (const [address, { sessions }] of this.#byAddress) {
      if (sessions === 0 && !addresses.includes(address)) this.#byAddress.delete(address);
    }
  }
}
