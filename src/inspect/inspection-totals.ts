import { type Direction, PARSE_PROBLEMS, type ParseProblem, VERB_NAMES, VERBS_OF } from '../nats/protocol.ts';
import type { Inspector } from './inspector.ts';
import { SERVER_ERROR_KINDS, type ServerErrorKind } from './server-errors.ts';

const DIRECTIONS = ['to_upstream', 'to_client'] as const satisfies readonly Direction[];

export type InspectionNumbers = {
  /** By `direction,verb`. */
  readonly operations: Readonly<Record<string, number>>;
  readonly payloadBytes: Readonly<Record<Direction, number>>;
  readonly subscriptions: number;
  readonly sessions: number;
  readonly serverErrors: Readonly<Record<string, number>>;
  /** By `direction,problem`. */
  readonly stops: Readonly<Record<string, number>>;
};

/** What all inspected sessions have seen: those that ended as sums, the open ones read when somebody asks. */
export class InspectionTotals {
  readonly #open = new Set<Inspector>();
  readonly #operations = { to_upstream: new Float64Array(12), to_client: new Float64Array(12) };
  readonly #payloadBytes = { to_upstream: 0, to_client: 0 };
  readonly #serverErrors = zeros(SERVER_ERROR_KINDS);
  readonly #stops = zeros(
    DIRECTIONS.flatMap((direction) => PARSE_PROBLEMS.map((one) => key(direction, one))),
  );

  add(inspector: Inspector): void {
    this.#open.add(inspector);
  }

  remove(inspector: Inspector): void {
    if (!this.#open.delete(inspector)) return;
    for (const [direction, parser] of sides(inspector)) {
      addTo(this.#operations[direction], parser.counts);
      this.#payloadBytes[direction] += parser.payloadBytes;
    }
  }

  serverError(kind: ServerErrorKind): void {
    this.#serverErrors[kind] = (this.#serverErrors[kind] ?? 0) + 1;
  }

  stopped(direction: Direction, problem: ParseProblem): void {
    const stop = key(direction, problem);
    this.#stops[stop] = (this.#stops[stop] ?? 0) + 1;
  }

  numbers(): InspectionNumbers {
    const operations = {
      to_upstream: Float64Array.from(this.#operations.to_upstream),
      to_client: Float64Array.from(this.#operations.to_client),
    };
    const payloadBytes = { ...this.#payloadBytes };
    let subscriptions = 0;
    for (const inspector of this.#open) {
      subscriptions += inspector.subscriptions.alive;
      for (const [direction, parser] of sides(inspector)) {
        addTo(operations[direction], parser.counts);
        payloadBytes[direction] += parser.payloadBytes;
      }
    }
    const named = DIRECTIONS.flatMap((direction) =>
      VERBS_OF[direction].map((verb) => [key(direction, VERB_NAMES[verb]), operations[direction][verb] ?? 0]),
    );
    return {
      operations: Object.fromEntries(named),
      payloadBytes,
      subscriptions,
      sessions: this.#open.size,
      serverErrors: { ...this.#serverErrors },
      stops: { ...this.#stops },
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

const zeros = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 0]));

/** As the metrics take two labels in one. */
const key = (direction: Direction, what: string): string => `${direction}\n${what}`;
