import { Arguments } from './arguments.ts';
import { ControlLines, LINE_SLACK_BYTES, type Refusal } from './control-line.ts';
import { type FastScan, MAX_SCANNED_PAYLOAD_BYTES, putSubjects } from './fast-scan.ts';
import { Framing } from './framing.ts';
import { headersGoOn } from './header-block.ts';
import { HeldLine } from './held-line.ts';
import type { KnownMessages } from './known-subjects.ts';
import { NOTHING, Operation, type Span } from './operation.ts';
import { type Direction, rowOf, VERB, type Verb, zeroCounts } from './operations.ts';
import { MAX_CONTROL_LINE_BYTES, MAX_SERVER_LINE_BYTES, type ParseError, shown } from './protocol.ts';

/**
 * Reads one direction of a NATS connection, in pieces of any size: `control-line.ts` knows the form of lines,
 * `framing.ts` what is between them, `fast-scan.ts` whole runs of messages.
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
 * Payloads are counted, never copied, and looked at by `onPayload` alone; of the bytes at most one incomplete control
 * line is kept.
 */

/** A shorter piece holds no whole message. */
const LEAST_SCANNED_BYTES = 12;
/** After so many scans that found nothing, one after the other, the rest of the piece is not scanned. */
const MOST_MISSES = 8;
/** No line ended: it is kept until more of it comes, or `error` says what is wrong with it. */
const NO_LINE = -1;

export type OperationSink = {
  /** A control line is complete, and its payload is still to come. Whatever is returned ends the reading at this line. */
  onOperation(operation: Operation): Refusal | undefined;
  /** The fast scan has read messages in the piece from `start` on, up to the end of the last, or of its line if it is cut. */
  onRun?: ((start: number, end: number) => void) | undefined;
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
  /** A header block of at most this many bytes is a part of the operation, which is reported when it is whole. */
  readonly maxHeldHeaderBytes?: number;
};

export class NatsParser {
  /** Operations by verb number. */
  readonly counts = zeroCounts();
  /** Bytes of payloads whose control line was complete, headers included. */
  payloadBytes = 0;
  /**
   * This reads whole runs of messages, where they lie in its memory. None of these is reported. The memory must go on for
   * 32 bytes after each piece. It may be set, but not taken away, while an operation is reported.
   */
  fastScan: FastScan | undefined;
  /** Where set, `fastScan` reads these messages alone. */
  known: KnownMessages | undefined;
  /**
   * Gets payloads in pieces as they come, headers included; a piece is only valid during the call. Of the messages that
   * `fastScan` reads it gets none, but perhaps the rest of the last.
   */
  onPayload: ((piece: Buffer) => void) | undefined;
  /** As in the options. */
  reportMessages: boolean;
  /** Set once, by the first thing that cannot be read; nothing is read after that. */
  error: ParseError | undefined;
  /** Offset of the first place between two operations in the piece parsed last; -1: there was none. */
  firstBoundary = -1;
  /** Offset, in the piece parsed last, after the last operation that was complete; -1: none ended there. */
  lastBoundary = -1;

  readonly #toClient: boolean;
  /** The verb of a message without headers. */
  readonly #messageVerb: Verb;
  readonly #maxLineBytes: number;
  readonly #sink: OperationSink | undefined;
  readonly #assembleLines: boolean;
  readonly #checkHeaders: boolean;
  readonly #maxHeldHeaderBytes: number;
  /** Bytes of the line that is kept, with its headers; 0: its end has not come. */
  #heldTotal = 0;
  readonly #lines: ControlLines;
  readonly #framing: Framing;
  readonly #held: HeldLine;
  /** Bytes of this direction before offset 0 of the piece, and before the line that is being read. */
  #pieceOffset = 0;
  #lineOffset = 0;

  constructor(direction: Direction, options: ParserOptions = {}) {
    this.#toClient = direction === 'to_client';
    this.#messageVerb = this.#toClient ? VERB.MSG : VERB.PUB;
    this.#maxLineBytes =
      options.maxLineBytes ?? (this.#toClient ? MAX_SERVER_LINE_BYTES : MAX_CONTROL_LINE_BYTES);
    this.#maxHeldHeaderBytes = options.maxHeldHeaderBytes ?? 0;
    this.#held = new HeldLine(
      this.#toClient,
      this.#maxLineBytes + LINE_SLACK_BYTES,
      this.#maxHeldHeaderBytes,
    );
    this.#sink = options.sink;
    this.reportMessages = options.reportMessages === true;
    this.#checkHeaders = options.checkHeaders === true;
    this.#framing = new Framing(this.#checkHeaders);
    this.#assembleLines = options.assembleLines === true;
    this.#lines = new ControlLines(direction, this.#maxLineBytes, !this.#assembleLines);
  }

