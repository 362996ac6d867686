import { HeldLine } from './held-line.ts';
import type { PlainRun } from './plain-run.ts';
import {
  type Direction,
  MAX_CONTROL_LINE_BYTES,
  MAX_SERVER_LINE_BYTES,
  type ParseError,
  type ParseProblem,
  shown,
  VERB,
  type Verb,
} from './protocol.ts';

/**
 * Reads one direction of a NATS connection, in whatever pieces it comes.
 *
 * ```
 *          ┌──────────────── line complete, no payload ────────────────┐
 *        LINE ── line of PUB, HPUB, MSG, HMSG ──▶ PAYLOAD ──▶ CR ──▶ LF ─┘
 *          └── PING, PONG, +OK cut before their LF ──▶ SKIP ─────────────┘
 * ```
 *
 * The verdict on client bytes is nats-server's (measured on 2.9.10 to 2.15.1; test/fuzz/nats-server.test.ts asks a real
 * one), but for these, which no client library sends:
 *
 * - A CR inside a line, or LF or CR right behind the blanks of a verb, is refused (`ambiguous`; `arguments` behind
 *   CONNECT and INFO): the server keeps it, drops it, or goes on in the next line, by where its reads end.
 * - A line of more than the limit and 64 bytes is too long even if most of it are blanks, which the server skips.
 * - HMSG of a client is refused; the server takes it by oversight, as a message of no bytes.
 * - The JSON of CONNECT and INFO is not looked at here: `connect.ts` does that for an enforcer.
 *
 * Payloads are counted, never looked at and never copied; of the bytes at most one incomplete control line is kept.
 */

const LINE = 0;
const PAYLOAD = 1;
const EXPECT_CR = 2;
const EXPECT_LF = 3;
const SKIP = 4;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const BLANK = 0x20;
const MAX_SIZE_DIGITS = 9;
/** What a line may have besides its argument: verb, blanks, line end. More blanks than that nobody sends. */
const LINE_SLACK_BYTES = 64;

const INCOMPLETE = -1;
/** The line is for the slow path. */
const NOT_PLAIN = -3;
/** A shorter piece holds no whole message. */
const WORDS_FROM_BYTES = 12;
/** Four bytes, the first in the lowest place. */
const MSG_BLANK = 0x2047_534d;
const PUB_BLANK = 0x2042_5550;
const REFUSED = -2;

const HEADER_START = Buffer.from('NATS/1.0');
const HEADER_END = Buffer.from('\r\n\r\n');

/** Told of operations by a parser; their parts are read off the parser during the call. */
export type OperationSink = {
  /** A control line is complete (and its payload is still to come). To refuse it, call `parser.refuse`. */
  onOperation(parser: NatsParser): void;
};

export type ParserOptions = {
  /** Bytes of an argument, at most. */
  readonly maxLineBytes?: number;
  readonly sink?: OperationSink;
  /**
   * Messages are reported too, but for those of runs (`plainRun`); without this only those whose line the sink must
   * put together (`wholeLines`).
   */
  readonly everyMessage?: boolean;
  /** Lines are reported when they are whole; without this PING, PONG and +OK are counted before their line ends. */
  readonly wholeLines?: boolean;
  /** Header blocks of HPUB must begin with `NATS/1.0` and end with an empty line. */
  readonly checkHeaders?: boolean;
};

export class NatsParser {
  /** Operations by verb number. */
  readonly counts = new Float64Array(12);
  /** Bytes of payloads whose control line was complete, headers included. */
  payloadBytes = 0;
  /**
   * From the next piece on this reads whole runs of messages, where they lie in its memory. None of these is reported. The
   * memory must go on for 32 bytes behind each piece.
   */
  plainRun: PlainRun | undefined;
  /** Set once, by the first thing that cannot be read; nothing is read after that. */
  error: ParseError | undefined;
  /** Offset, in the piece parsed last, behind the last operation that was complete; -1: none ended there. */
  lastBoundary = -1;

