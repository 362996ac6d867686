import type { Arguments } from './arguments.ts';
import { ARGUMENT_NAMES, type ArgumentName, OPERATIONS, VERB, type Verb } from './operations.ts';

/** A part of the bytes, from `start` up to `end`; empty where an operation has no such part. */
export class Span {
  start = 0;
  end = 0;

  set(start: number, end: number): void {
    this.start = start;
    this.end = end;
  }

  get length(): number {
    return this.end - this.start;
  }
}

/**
 * One operation as its control line says it. A parser fills it and hands it on. It is valid during that call alone: all
 * parsers share one.
 */
export class Operation {
  verb: Verb = VERB.PING;
  /** Holds the line: the piece itself, or memory of the parser when the line came in several pieces. */
  bytes: Buffer = NOTHING;
  /** LF included. */
  readonly line = new Span();
  /** The header block, where the parser holds it back with the line; else empty. */
  readonly headers = new Span();
  /** Where line and headers are in the piece that is being read: all, or the rest of what other pieces began. */
  readonly inPiece = new Span();
  /** Line and headers did not come in one piece. */
  isSplit = false;
  /** All arguments, or the free text. */
  readonly text = new Span();

  readonly subject = new Span();
  readonly sid = new Span();
  readonly queue = new Span();
  readonly reply = new Span();
  readonly max = new Span();
  readonly headerSize = new Span();
  readonly size = new Span();
  /** Of a message: bytes of headers and payload together; of the headers alone. */
  payloadBytes = 0;
  headerBytes = 0;
  readonly #named: readonly Span[] = ARGUMENT_NAMES.map((name) => this[name]);

  begin(verb: Verb): void {
    this.verb = verb;
    this.payloadBytes = 0;
    this.headerBytes = 0;
    this.headers.set(0, 0);
  }

  /** Gives the arguments of the line their names; what the line does not have becomes empty. */
  name(tokens: Arguments): void {
    for (const span of this.#named) span.set(0, 0);
    const [all, short] = PLACES[this.verb] as Places;
    const places = tokens.count === all.length ? all : short;
    for (let index = 0; index < places.length; index++) {
      const span = this.#named[places[index] as number] as Span;
      span.set(tokens.starts[index] as number, tokens.ends[index] as number);
    }
  }

  /** Line and headers in memory of their own, to be kept: a part of Node's shared slab would keep all of it alive. */
  copyLine(): Buffer {
    const { bytes, headers, line } = this;
    const copy = Buffer.allocUnsafeSlow(line.length + headers.length);
    bytes.copy(copy, 0, line.start, line.end + headers.length);
    return copy;
  }

  /** The first `mostBytes` of a part. */
  read({ start, end }: Span, encoding: 'latin1' | 'utf8' = 'latin1', mostBytes = end - start): string {
    return this.bytes.toString(encoding, start, Math.min(end, start + mostBytes));
  }
}

export const NOTHING = Buffer.alloc(0);

type Places = readonly [all: readonly number[], short: readonly number[]];
const placesOf = (names: readonly ArgumentName[]): readonly number[] =>
  names.map((name) => ARGUMENT_NAMES.indexOf(name));
/** By verb number: which part each argument is. */
const PLACES: readonly Places[] = OPERATIONS.map(({ all, short }) => [placesOf(all), placesOf(short)]);