  /** What was understood so far ends with a whole operation. A line may have begun after it, see `heldBytes`. */
  get isBetweenOperations(): boolean {
    return this.#framing.isAtLine;
  }

  /** Bytes of an incomplete control line, and of its headers, that are kept. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /**
   * Reads `bytes` from `start` to `end` and returns the offset up to which they are understood: the end of the last
   * whole operation, or of the payload so far; after it comes the beginning of a line, which was kept, or what
   * `error` is about.
   */
  parse(bytes: Buffer, start: number, end: number): number {
    this.firstBoundary = -1;
    this.lastBoundary = -1;
    if (this.error !== undefined) return start;
    const understood = this.#read(bytes, start, end);
    this.#pieceOffset += end - start;
    return understood;
  }

  #read(bytes: Buffer, start: number, end: number): number {
    const framing = this.#framing;
    const given = this.fastScan;
    let scan = given?.memory === bytes.buffer ? given : undefined;
    let pos = start;
    let misses = 0;
    for (;;) {
      if (!framing.isAtLine) {
        if (this.onPayload !== undefined && framing.payloadLeft > 0)
          this.onPayload(bytes.subarray(pos, Math.min(end, pos + framing.payloadLeft)));
        pos = framing.advance(bytes, pos, end);
        if (framing.wrong !== undefined) return this.#wrongPayload(bytes, start, pos, end);
        if (!framing.isAtLine) return pos;
        this.lastBoundary = pos;
      }
      const held = this.#held.length;
      if (held === 0 && this.firstBoundary === -1) this.firstBoundary = pos;
      if (pos === end) return pos;
      if (scan !== undefined && held === 0 && this.#mayBeMessage(bytes, pos, end)) {
        const next = this.#scanRun(scan, bytes, pos, end);
        if (next !== pos) {
          pos = next;
          misses = 0;
          continue;
        }
        if (++misses === MOST_MISSES) scan = undefined;
      }
      this.#lineOffset = this.#pieceOffset + pos - start - held;
      const next = held > 0 ? this.#heldLine(bytes, pos, end) : this.#line(bytes, pos, end);
      if (next === NO_LINE) {
        if (this.error !== undefined) this.#held.forget();
        return pos;
      }
      pos = next;
      if (framing.isAtLine) this.lastBoundary = pos;
      if (this.fastScan !== given) scan = this.fastScan?.memory === bytes.buffer ? this.fastScan : undefined;
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
  #scanRun(fastScan: FastScan, bytes: Buffer, pos: number, end: number): number {
    const { known } = this;
    const { result } = fastScan;
    const base = bytes.byteOffset;
    const next = fastScan.scan(
      base + pos,
      base + end,
      this.#toClient ? MSG_BLANK : PUB_BLANK,
      this.#toClient ? 3 : 2,
      known?.withReply === false ? 0 : 1,
      this.#maxLineBytes,
      known?.maxPayloadBytes ?? MAX_SCANNED_PAYLOAD_BYTES,
      known === undefined ? 0 : putSubjects(fastScan, known.subjects),
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
    this.#sink?.onRun?.(pos, next - base);
    return next - base;
  }

  #count(verb: Verb, by = 1): void {
    this.counts[verb] = (this.counts[verb] ?? 0) + by;
  }