  // The operation that is reported.
  verb: Verb = VERB.PING;
  /** Holds the line: the piece itself, or the parser's own buffer when the line came in several pieces. */
  bytes: Buffer = NOTHING;
  lineStart = 0;
  /** Behind the LF. */
  lineEnd = 0;
  argumentStart = 0;
  /** In front of the line end. */
  argumentEnd = 0;
  tokens = 0;
  firstStart = 0;
  firstEnd = 0;
  /** The token before the last one; of HPUB and HMSG the header size. */
  previousStart = 0;
  previousEnd = 0;
  lastStart = 0;
  lastEnd = 0;
  /** Of a message: bytes of headers and payload together. */
  size = 0;
  headerSize = 0;
  /** The line did not come in one piece; it lies in `bytes` whole, and ends in the piece at `resumeAt`. */
  wasSplit = false;
  resumeAt = 0;

  readonly #toClient: boolean;
  readonly #maxLineBytes: number;
  readonly #sink: OperationSink | undefined;
  readonly #everyMessage: boolean;
  readonly #checkHeaders: boolean;
  readonly #wholeLines: boolean;
  readonly #plainVerb: number;
  #state = LINE;
  #left = 0;
  #headerSeen = 0;
  readonly #held: HeldLine;
  /** Bytes of all pieces before this one. */
  #consumed = 0;

