/** How often something was there, in the capture and in the replay. */
export type Pair = { recorded: number; replayed: number };
type Side = keyof Pair;

/** Of each kind; the rest is one row together. */
const MOST_ROWS = 10_000;
const OTHERS = 'all other';
const MOST_SAMPLES = 100_000;
const INBOX = /_INBOX\.\S*[^\s"']/g;

/** What the server said, in the capture and in the replay. */
export class Comparison {
  readonly deliveries = new Map<string, Pair>();
  readonly errors = new Map<string, Pair>();
  /** Milliseconds from a request to its reply. */
  readonly #latencies: Readonly<Record<Side, number[]>> = { recorded: [], replayed: [] };

  delivered(side: Side, subject: string): void {
    count(this.deliveries, side, withoutInboxes(subject));
  }

  refused(side: Side, text: string): void {
    count(this.errors, side, withoutInboxes(text));
  }

  replied(side: Side, ms: number): void {
    if (this.#latencies[side].length < MOST_SAMPLES) this.#latencies[side].push(ms);
  }

  /** undefined: there was no reply. */
  latency(side: Side): { readonly p50: number; readonly p99: number } | undefined {
    const sorted = this.#latencies[side].toSorted((one, other) => one - other);
    if (sorted.length === 0) return undefined;
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] as number;
    return { p50: at(0.5), p99: at(0.99) };
  }
}

export const totalOf = (rows: ReadonlyMap<string, Pair>, side: Side): number =>
  [...rows.values()].reduce((sum, pair) => sum + pair[side], 0);

function count(rows: Map<string, Pair>, side: Side, name: string): void {
  const key = rows.has(name) || rows.size < MOST_ROWS ? name : OTHERS;
  const pair = rows.get(key) ?? { recorded: 0, replayed: 0 };
  pair[side]++;
  rows.set(key, pair);
}

/** Every connection has inboxes of its own. */
const withoutInboxes = (text: string): string => text.replaceAll(INBOX, '_INBOX.>');
