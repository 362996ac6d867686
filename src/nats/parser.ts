import { Arguments, isBlank } from './arguments.ts';
import type { FastScan } from './fast-scan.ts';
import { Framing } from './framing.ts';
import { HeldLine } from './held-line.ts';
import { NOTHING, Operation } from './operation.ts';
import {
  type Direction,
  NO_VERB,
  OPERATIONS,
  type OperationRow,
  PART_OF_A_VERB,
  rowOf,
  VERB,
  VERB_WORDS,
  type Verb,
  type VerbWord,
  verbAt,
  zeroCounts,
} from './operations.ts';
import {
  MAX_CONTROL_LINE_BYTES,
  MAX_SERVER_LINE_BYTES,
  type ParseError,
  type ParseProblem,
  shown,
} from './protocol.ts';

/**
 * Reads one direction of a NATS connection, in whatever pieces it comes: control lines here, what is between them in
 * `framing.ts`.
 *
 * The verdict on client bytes is nats-server's (measured on 2.9.10 to 2.15.1; test/fuzz/nats-server.test.ts asks a real
 * one), but for these, which no client library sends:
 *
 * - A CR inside a line, or LF or CR right after the blanks of a verb, is refused (`ambiguous`; `arguments` after
 *   CONNECT and INFO): the server keeps it, drops it, or goes on in the next line, by where its reads end.
 * - A line of more than the limit and 64 bytes is too long even if most of it are blanks, which the server skips.
 * - HMSG of a client is refused; the server takes it by oversight, as a message of no bytes.
 * - The JSON of CONNECT and INFO is not looked at here: `connect.ts` does that for an enforcer.
 *
 * Payloads are counted, never looked at and never copied; of the bytes at most one incomplete control line is kept.
 */

const LF = 0x0a;
const CR = 0x0d;
/** What a line may have besides its argument: verb, blanks, line end. More blanks than that nobody sends. */
const LINE_SLACK_BYTES = 64;
/** A shorter piece holds no whole message. */
const LEAST_SCANNED_BYTES = 12;
/** No line ended: it is kept until more of it comes, or `error` says what is wrong with it. */
const NO_LINE = -1;

export type Refusal = { readonly problem: ParseProblem; readonly expected: string };

export type OperationSink = {
  /** A control line is complete, and its payload is still to come. Whatever is returned ends the reading at this line. */
  onOperation(operation: Operation): Refusal | undefined;
};

export type ParserOptions = {
  /** Bytes of an argument, at most. */
  readonly maxLineBytes?: number;
  readonly sink?: OperationSink;
  /**
   * Report every message, but for those that `fastScan` reads. Without this only those are reported whose line came in
   * several pieces, and only with `assembleLines`.
   */
  readonly reportMessages?: boolean;
  /** Report lines when they are whole; without this PING, PONG and +OK are counted before their line ends. */
  readonly assembleLines?: boolean;
  /** Header blocks of HPUB must begin with `NATS/1.0` and end with an empty line. */
  readonly checkHeaders?: boolean;
};

export class NatsParser {
  /** Operations by verb number. */
  readonly counts = zeroCounts();
  /** Bytes of payloads whose control line was complete, headers included. */
  payloadBytes = 0;
  /**
   * From the next piece on this reads whole runs of messages, where they lie in its memory. None of these is reported. The
   * memory must go on for 32 bytes after each piece.
   */
  fastScan: FastScan | undefined;
  /** Set once, by the first thing that cannot be read; nothing is read after that. */
  error: ParseError | undefined;
  /** Offset, in the piece parsed last, after the last operation that was complete; -1: none ended there. */
  lastBoundary = -1;

  readonly #toClient: boolean;
  readonly #words: readonly VerbWord[];
  /** The verb of a message without headers. */
  readonly #messageVerb: Verb;
  readonly #maxLineBytes: number;
  readonly #sink: OperationSink | undefined;
  readonly #reportMessages: boolean;
  readonly #assembleLines: boolean;
  readonly #framing: Framing;
  readonly #held: HeldLine;
  /** Bytes of this direction before offset 0 of the piece, and before the line that is being read. */
  #pieceOffset = 0;
  #lineOffset = 0;