  constructor(direction: Direction, options: ParserOptions = {}) {
    this.#toClient = direction === 'to_client';
    this.#maxLineBytes =
      options.maxLineBytes ?? (this.#toClient ? MAX_SERVER_LINE_BYTES : MAX_CONTROL_LINE_BYTES);
    this.#held = new HeldLine(this.#toClient, this.#maxLineBytes + LINE_SLACK_BYTES);
    this.#sink = options.sink;
    this.#everyMessage = options.everyMessage === true;
    this.#checkHeaders = options.checkHeaders === true;
    this.#wholeLines = options.wholeLines === true;
    this.#plainVerb = this.#toClient ? MSG_BLANK : PUB_BLANK;
  }

  /** What was understood so far ends with a whole operation. A line may have begun behind it, see `heldBytes`. */
  get isBetweenOperations(): boolean {
    return this.#state === LINE;
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
    const words = end - start < WORDS_FROM_BYTES ? undefined : wordsOf(bytes.buffer);
    const run = words === undefined || this.plainRun?.memory !== bytes.buffer ? undefined : this.plainRun;
    let pos = start;
    for (;;) {
      switch (this.#state) {
        case PAYLOAD: {
          const take = Math.min(this.#left, end - pos);
          if (this.#checkHeaders && this.headerSize > this.#headerSeen) {
            if (!this.#headersGoOn(bytes, pos, pos + take))
              return this.#badHeaders(pos - start - this.#headerSeen, bytes, pos, end);
          }
          pos += take;
          this.#left -= take;
          if (this.#left > 0) return this.#pause(start, end, pos);
          this.#state = EXPECT_CR;
          continue;
        }
        case EXPECT_CR:
          if (pos === end) return this.#pause(start, end, pos);
          if (bytes[pos] !== CR) return this.#stop('payload_end', LINE_END, start, bytes, pos, end);
          pos++;
          this.#state = EXPECT_LF;
          continue;
        case EXPECT_LF:
          if (pos === end) return this.#pause(start, end, pos);
          if (bytes[pos] !== LF) return this.#stop('payload_end', LINE_END, start, bytes, pos, end);
          pos++;
          this.lastBoundary = pos;
          this.#state = LINE;
          continue;
        case SKIP: {
          while (pos < end && bytes[pos] !== LF) pos++;
          if (pos === end) return this.#pause(start, end, pos);
          pos++;
          this.lastBoundary = pos;
          this.#state = LINE;
          continue;
        }
        default: {
          if (pos === end) return this.#pause(start, end, pos);
          const held = this.#held.length;
          let next = NOT_PLAIN;
          if (words !== undefined && held === 0 && end - pos >= WORDS_FROM_BYTES) {
            if (words.getInt32(bytes.byteOffset + pos, true) === this.#plainVerb) {
              if (run === undefined) next = this.#plainMessage(bytes, words, pos, end);
              else {
                const behind = this.#readRun(run, bytes, pos, end);
                if (behind !== pos) {
                  pos = behind;
                  continue;
                }
                if (this.#everyMessage) next = this.#plainMessage(bytes, words, pos, end);
              }
            }
          }
          if (next === NOT_PLAIN)
            next = held > 0 ? this.#finishLine(bytes, pos, end) : this.#operation(bytes, pos, end);
          if (next >= 0) {
            pos = next;
            if (this.#state === PAYLOAD) {
              // Most messages lie in the piece whole.
              const lineEnd = pos + this.#left + 2;
              if (lineEnd > end || bytes[lineEnd - 2] !== CR || bytes[lineEnd - 1] !== LF) continue;
              if (this.#checkHeaders && this.headerSize > 0) continue;
              pos = lineEnd;
              this.#left = 0;
              this.#state = LINE;
            }
            if (this.#state === LINE) this.lastBoundary = pos;
            continue;
          }
          if (next === REFUSED) {
            this.#held.forget();
            if (this.error !== undefined)
              this.error = { ...(this.error as ParseError), offset: this.#consumed + pos - start - held };
            return pos;
          }
          // The beginning of a line, kept by now.
          return this.#pause(start, end, pos);
        }
      }
    }
  }

  /** For the sink: this operation must not pass. */
  refuse(problem: ParseProblem, expected: string): void {
    this.error = {
      problem,
      offset: 0,
      expected,
      found: shown(this.bytes, this.lineStart, this.lineEnd),
    };
  }

  #pause(start: number, end: number, understood: number): number {
    this.#consumed += end - start;
    return understood;
  }

  #stop(
    problem: ParseProblem,
    expected: string,
    start: number,
    bytes: Buffer,
    pos: number,
    end: number,
  ): number {
    this.error = {
      problem,
      offset: this.#consumed + pos - start,
      expected,
      found: shown(bytes, pos, end),
    };
    return pos;
  }

  #badHeaders(offset: number, bytes: Buffer, pos: number, end: number): number {
    this.error = {
      problem: 'policy',
      offset: this.#consumed + offset,
      expected: 'a header block that begins with NATS/1.0 and ends with an empty line',
      found: shown(bytes, pos, end),
    };
    return pos;
  }

  /** Appends to the line that was begun, and reads it when it is whole. */
  #finishLine(bytes: Buffer, pos: number, end: number): number {
    const held = this.#held;
    const lineEnd = held.endIn(bytes, pos, end);
    const whole = lineEnd < end;
    const stop = whole ? lineEnd + 1 : end;
    const isTooLong = stop - pos > held.room;
    held.keep(bytes, pos, isTooLong ? pos + held.room : stop);
    const { bytes: line, length } = held;
    if (isTooLong || !whole) {
      const verb = verbAt(line, 0, length, this.#toClient);
      if (this.#isSkipped(verb)) {
        held.forget();
        this.#beginSkip(verb as Verb);
        return pos;
      }
      return isTooLong ? this.#tooLong(line, 0, length) : this.#checkIncomplete(line, length);
    }
    this.wasSplit = true;
    this.resumeAt = stop;
    const next = this.#operation(line, 0, length);
    this.wasSplit = false;
    if (next === REFUSED) return REFUSED;
    held.forget();
    return stop;
  }

  /** Text behind PING, PONG and +OK has no limit, so nothing of it is kept. */
  #isSkipped(verb: number): boolean {
    return (verb === VERB.PING || verb === VERB.PONG || verb === VERB.OK) && !this.#wholeLines;
  }

  #beginSkip(verb: Verb): void {
    this.counts[verb] = (this.counts[verb] ?? 0) + 1;
    this.verb = verb;
    this.#state = SKIP;
    this.#sink?.onOperation(this);
  }

  /** The line at `pos` is cut by the end of the piece: keeps it, unless it is wrong already. */
  #incomplete(bytes: Buffer, pos: number, end: number): number {
    const held = this.#held;
    if (end - pos > held.room) return this.#tooLong(bytes, pos, end);
    held.endIn(bytes, pos, end);
    held.keep(bytes, pos, end);
    return this.#checkIncomplete(held.bytes, held.length);
  }

  /** A few bytes, however long the line is. That it is too long shows when it ends, or has no room any more. */
  #checkIncomplete(line: Buffer, end: number): number {
    const verb = verbAt(line, 0, end, this.#toClient);
    if (verb === REFUSED) return this.#wrongVerb(line, 0, end);
    if (verb === INCOMPLETE) return INCOMPLETE;
    const at = verbLength(verb as Verb);
    if (at < end && !isBlank(line[at]) && NEEDS_BLANK[verb] === 1) return this.#noBlank(line, 0, end);
    return INCOMPLETE;
  }

  /** Reads one whole control line at `pos`; returns the offset behind it. */
  #operation(bytes: Buffer, pos: number, end: number): number {
    const verb = verbAt(bytes, pos, end, this.#toClient);
    if (verb === REFUSED) return this.#wrongVerb(bytes, pos, end);
    if (verb === INCOMPLETE) return this.#incomplete(bytes, pos, end);
    switch (verb) {
      case VERB.PUB:
      case VERB.MSG:
        return this.#message(verb, bytes, pos, end, pos + 3);
      case VERB.HPUB:
      case VERB.HMSG:
        return this.#message(verb, bytes, pos, end, pos + 4);
      case VERB.SUB:
        return this.#plain(verb, bytes, pos, end, pos + 3);
      case VERB.UNSUB:
        return this.#plain(verb, bytes, pos, end, pos + 5);
      default:
        return this.#text(verb as Verb, bytes, pos, end);
    }
  }

  /**
   * PUB and MSG as all libraries write them: capitals, one blank between arguments, CR LF. Whatever is otherwise, or may
   * be wrong, or is cut, is NOT_PLAIN, and `#operation` decides.
   */
  #plainMessage(bytes: Buffer, words: DataView, pos: number, end: number): number {
    const lastWord = end - 4;
    const base = bytes.byteOffset;
    let at = pos + 4;
    let tokens = 0;
    let firstEnd = 0;
    let previousStart = 0;
    let previousEnd = 0;
    let start = at;
    for (;;) {
      if (at > lastWord) return NOT_PLAIN;
      const word = words.getInt32(base + at, true);
      // The lowest bit here is that of the first byte that is a blank or below, or above ASCII; higher ones may err.
      const low = (word - 0x2121_2121) & 0x8080_8080;
      if (low === 0) {
        at += 4;
        continue;
      }
      at += (31 - Math.clz32(low & -low)) >> 3;
      if (at === start) return NOT_PLAIN;
      tokens++;
      const byte = bytes[at];
      if (byte !== BLANK) {
        if (byte !== CR || at + 1 === end || bytes[at + 1] !== LF) return NOT_PLAIN;
        break;
      }
      if (tokens === 1) firstEnd = at;
      previousStart = start;
      previousEnd = at;
      at++;
      start = at;
    }
    const least = this.#toClient ? 3 : 2;
    if (tokens !== least && tokens !== least + 1) return NOT_PLAIN;
    const next = at + 2;
    const size = sizeAt(bytes, start, at);
    if (size < 0 || next - pos > this.#maxLineBytes) return NOT_PLAIN;
    const verb = this.#toClient ? VERB.MSG : VERB.PUB;
    this.tokens = tokens;
    this.firstStart = pos + 4;
    this.firstEnd = firstEnd;
    this.previousStart = previousStart;
    this.previousEnd = previousEnd;
    this.lastStart = start;
    this.lastEnd = at;
    this.argumentStart = pos + 4;
    this.argumentEnd = at;
    return this.#beginMessage(verb, bytes, pos, next, size, 0);
  }

  /**
   * The same where nothing must be reported: all messages from `pos` on, the last of which may be cut after its line.
   * Returns the offset behind what it has read, `pos` where there is none.
   */
  #readRun({ run, found }: PlainRun, bytes: Buffer, pos: number, end: number): number {
    const base = bytes.byteOffset;
    const toClient = this.#toClient;
    const behind = run(
      base + pos,
      base + end,
      this.#plainVerb,
      toClient ? 3 : 2,
      this.#maxLineBytes,
      found.byteOffset,
    );
    const messages = found[0] as number;
    if (messages === 0) return pos;
    const verb = toClient ? VERB.MSG : VERB.PUB;
    this.counts[verb] = (this.counts[verb] ?? 0) + messages;
    this.payloadBytes += found[1] as number;
    const cutSize = found[2] as number;
    const boundary = (found[3] as number) - base;
    if (boundary > pos) this.lastBoundary = boundary;
    if (cutSize >= 0) {
      this.headerSize = 0;
      this.#left = cutSize;
      this.#state = PAYLOAD;
    }
    return behind - base;
  }

  /** PUB, HPUB, MSG, HMSG: `at` is after the verb. */
  #message(verb: Verb, bytes: Buffer, pos: number, end: number, at: number): number {
    const next = this.#scan(bytes, pos, end, at);
    if (next < 0) return next === INCOMPLETE ? this.#incomplete(bytes, pos, end) : next;
    const withHeaders = verb === VERB.HPUB || verb === VERB.HMSG;
    const least = (this.#toClient ? 3 : 2) + (withHeaders ? 1 : 0);
    if (this.tokens !== least && this.tokens !== least + 1) {
      return this.#refusal('arguments', EXPECTED_ARGUMENTS[verb] ?? '', bytes, pos, end);
    }
    const size = sizeAt(bytes, this.lastStart, this.lastEnd);
    const headerSize = withHeaders ? sizeAt(bytes, this.previousStart, this.previousEnd) : 0;
    if (size < 0 || headerSize < 0 || headerSize > size) {
      return this.#refusal(
        'size',
        'sizes of 1 to 9 digits, headers no larger than the whole',
        bytes,
        pos,
        end,
      );
    }
    return this.#beginMessage(verb, bytes, pos, next, size, headerSize);
  }

