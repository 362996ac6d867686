import { lookup } from 'node:dns/promises';

/** What the pool asks the machine for: time, chance and the addresses of names. A test brings its own. */
export type System = {
  /** Monotonic. */
  nowMs(): number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Calls once after `delayMs`. The returned function cancels that. */
  after(delayMs: number, call: () => void): () => void;
  /** All addresses of a host name, in the system's order. Rejects when there is none. */
  resolve(host: string): Promise<readonly string[]>;
};

/**
 * Names are resolved as every other program of the machine does it (getaddrinfo), since short names of a cluster
 * need its search list. The system does not tell how long an answer is valid, hence the fixed interval of
 * `resolver.ts`.
 */
export const realSystem: System = {
  nowMs: () => performance.now(),
  random: Math.random,
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
  async resolve(host) {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => address);
  },
};

/** `value` moved by up to `share` of it in either direction, so that many pods do not act in one moment. */
export const jitter = (value: number, share: number, random: () => number): number =>
  value * (1 + share * (2 * random() - 1));