  constructor(direction: Direction, options: ParserOptions = {}) {
    this.#toClient = direction === 'to_client';
    this.#words = VERB_WORDS[direction];
    this.#messageVerb = this.#toClient ? VERB.MSG : VERB.PUB;
    this.#maxLineBytes =
      options.maxLineBytes ?? (this.#toClient ? MAX_SERVER_LINE_BYTES : MAX_CONTROL_LINE_BYTES);
    this.#held = new HeldLine(this.#toClient, this.#maxLineBytes + LINE_SLACK_BYTES);
    this.#sink = options.sink;
    this.#reportMessages = options.reportMessages === true;
    this.#framing = new Framing(options.checkHeaders === true);
    this.#assembleLines = options.assembleLines === true;
  }

  /** What was understood so far ends with a whole operation. A line may have begun after it, see `heldBytes`. */
  get isBetweenOperations(): boolean {
    return this.#framing.isAtLine;
  }

  /** Bytes of an incomplete control line that are kept. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /**
   * Reads `bytes` from `start` to `end` and returns the offset up to which they are understood: the end of the last
   * whole operation, or of the payload so far; after it comes the beginning of a line, which was kept, or what
   * `error` is about.
   */
  parse(bytes: Buffer, start: number, end: number): number {
    this.lastBoundary = -1;
    if (this.error !== undefined) return start;
    const understood = this.#read(bytes, start, end);
    this.#pieceOffset += end - start;
    return understood;
  }

  #read(bytes: Buffer, start: number, end: number): number {
    const framing = this.#framing;
    const scan = this.fastScan?.memory === bytes.buffer ? this.fastScan : undefined;
    let pos = start;
    for (;;) {
      if (!framing.isAtLine) {
        pos = framing.advance(bytes, pos, end);
        if (framing.wrong !== undefined) return this.#wrongPayload(bytes, start, pos, end);
        if (!framing.isAtLine) return pos;
        this.lastBoundary = pos;
      }
      if (pos === end) return pos;
      const held = this.#held.length;
      if (scan !== undefined && held === 0 && this.#mayBeMessage(bytes, pos, end)) {
        const next = this.#scanRun(scan, bytes, pos, end);
        if (next !== pos) {
          pos = next;
          continue;
        }
      }
      this.#lineOffset = this.#pieceOffset + pos - start - held;
      const next = held > 0 ? this.#finishLine(bytes, pos, end) : this.#line(bytes, pos, end);
      if (next === NO_LINE) {
        if (this.error !== undefined) this.#held.forget();
        return pos;
      }
      pos = next;
      if (framing.isAtLine) this.lastBoundary = pos;
    }
  }