  #beginMessage(
    verb: Verb,
    bytes: Buffer,
    pos: number,
    next: number,
    size: number,
    headerSize: number,
  ): number {
    this.counts[verb] = (this.counts[verb] ?? 0) + 1;
    this.payloadBytes += size;
    this.size = size;
    this.headerSize = headerSize;
    this.#headerSeen = 0;
    const told = this.#everyMessage || (this.wasSplit && this.#wholeLines);
    if (told && !this.#passes(verb, bytes, pos, next)) return REFUSED;
    this.#left = size;
    this.#state = PAYLOAD;
    return next;
  }

  /** SUB, UNSUB. */
  #plain(verb: Verb, bytes: Buffer, pos: number, end: number, at: number): number {
    const next = this.#scan(bytes, pos, end, at);
    if (next < 0) return next === INCOMPLETE ? this.#incomplete(bytes, pos, end) : next;
    const least = verb === VERB.SUB ? 2 : 1;
    if (this.tokens !== least && this.tokens !== least + 1) {
      return this.#refusal('arguments', EXPECTED_ARGUMENTS[verb] ?? '', bytes, pos, end);
    }
    this.counts[verb] = (this.counts[verb] ?? 0) + 1;
    return this.#passes(verb, bytes, pos, next) ? next : REFUSED;
  }

  /** Verbs with free text up to LF. */
  #text(verb: Verb, bytes: Buffer, pos: number, end: number): number {
    let at = pos + verbLength(verb);
    const behindVerb = at;
    while (at < end && isBlank(bytes[at])) at++;
    let lineEnd = at;
    while (lineEnd < end && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd === end) {
      if (!this.#isSkipped(verb)) return this.#incomplete(bytes, pos, end);
      this.#beginSkip(verb);
      return behindVerb;
    }
    this.argumentStart = at;
    this.argumentEnd = lineEnd > at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if ((verb === VERB.CONNECT || verb === VERB.INFO) && this.argumentEnd === at) {
      return this.#refusal('arguments', 'a JSON object', bytes, pos, end);
    }
    if (at === behindVerb && NEEDS_BLANK[verb] === 1) return this.#noBlank(bytes, pos, end);
    if (!this.#isSkipped(verb) && this.#isTooLong(pos, at, this.argumentEnd, lineEnd + 1)) {
      return this.#tooLong(bytes, pos, end);
    }
    this.counts[verb] = (this.counts[verb] ?? 0) + 1;
    return this.#passes(verb, bytes, pos, lineEnd + 1) ? lineEnd + 1 : REFUSED;
  }

  #passes(verb: Verb, bytes: Buffer, lineStart: number, lineEnd: number): boolean {
    if (this.#sink === undefined) return true;
    this.verb = verb;
    this.bytes = bytes;
    this.lineStart = lineStart;
    this.lineEnd = lineEnd;
    this.#sink.onOperation(this);
    this.bytes = NOTHING;
    return this.error === undefined;
  }

  /**
   * Tokens between blanks up to the line end; returns the offset behind LF. Towards the client an LF in the subject, the
   * first token, is a byte of it, see `HeldLine.endIn`.
   */
  #scan(bytes: Buffer, lineStart: number, end: number, behindVerb: number): number {
    let at = behindVerb;
    if (at >= end) return INCOMPLETE;
    if (!isBlank(bytes[at])) return this.#noBlank(bytes, lineStart, end);
    let tokens = 0;
    let firstStart = 0;
    let firstEnd = 0;
    let previousStart = 0;
    let previousEnd = 0;
    let lastStart = 0;
    let lastEnd = 0;
    let lineEnd: number;
    for (;;) {
      let byte = bytes[at] as number;
      while (byte === BLANK || byte === TAB) {
        at++;
        if (at >= end) return INCOMPLETE;
        byte = bytes[at] as number;
      }
      if (byte === LF && (tokens > 0 || !this.#toClient)) {
        lineEnd = at;
        at++;
        break;
      }
      if (byte === CR) {
        if (at + 1 >= end) return INCOMPLETE;
        if (bytes[at + 1] === LF) {
          lineEnd = at;
          at += 2;
          break;
        }
        if (!this.#toClient) return this.#loneCr(bytes, lineStart, end);
      }
      previousStart = lastStart;
      previousEnd = lastEnd;
      lastStart = at;
      tokens++;
      for (;;) {
        at++;
        if (at >= end) return INCOMPLETE;
        byte = bytes[at] as number;
        if (byte > BLANK) continue;
        if (byte === BLANK || byte === TAB) break;
        if (byte === LF) {
          if (tokens === 1 && this.#toClient) continue;
          break;
        }
        if (byte !== CR) continue;
        if (at + 1 >= end) return INCOMPLETE;
        if (bytes[at + 1] === LF) break;
        // A publisher's CR may be part of a subject that the server delivers.
        if (!this.#toClient) return this.#loneCr(bytes, lineStart, end);
      }
      lastEnd = at;
      if (tokens === 1) {
        firstStart = lastStart;
        firstEnd = at;
      }
    }
    if (tokens === 0)
      return this.#refusal('ambiguous', 'an argument behind the blanks', bytes, lineStart, end);
    if (at - lineStart > this.#maxLineBytes && this.#isTooLong(lineStart, firstStart, lineEnd, at)) {
      return this.#tooLong(bytes, lineStart, end);
    }
    this.tokens = tokens;
    this.firstStart = firstStart;
    this.firstEnd = firstEnd;
    this.previousStart = previousStart;
    this.previousEnd = previousEnd;
    this.lastStart = lastStart;
    this.lastEnd = lastEnd;
    this.argumentStart = firstStart;
    this.argumentEnd = lineEnd;
    return at;
  }

  /**
   * What lies in between is for the readers of the message: nats.net lets line feeds into a value, nats.py empty lines
   * too. Only a few bytes are looked at, so a long block costs no more than a short one.
   */
  #headersGoOn(bytes: Buffer, start: number, end: number): boolean {
    const seen = this.#headerSeen;
    const stop = Math.min(this.headerSize, seen + end - start);
    const endsFrom = this.headerSize - HEADER_END.length;
    if (endsFrom < HEADER_START.length) return false;
    for (let at = seen; at < stop; at++) {
      if (at > HEADER_START.length && at < endsFrom) at = Math.min(endsFrom, stop);
      if (at === stop) break;
      const byte = bytes[start + at - seen];
      if (at < HEADER_START.length && byte !== HEADER_START[at]) return false;
      if (at === HEADER_START.length && byte !== BLANK && byte !== CR) return false;
      if (at >= endsFrom && byte !== HEADER_END[at - endsFrom]) return false;
    }
    this.#headerSeen = stop;
    return true;
  }

  #loneCr(bytes: Buffer, pos: number, end: number): number {
    return this.#refusal('ambiguous', 'no CR but before LF', bytes, pos, end);
  }

  #noBlank(bytes: Buffer, pos: number, end: number): number {
    return this.#refusal('verb', 'a blank after the verb', bytes, pos, end);
  }

  #isTooLong(lineStart: number, argumentStart: number, argumentEnd: number, lineEnd: number): boolean {
    const most = this.#maxLineBytes;
    return argumentEnd - argumentStart > most || lineEnd - lineStart > most + LINE_SLACK_BYTES;
  }

  #tooLong(bytes: Buffer, pos: number, end: number): number {
    const expected = `a control line of at most ${this.#maxLineBytes} bytes`;
    return this.#refusal('line_too_long', expected, bytes, pos, end);
  }

  #wrongVerb(bytes: Buffer, pos: number, end: number): number {
    const expected = this.#toClient ? 'an operation of a server' : 'an operation of a client';
    return this.#refusal('verb', expected, bytes, pos, end);
  }

  #refusal(problem: ParseProblem, expected: string, bytes: Buffer, pos: number, end: number): number {
    this.error = { problem, offset: 0, expected, found: shown(bytes, pos, end) };
    return REFUSED;
  }
}

