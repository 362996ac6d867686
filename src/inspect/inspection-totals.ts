import { countsByName, type Direction, zeroCounts } from '../nats/operations.ts';
import type { ShownSubjects } from '../nats/shown-subjects.ts';
import type { InspectionFacts } from './inspection-facts.ts';
import type { Inspector } from './inspector.ts';
import type { KeptBytes } from './subscriptions.ts';

export type InspectionNumbers = {
  /** By verb. */
  readonly operations: Readonly<Record<Direction, Readonly<Record<string, number>>>>;
  readonly payloadBytes: Readonly<Record<Direction, number>>;
  readonly subscriptions: number;
  readonly sessions: number;
};

/** What all inspected sessions have seen: sums for those that have ended; open ones are read when somebody asks. */
export class InspectionTotals {
  /** By the id of the session; emptied when that has ended: tables that a Map has outgrown still hold it. */
  readonly #open = new Map<number, { inspector: Inspector | undefined }>();
  readonly #operations = { to_upstream: zeroCounts(), to_client: zeroCounts() };
  readonly #payloadBytes = { to_upstream: 0, to_client: 0 };
  readonly #subscriptionBytes: KeptBytes = { bytes: 0 };

  /** To be called before the session begins. */
  add(session: number, inspector: Inspector): void {
    this.#open.set(session, { inspector });
    inspector.subscriptions.join(this.#subscriptionBytes);
  }

  /** The session has ended. */
  remove(session: number): void {
    const entry = this.#open.get(session);
    const inspector = entry?.inspector;
    if (entry === undefined || inspector === undefined) return;
    entry.inspector = undefined;
    this.#open.delete(session);
    inspector.subscriptions.forget();
    for (const [direction, parser] of sides(inspector)) {
      addTo(this.#operations[direction], parser.counts);
      this.#payloadBytes[direction] += parser.payloadBytes;
    }
  }

  /** undefined: that session is not open, or not inspected. */
  factsOf(session: number, subjects: ShownSubjects): InspectionFacts | undefined {
    return this.inspectorOf(session)?.facts(subjects);
  }

  inspectorOf(session: number): Inspector | undefined {
    return this.#open.get(session)?.inspector;
  }

  /** Inspected sessions that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Of all inspected sessions that are open, with their ids. */
  *inspectors(): Generator<readonly [session: number, inspector: Inspector]> {
    for (const [session, { inspector }] of this.#open)
      if (inspector !== undefined) yield [session, inspector];
  }

  numbers(): InspectionNumbers {
    const operations = {
      to_upstream: Float64Array.from(this.#operations.to_upstream),
      to_client: Float64Array.from(this.#operations.to_client),
    };
    const payloadBytes = { ...this.#payloadBytes };
    let subscriptions = 0;
    for (const { inspector } of this.#open.values()) {
      if (inspector === undefined) continue;
      subscriptions += inspector.subscriptions.alive;
      const { up, down } = inspector;
      addTo(operations.to_upstream, up.counts);
      addTo(operations.to_client, down.counts);
      payloadBytes.to_upstream += up.payloadBytes;
      payloadBytes.to_client += down.payloadBytes;
    }
    return {
      operations: {
        to_upstream: countsByName('to_upstream', operations.to_upstream),
        to_client: countsByName('to_client', operations.to_client),
      },
      payloadBytes,
      subscriptions,
      sessions: this.#open.size,
    };
  }
}

const sides = ({ up, down }: Inspector) =>
  [
    ['to_upstream', up],
    ['to_client', down],
  ] as const;

function addTo(sums: Float64Array, counts: Float64Array): void {
  for (let index = 0; index < sums.length; index++) sums[index] = (sums[index] ?? 0) + (counts[index] ?? 0);
}
