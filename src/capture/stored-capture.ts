import type { CaptureMatch, CaptureRow } from './capture.ts';
import type { CaptureRecord } from './format.ts';

/** What is known of a capture whose text is in a file. */
export type StoredFacts = Omit<CaptureRow, 'id' | 'bytes' | 'state'>;

/** A capture that has ended, and is no longer in memory. */
export class StoredCapture {
  readonly id: number;
  /** Of its file. */
  readonly name: string;
  readonly bytes: number;
  readonly state = 'ended';
  readonly #facts: StoredFacts;

  constructor(id: number, name: string, bytes: number, facts: StoredFacts) {
    this.id = id;
    this.name = name;
    this.bytes = bytes;
    this.#facts = facts;
  }

  get match(): CaptureMatch {
    return this.#facts.match;
  }

  get payloads(): boolean {
    return this.#facts.payloads;
  }

  get session(): number | undefined {
    return this.#facts.session;
  }

  row(): CaptureRow {
    return { ...this.#facts, id: this.id, state: this.state, bytes: this.bytes };
  }
}

/** Its end did not come into the file, so nobody knows its numbers. */
const CUT = { reason: 'cut', operations: 0, lost: 0 };

/** Of a file of an earlier run, by its first and its last line; undefined: it is not a capture. */
export function factsOf([header, last]: readonly (CaptureRecord | undefined)[]): StoredFacts | undefined {
  if (header === undefined || !('kind' in header)) return undefined;
  const session = Number(header.session);
  if (!Number.isSafeInteger(session)) return undefined;
  const { started: startedAt, payloads } = header;
  // By name: what else is in a file says nothing of it.
  const { reason, operations, lost } = last !== undefined && 'end' in last ? last.end : CUT;
  return { match: { session }, session, startedAt, payloads: payloads === 'full', reason, operations, lost };
}