/** Nearly all bytes of a process lie in one memory, so that one view serves all parsers. */
let words: DataView = new DataView(new ArrayBuffer(0));
let wordsMemory: ArrayBufferLike = words.buffer;

function wordsOf(memory: ArrayBufferLike): DataView {
  if (memory !== wordsMemory) {
    wordsMemory = memory;
    words = new DataView(memory);
  }
  return words;
}

const NOTHING = Buffer.alloc(0);
const LINE_END = 'CR LF after the payload';

const EXPECTED_ARGUMENTS: Readonly<Record<number, string>> = {
  [VERB.PUB]: 'PUB subject [reply] size',
  [VERB.HPUB]: 'HPUB subject [reply] header-size size',
  [VERB.SUB]: 'SUB subject [queue] sid',
  [VERB.UNSUB]: 'UNSUB sid [max]',
  [VERB.MSG]: 'MSG subject sid [reply] size',
  [VERB.HMSG]: 'HMSG subject sid [reply] header-size size',
};

const isBlank = (byte: number | undefined): boolean => byte === BLANK || byte === TAB;

/** The number in these bytes, or -1 when it is not one to nine digits. */
function sizeAt(bytes: Buffer, start: number, end: number): number {
  if (end - start > MAX_SIZE_DIGITS) return -1;
  let size = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    size = size * 10 + digit;
  }
  return size;
}