  /** Spares a call of `scan` for other operations. */
  #mayBeMessage(bytes: Buffer, pos: number, end: number): boolean {
    const word = this.#toClient ? MSG_BLANK : PUB_BLANK;
    return (
      end - pos >= LEAST_SCANNED_BYTES &&
      bytes[pos] === (word & 0xff) &&
      bytes[pos + 1] === ((word >> 8) & 0xff)
    );
  }

  /**
   * All messages from `pos` on whose lines have the usual form, the last of which may be cut after its line. Returns the
   * offset after what it has read, `pos` where there is none.
   */
  #scanRun({ scan, result }: FastScan, bytes: Buffer, pos: number, end: number): number {
    const base = bytes.byteOffset;
    const next = scan(
      base + pos,
      base + end,
      this.#toClient ? MSG_BLANK : PUB_BLANK,
      this.#toClient ? 3 : 2,
      this.#maxLineBytes,
      result.byteOffset,
    );
    const messages = result[0] as number;
    if (messages === 0) return pos;
    this.#count(this.#messageVerb, messages);
    this.payloadBytes += result[1] as number;
    const cutSize = result[2] as number;
    const boundary = (result[3] as number) - base;
    if (boundary > pos) this.lastBoundary = boundary;
    if (cutSize >= 0) this.#framing.beginPayload(cutSize, 0);
    return next - base;
  }

  #count(verb: Verb, by = 1): void {
    this.counts[verb] = (this.counts[verb] ?? 0) + by;
  }

  /** Appends to the line that was begun, and reads it when it is whole. */
  #finishLine(bytes: Buffer, pos: number, end: number): number {
    const held = this.#held;
    const lineEnd = held.endIn(bytes, pos, end);
    const isWhole = lineEnd < end;
    const stop = isWhole ? lineEnd + 1 : end;
    const isTooLong = stop - pos > held.room;
    held.keep(bytes, pos, isTooLong ? pos + held.room : stop);
    const { bytes: line, length } = held;
    if (isTooLong || !isWhole) {
      const verb = verbAt(line, 0, length, this.#words);
      if (this.#isSkipped(verb)) {
        held.forget();
        return this.#beginSkip(verb as Verb, pos);
      }
      return isTooLong ? this.#tooLong(line, 0, length) : this.#checkBeginning(line, length);
    }
    operation.isSplit = true;
    operation.inPiece.set(pos, stop);
    const next = this.#line(line, 0, length);
    operation.isSplit = false;
    if (next === NO_LINE) return NO_LINE;
    held.forget();
    return stop;
  }

  /** The text of PING, PONG and +OK has no limit, so nothing of it is kept. */
  #isSkipped(verb: number): boolean {
    return !this.#assembleLines && OPERATIONS[verb]?.ignoresText === true;
  }

  #beginSkip(verb: Verb, pos: number): number {
    this.#count(verb);
    this.#framing.beginSkip();
    operation.begin(verb, tokens);
    this.#sink?.onOperation(operation);
    return pos;
  }

  /** The line at `pos` is cut by the end of the piece: keeps it, unless it is wrong already. */
  #incomplete(bytes: Buffer, pos: number, end: number): number {
    const held = this.#held;
    if (end - pos > held.room) return this.#tooLong(bytes, pos, end);
    held.endIn(bytes, pos, end);
    held.keep(bytes, pos, end);
    return this.#checkBeginning(held.bytes, held.length);
  }

  /** A few bytes, however long the line is. That it is too long shows when it ends, or has no room any more. */
  #checkBeginning(line: Buffer, end: number): number {
    const verb = verbAt(line, 0, end, this.#words);
    if (verb === NO_VERB) return this.#wrongVerb(line, 0, end);
    if (verb === PART_OF_A_VERB) return NO_LINE;
    const { name, needsBlank } = rowOf(verb as Verb);
    if (needsBlank && name.length < end && !isBlank(line[name.length])) return this.#noBlank(line, 0, end);
    return NO_LINE;
  }

  /** Reads one whole control line at `pos`; returns the offset after it. */
  #line(bytes: Buffer, pos: number, end: number): number {
    const verb = verbAt(bytes, pos, end, this.#words);
    if (verb === NO_VERB) return this.#wrongVerb(bytes, pos, end);
    if (verb === PART_OF_A_VERB) return this.#incomplete(bytes, pos, end);
    const row = rowOf(verb as Verb);
    return row.usage === undefined
      ? this.#textLine(verb as Verb, row, bytes, pos, end)
      : this.#argumentLine(verb as Verb, row, bytes, pos, end);
  }

  /** PUB, HPUB, SUB, UNSUB, MSG, HMSG. */
  #argumentLine(verb: Verb, row: OperationRow, bytes: Buffer, pos: number, end: number): number {
    const at = pos + row.name.length;
    if (at === end) return this.#incomplete(bytes, pos, end);
    if (!isBlank(bytes[at])) return this.#noBlank(bytes, pos, end);
    switch (tokens.scan(bytes, at, end, this.#toClient)) {
      case 'incomplete':
        return this.#incomplete(bytes, pos, end);
      case 'lone_cr':
        return this.#refuse('ambiguous', 'no CR but before LF', bytes, pos, end);
      case 'no_argument':
        return this.#refuse('ambiguous', 'an argument after the blanks', bytes, pos, end);
      default:
    }
    const { count, lineEnd, next } = tokens;
    const start = tokens.starts[0] as number;
    if (next - pos > this.#maxLineBytes && this.#isTooLong(pos, start, lineEnd, next))
      return this.#tooLong(bytes, pos, end);
    if (count !== row.all.length && count !== row.short.length)
      return this.#refuse('arguments', row.usage as string, bytes, pos, end);
    if (row.hasPayload) return this.#message(verb, row, bytes, pos, end);
    this.#count(verb);
    return this.#report(verb, bytes, pos, start, lineEnd, next) ? next : NO_LINE;
  }

  /** The arguments of a line with a payload are in `tokens`. */
  #message(verb: Verb, row: OperationRow, bytes: Buffer, pos: number, end: number): number {
    const { count, next } = tokens;
    const size = tokens.sizeAt(bytes, count - 1);
    const headerBytes = row.hasHeaders ? tokens.sizeAt(bytes, count - 2) : 0;
    if (size < 0 || headerBytes < 0 || headerBytes > size) {
      const expected = 'sizes of 1 to 9 digits, headers no larger than the whole';
      return this.#refuse('size', expected, bytes, pos, end);
    }
    this.#count(verb);
    this.payloadBytes += size;
    if (this.#reportMessages || (operation.isSplit && this.#assembleLines)) {
      const start = tokens.starts[0] as number;
      if (!this.#report(verb, bytes, pos, start, tokens.lineEnd, next, size, headerBytes)) return NO_LINE;
    }
    this.#framing.beginPayload(size, headerBytes);
    return next;
  }

  /** Verbs with free text up to LF. */
  #textLine(verb: Verb, row: OperationRow, bytes: Buffer, pos: number, end: number): number {
    const afterVerb = pos + row.name.length;
    let at = afterVerb;
    while (at < end && isBlank(bytes[at])) at++;
    let lineEnd = at;
    while (lineEnd < end && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd === end)
      return this.#isSkipped(verb) ? this.#beginSkip(verb, afterVerb) : this.#incomplete(bytes, pos, end);
    const textEnd = lineEnd > at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (row.needsText && textEnd === at) return this.#refuse('arguments', 'a JSON object', bytes, pos, end);
    if (row.needsBlank && at === afterVerb) return this.#noBlank(bytes, pos, end);
    if (!this.#isSkipped(verb) && this.#isTooLong(pos, at, textEnd, lineEnd + 1))
      return this.#tooLong(bytes, pos, end);
    this.#count(verb);
    return this.#report(verb, bytes, pos, at, textEnd, lineEnd + 1) ? lineEnd + 1 : NO_LINE;
  }

  /** Hands the operation on. False: it must not pass. */
  #report(
    verb: Verb,
    bytes: Buffer,
    start: number,
    textStart: number,
    textEnd: number,
    end: number,
    payloadBytes = 0,
    headerBytes = 0,
  ): boolean {
    if (this.#sink === undefined) return true;
    operation.begin(verb, tokens);
    operation.bytes = bytes;
    operation.line.set(start, end);
    operation.text.set(textStart, textEnd);
    operation.payloadBytes = payloadBytes;
    operation.headerBytes = headerBytes;
    if (!operation.isSplit) operation.inPiece.set(start, end);
    const refusal = this.#sink.onOperation(operation);
    operation.bytes = NOTHING;
    if (refusal === undefined) return true;
    this.#refuse(refusal.problem, refusal.expected, bytes, start, end);
    return false;
  }

  #isTooLong(lineStart: number, textStart: number, textEnd: number, lineEnd: number): boolean {
    const most = this.#maxLineBytes;
    return textEnd - textStart > most || lineEnd - lineStart > most + LINE_SLACK_BYTES;
  }

  #tooLong(bytes: Buffer, pos: number, end: number): number {
    const expected = `a control line of at most ${this.#maxLineBytes} bytes`;
    return this.#refuse('line_too_long', expected, bytes, pos, end);
  }

  #noBlank(bytes: Buffer, pos: number, end: number): number {
    return this.#refuse('verb', 'a blank after the verb', bytes, pos, end);
  }

  #wrongVerb(bytes: Buffer, pos: number, end: number): number {
    const expected = this.#toClient ? 'an operation of a server' : 'an operation of a client';
    return this.#refuse('verb', expected, bytes, pos, end);
  }

  /** For the line that is being read: `bytes` hold it, or what is there of it. */
  #refuse(problem: ParseProblem, expected: string, bytes: Buffer, pos: number, end: number): typeof NO_LINE {
    this.error = { problem, offset: this.#lineOffset, expected, found: shown(bytes, pos, end) };
    return NO_LINE;
  }

  #wrongPayload(bytes: Buffer, start: number, pos: number, end: number): number {
    const { wrong, headerSeen } = this.#framing;
    const offset = this.#pieceOffset + pos - start;
    const found = shown(bytes, pos, end);
    this.error =
      wrong === 'headers'
        ? { problem: 'policy', offset: offset - headerSeen, expected: HEADER_BLOCK, found }
        : { problem: 'payload_end', offset, expected: 'CR LF after the payload', found };
    return pos;
  }
}

const HEADER_BLOCK = 'a header block that begins with NATS/1.0 and ends with an empty line';
/** Four bytes, the first in the lowest place. */
const MSG_BLANK = 0x2047_534d;
const PUB_BLANK = 0x2042_5550;

/** One of each for all parsers: nothing in them outlives the reading of a line. */
const operation = new Operation();
const tokens = new Arguments();