  /** Reads the control line at `pos`; returns the offset after it. */
  #line(bytes: Buffer, pos: number, end: number): number {
    const result = this.#lines.read(bytes, pos, end, operation, tokens);
    if (result === 'whole') {
      const stop = this.#withHeaders();
      if (stop > end) {
        this.#heldTotal = stop - pos;
        this.#held.keep(bytes, pos, end);
        return NO_LINE;
      }
      operation.isSplit = false;
      operation.inPiece.set(pos, stop);
      return this.#complete(bytes, stop);
    }
    if (result === 'endless') return this.#skip(pos + rowOf(operation.verb).name.length);
    if (result !== 'incomplete') return this.#refuse(result, bytes, pos, end);
    const held = this.#held;
    if (end - pos > held.room) return this.#refuse(this.#lines.tooLong(), bytes, pos, end);
    held.endIn(bytes, pos, end);
    held.keep(bytes, pos, end);
    return this.#judgeHeld();
  }

  /** Appends to the line that was begun, and reads it when it is whole. */
  #heldLine(bytes: Buffer, pos: number, end: number): number {
    const held = this.#held;
    if (this.#heldTotal > 0) return this.#heldOperation(bytes, pos, pos, end);
    const lineEnd = held.endIn(bytes, pos, end);
    const isWhole = lineEnd < end;
    const stop = isWhole ? lineEnd + 1 : end;
    const hasRoom = stop - pos <= held.room;
    held.keep(bytes, pos, hasRoom ? stop : pos + held.room);
    const { bytes: line, length } = held;
    if (!isWhole || !hasRoom) {
      const beginning = this.#lines.judgeBeginning(line, length, operation);
      if (beginning === 'endless') {
        held.forget();
        return this.#skip(pos);
      }
      return hasRoom ? this.#judgeHeld() : this.#refuse(this.#lines.tooLong(), line, 0, length);
    }
    const result = this.#lines.read(line, 0, length, operation, tokens);
    // An LF that HeldLine takes for the end of the line is one.
    if (typeof result === 'string' && result !== 'whole') throw new Error(`a whole line is ${result}`);
    if (result !== 'whole') return this.#refuse(result, line, 0, length);
    this.#heldTotal = this.#withHeaders();
    return this.#heldOperation(bytes, pos, stop, end);
  }

  /** Where the operation that was read ends: with its line, or with the headers that are held back with it. */
  #withHeaders(): number {
    const { headerBytes, headers, line } = operation;
    if (headerBytes > 0 && headerBytes <= this.#maxHeldHeaderBytes)
      headers.set(line.end, line.end + headerBytes);
    return line.end + headers.length;
  }

  /** The line that is kept is whole, and `bytes` go on with its headers at `from`. */
  #heldOperation(bytes: Buffer, pos: number, from: number, end: number): number {
    const held = this.#held;
    const stop = Math.min(end, from + this.#heldTotal - held.length);
    held.keep(bytes, from, stop);
    if (held.length < this.#heldTotal) return NO_LINE;
    this.#heldTotal = 0;
    this.#lines.read(held.bytes, 0, held.length, operation, tokens);
    this.#withHeaders();
    operation.isSplit = true;
    operation.inPiece.set(pos, stop);
    const next = this.#complete(held.bytes, stop);
    held.forget();
    return next;
  }

  /** What is kept of a line may be wrong already. */
  #judgeHeld(): number {
    const { bytes, length } = this.#held;
    const result = this.#lines.judgeBeginning(bytes, length, operation);
    return typeof result === 'string' ? NO_LINE : this.#refuse(result, bytes, 0, length);
  }

  /** The text of the operation means nothing: up to its LF it is not looked at, and nothing of it is kept. */
  #skip(next: number): number {
    this.#count(operation.verb);
    this.#framing.beginSkip();
    operation.text.set(0, 0);
    operation.name(tokens);
    this.#sink?.onOperation(operation);
    return next;
  }

  /** The line of the operation is read, and its payload comes next. `next` is returned, unless it must not pass. */
  #complete(bytes: Buffer, next: number): number {
    const { verb, payloadBytes, headerBytes, headers, line } = operation;
    const { hasPayload } = rowOf(verb);
    if (headers.length > 0 && this.#checkHeaders && !isBlock(bytes, headers))
      return this.#refuse({ problem: 'policy', expected: HEADER_BLOCK }, bytes, line.start, line.end);
    this.#count(verb);
    this.payloadBytes += payloadBytes;
    const isReported = !hasPayload || this.reportMessages || (operation.isSplit && this.#assembleLines);
    if (isReported && this.#sink !== undefined) {
      operation.bytes = bytes;
      operation.name(tokens);
      const refusal = this.#sink.onOperation(operation);
      operation.bytes = NOTHING;
      if (refusal !== undefined) return this.#refuse(refusal, bytes, line.start, line.end);
    }
    if (headers.length > 0) this.onPayload?.(bytes.subarray(headers.start, headers.end));
    if (hasPayload) this.#framing.beginPayload(payloadBytes - headers.length, headerBytes - headers.length);
    return next;
  }

  /** The line that is being read: `bytes` hold it, or what is there of it. */
  #refuse({ problem, expected }: Refusal, bytes: Buffer, pos: number, end: number): typeof NO_LINE {
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

const isBlock = (bytes: Buffer, { start, end, length }: Span): boolean =>
  headersGoOn(bytes, start, end, 0, length);

const HEADER_BLOCK = 'a header block that begins with NATS/1.0 and ends with an empty line';
/** Four bytes, the first in the lowest place. */
const MSG_BLANK = 0x2047_534d;
const PUB_BLANK = 0x2042_5550;

/** One of each for all parsers: nothing in them outlives the reading of a line. */
const operation = new Operation();
const tokens = new Arguments();