/**
 * The verb at `pos`, in any case; INCOMPLETE while it may still become one, REFUSED when it cannot. The two of every
 * message are compared first.
 */
function verbAt(bytes: Buffer, pos: number, end: number, toClient: boolean): number {
  if (end - pos >= 3) {
    const second = (bytes[pos + 1] as number) | 0x20;
    const third = (bytes[pos + 2] as number) | 0x20;
    const first = (bytes[pos] as number) | 0x20;
    if (toClient) {
      if (first === 0x6d && second === 0x73 && third === 0x67) return VERB.MSG;
    } else if (first === 0x70 && second === 0x75 && third === 0x62) return VERB.PUB;
  }
  return otherVerbAt(bytes, pos, end, toClient ? CLIENT_WORDS : UPSTREAM_WORDS);
}

type Word = { readonly verb: Verb; readonly text: Buffer };
const word = (verb: Verb, text: string): Word => ({ verb, text: Buffer.from(text) });
const PING = word(VERB.PING, 'ping');
const PONG = word(VERB.PONG, 'pong');
const OK = word(VERB.OK, '+ok');
const INFO = word(VERB.INFO, 'info');
const UPSTREAM_WORDS: readonly Word[] = [
  word(VERB.HPUB, 'hpub'),
  word(VERB.SUB, 'sub'),
  word(VERB.UNSUB, 'unsub'),
  PING,
  PONG,
  word(VERB.CONNECT, 'connect'),
  word(VERB.PUB, 'pub'),
  OK,
  INFO,
];
const CLIENT_WORDS: readonly Word[] = [
  word(VERB.HMSG, 'hmsg'),
  PING,
  PONG,
  OK,
  INFO,
  word(VERB.ERR, '-err'),
  word(VERB.MSG, 'msg'),
];

function otherVerbAt(bytes: Buffer, pos: number, end: number, words: readonly Word[]): number {
  const length = end - pos;
  let viable = false;
  for (const { verb, text } of words) {
    let same = 0;
    while (same < text.length && same < length && folded(bytes[pos + same] as number) === text[same]) same++;
    if (same === text.length) return verb;
    if (same === length) viable = true;
  }
  return viable ? INCOMPLETE : REFUSED;
}

/** ASCII letters in lower case; all else as it is. */
const folded = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

/** By verb number: what follows the verb directly is a blank, or wrong. */
const NEEDS_BLANK: readonly number[] = [0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1];
const verbLength = (verb: Verb): number => VERB_LENGTHS[verb] ?? 0;
const VERB_LENGTHS: readonly number[] = [7, 3, 4, 3, 5, 4, 4, 3, 4, 4, 3, 4];
