import { type Arguments, isBlank } from './arguments.ts';
import type { Operation } from './operation.ts';
import {
  type Direction,
  NO_VERB,
  type OperationRow,
  PART_OF_A_VERB,
  rowOf,
  VERB_WORDS,
  type Verb,
  type VerbWord,
  verbAt,
} from './operations.ts';
import type { ParseProblem } from './protocol.ts';

const LF = 0x0a;
const CR = 0x0d;
/** What a line may have besides its argument: verb, blanks, line end. More blanks than that nobody sends. */
export const LINE_SLACK_BYTES = 64;

export type Refusal = { readonly problem: ParseProblem; readonly expected: string };

/**
 * What is at a place: a whole line; the beginning of one; a verb whose text nobody waits for (`endless`); or bytes that
 * are no control line.
 */
export type LineResult = 'whole' | 'incomplete' | 'endless' | Refusal;

/** Reads the control lines of one direction, one at a time. */
export class ControlLines {
  readonly #toClient: boolean;
  readonly #words: readonly VerbWord[];
  readonly #maxBytes: number;
  readonly #ignoresText: boolean;

  /** `maxBytes`: of an argument. `ignoresText`: text of PING, PONG and +OK that has no end yet is `endless`. */
  constructor(direction: Direction, maxBytes: number, ignoresText: boolean) {
    this.#toClient = direction === 'to_client';
    this.#words = VERB_WORDS[direction];
    this.#maxBytes = maxBytes;
    this.#ignoresText = ignoresText;
  }

  /**
   * What is at `pos`. Of a whole line the operation gets all but its names, which `tokens` has; of an endless one the
   * verb. A line that is incomplete may be wrong already, see `judgeBeginning`.
   */
  read(bytes: Buffer, pos: number, end: number, operation: Operation, tokens: Arguments): LineResult {
    const verb = verbAt(bytes, pos, end, this.#words);
    if (verb === NO_VERB) return this.#wrongVerb();
    if (verb === PART_OF_A_VERB) return 'incomplete';
    const row = rowOf(verb as Verb);
    operation.begin(verb as Verb);
    return row.usage === undefined
      ? this.#readText(row, bytes, pos, end, operation)
      : this.#readArguments(row, bytes, pos, end, operation, tokens);
  }

  /** A few bytes, however long the line is. That it is too long shows when it ends, or has no room any more. */
  judgeBeginning(line: Buffer, end: number, operation: Operation): LineResult {
    const verb = verbAt(line, 0, end, this.#words);
    if (verb === NO_VERB) return this.#wrongVerb();
    if (verb === PART_OF_A_VERB) return 'incomplete';
    const { name, needsBlank, ignoresText } = rowOf(verb as Verb);
    operation.begin(verb as Verb);
    if (ignoresText && this.#ignoresText) return 'endless';
    return needsBlank && name.length < end && !isBlank(line[name.length]) ? NO_BLANK : 'incomplete';
  }

  /** PUB, HPUB, SUB, UNSUB, MSG, HMSG. */
  #readArguments(
    row: OperationRow,
    bytes: Buffer,
    pos: number,
    end: number,
    operation: Operation,
    tokens: Arguments,
  ): LineResult {
    const at = pos + row.name.length;
    if (at === end) return 'incomplete';
    if (!isBlank(bytes[at])) return NO_BLANK;
    switch (tokens.scan(bytes, at, end, this.#toClient)) {
      case 'incomplete':
        return 'incomplete';
      case 'lone_cr':
        return LONE_CR;
      case 'no_argument':
        return NO_ARGUMENT;
      default:
    }
    const { count, next } = tokens;
    operation.line.set(pos, next);
    operation.text.set(tokens.starts[0] as number, tokens.lineEnd);
    if (this.#isTooLong(operation)) return this.tooLong();
    if (count !== row.all.length && count !== row.short.length)
      return { problem: 'arguments', expected: row.usage as string };
    if (!row.hasPayload) return 'whole';
    const size = tokens.sizeAt(bytes, count - 1);
    const headerBytes = row.hasHeaders ? tokens.sizeAt(bytes, count - 2) : 0;
    if (size < 0 || headerBytes < 0 || headerBytes > size) return WRONG_SIZE;
    operation.payloadBytes = size;
    operation.headerBytes = headerBytes;
    return 'whole';
  }

  /** Verbs with free text up to LF. */
  #readText(row: OperationRow, bytes: Buffer, pos: number, end: number, operation: Operation): LineResult {
    const afterVerb = pos + row.name.length;
    let at = afterVerb;
    while (at < end && isBlank(bytes[at])) at++;
    let lineEnd = at;
    while (lineEnd < end && bytes[lineEnd] !== LF) lineEnd++;
    const isIgnored = row.ignoresText && this.#ignoresText;
    if (lineEnd === end) return isIgnored ? 'endless' : 'incomplete';
    const textEnd = lineEnd > at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (row.needsText && textEnd === at) return NO_OBJECT;
    if (row.needsBlank && at === afterVerb) return NO_BLANK;
    operation.line.set(pos, lineEnd + 1);
    operation.text.set(at, textEnd);
    return !isIgnored && this.#isTooLong(operation) ? this.tooLong() : 'whole';
  }

  #isTooLong({ line, text }: Operation): boolean {
    return text.length > this.#maxBytes || line.length > this.#maxBytes + LINE_SLACK_BYTES;
  }

  tooLong(): Refusal {
    const expected = `a control line of at most ${this.#maxBytes} bytes`;
    return { problem: 'line_too_long', expected };
  }

  #wrongVerb(): Refusal {
    const expected = this.#toClient ? 'an operation of a server' : 'an operation of a client';
    return { problem: 'verb', expected };
  }
}

const NO_BLANK: Refusal = { problem: 'verb', expected: 'a blank after the verb' };
const LONE_CR: Refusal = { problem: 'ambiguous', expected: 'no CR but before LF' };
const NO_ARGUMENT: Refusal = { problem: 'ambiguous', expected: 'an argument after the blanks' };
const NO_OBJECT: Refusal = { problem: 'arguments', expected: 'a JSON object' };
const WRONG_SIZE: Refusal = {
  problem: 'size',
  expected: 'sizes of 1 to 9 digits, headers no larger than the whole',
};
