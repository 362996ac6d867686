import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import { CLOSE_REASONS, type CloseReason, RETURN_ERROR } from '../close-reason.ts';
import { type RedactedConnect, readConnect, redacted, writeConnect } from '../nats/connect.ts';
import { fastScanIn } from '../nats/fast-scan.ts';
import { readInfo, type ServerInfo } from '../nats/info.ts';
import { type InfoRules, rewriteInfo } from '../nats/info-rewrite.ts';
import { keptText } from '../nats/kept-text.ts';
import type { Operation } from '../nats/operation.ts';
import { countsByName, type Direction, VERB } from '../nats/operations.ts';
import { NatsParser, type Refusal } from '../nats/parser.ts';
import { MAX_SERVER_LINE_BYTES, type ParseError, serverText } from '../nats/protocol.ts';
import { isNonce } from '../nats/proxy-signature.ts';
import { connectionTypeHint } from '../nats/user-jwt.ts';
import { lineViolation } from './line-policy.ts';
import { closeCodeOf, type ServerErrorKind, serverErrorKind } from './server-errors.ts';
import { Subscriptions } from './subscriptions.ts';

/**
 * One session's two parsers and what they are for.
 *
 * ```
 *  observe   bytes pass as they came; the parser looks on           a line of ours goes in between two operations
 *  enforce   bytes pass when they are understood; at most           INFO and CONNECT may leave with other words
 *            one control line waits
 * ```
 *
 * An observer that cannot read a direction gives that direction up; the bytes go on. An enforcer refuses, see `refusal`.
 */

export type InspectionLevel = 'observe' | 'enforce';

export type InspectionRules = {
  readonly level: InspectionLevel;
  /** Bytes of an argument of a client's line. */
  readonly maxLineBytes: number;
  /** Applied to every INFO in `enforce`. */
  readonly info: InfoRules;
  /** Gives the `proxy_sig` of CONNECT for the server's nonce; `enforce` only. */
  readonly sign?: (nonce: string) => string;
};

/** Told at once, while the totals of ended sessions come from `counts`. */
export type InspectionObserver = {
  onParserStop(direction: Direction, error: ParseError): void;
  onServerError(kind: ServerErrorKind): void;
  onLameDuck(): void;
  /** NATS PING of the client to the server's PONG. */
  onRoundTrip(seconds: number): void;
};

type KnownServer = { readonly name?: string; readonly version?: string; readonly clientId?: number };

export type InspectionFacts = {
  readonly level: InspectionLevel;
  readonly server: KnownServer;
  readonly connect: RedactedConnect | undefined;
  readonly operations: Readonly<Record<Direction, Readonly<Record<string, number>>>>;
  readonly payloadBytes: Readonly<Record<Direction, number>>;
  readonly subscriptions: ReturnType<Subscriptions['list']>;
  readonly lastError: { readonly kind: ServerErrorKind; readonly text: string } | undefined;
  /** What to change on the server, where its refusal of the login can be explained. */
  readonly hint: string | undefined;
  readonly stopped: Readonly<Record<Direction, ParseError | undefined>>;
};

type Write = (piece: Buffer) => void;
/** A part of the piece that leaves otherwise than it came. */
type Change = { readonly start: number; readonly end: number; readonly bytes: Buffer };

/** One write to a client; what a slot of the pool has room for when headers of frames come in front. */
const MAX_WRITE_BYTES = READ_BYTES;
/** What our words in INFO may add to one read. A server sends a few lines at once; thousands would be many times that. */
const MAX_GROWTH_BYTES = 64 * 1024;
const QUOTE = 0x27;
const MAX_ERROR_CHARACTERS = 256;
/** Of the server's name and version. */
const MAX_NAME_CHARACTERS = 128;

export class Inspector {
  readonly up: NatsParser;
  readonly down: NatsParser;
  readonly subscriptions = new Subscriptions();
  readonly #rules: InspectionRules;
  readonly #pool: BufferPool;
  readonly #observer: InspectionObserver;
  readonly #enforce: boolean;
  #server: KnownServer = {};
  #ldm = false;
  #infoLine: Buffer | undefined;
  /** The server's newest; an INFO that comes later has none. */
  #nonce: string | undefined;
  /** What is kept of CONNECT: no credential, and none of its unknown fields. */
  #connect: RedactedConnect | undefined;
  /** For the case that the server refuses the login. */
  #loginHint: string | undefined;
  #connected = false;
  #lastError: { kind: ServerErrorKind; text: string } | undefined;
  #hint: string | undefined;
  #pingSentAtMs = 0;
  #changes: Change[] = [];
  /** By which the INFO lines of this read have become longer. */
  #grown = 0;
  /** A line of ours that waits for the end of the server's operation. */
  #waiting: Buffer | undefined;
  /** Nothing may follow the line that waits. */
  #isLast = false;
  /** The line that waits must not come before the server's first PONG. */
  #afterPong = false;
  #refusal: string | undefined;
  /** The client is given bytes that are not read yet. */
  #isAhead = false;

  constructor(rules: InspectionRules, pool: BufferPool, observer: InspectionObserver) {
    this.#rules = rules;
    this.#pool = pool;
    this.#observer = observer;
    this.#enforce = rules.level === 'enforce';
    this.up = new NatsParser('to_upstream', {
      maxLineBytes: rules.maxLineBytes,
      sink: { onOperation: (line) => this.#onClientLine(line) },
      reportMessages: this.#enforce,
      assembleLines: this.#enforce,
      checkHeaders: this.#enforce,
    });
    this.down = new NatsParser('to_client', {
      // A MSG line holds another client's line, and the sid of this one.
      maxLineBytes: Math.max(MAX_SERVER_LINE_BYTES, 2 * rules.maxLineBytes),
      sink: { onOperation: (line) => this.#onServerLine(line) },
      assembleLines: this.#enforce,
    });
    this.down.fastScan = fastScanIn(pool.memory, pool.scratch);
    if (!this.#enforce) this.up.fastScan = this.down.fastScan;
  }

  /**
   * In `enforce`: the session must end as `nats_violation`, and this is what the client gets: the server's words where
   * it is the client's fault, and what it returns after where it is not.
   */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** The close code that the server's last -ERR asks for. */
  get closeCode(): number | undefined {
    return this.#lastError === undefined ? undefined : closeCodeOf(this.#lastError.kind);
  }

  get lastError(): string | undefined {
    return this.#lastError?.text;
  }

  get hint(): string | undefined {
    return this.#hint;
  }

  /** A line of ours still waits. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** The line that came before the 101; it is the client's first message, whole and alone. */
  firstInfo(line: Buffer): Buffer {
    const pieces: Buffer[] = [];
    this.toClient(line, (piece) => pieces.push(Buffer.from(piece)));
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  /**
   * Client bytes on their way upstream; returns what may go on now, undefined when that is nothing. In `enforce` it
   * may be another chunk than the one given, which has gone back to the pool then.
   */
  toUpstream(chunk: Buffer): Buffer | undefined {
    const understood = this.#read('to_upstream', this.up, chunk);
    if (!this.#enforce) return chunk;
    const changes = this.#changes;
    if (changes.length === 0) {
      if (understood > 0) return understood === chunk.length ? chunk : chunk.subarray(0, understood);
      this.#pool.release(chunk);
      return undefined;
    }
    this.#changes = [];
    const pieces: Buffer[] = [];
    passChanged(chunk, understood, changes, (piece) => pieces.push(piece));
    const joined = this.#joined(pieces);
    this.#pool.release(chunk);
    return joined;
  }

  /** Server bytes on their way to the client: `write` is called with what may go on now, in order. */
  toClient(chunk: Buffer, write: Write): void {
    if (!this.#enforce && this.#waiting === undefined) {
      // Written first: what the write has brought into the cache is read at half the cost.
      this.#isAhead = true;
      write(chunk);
      this.#isAhead = false;
      this.#read('to_client', this.down, chunk);
      return;
    }
    const understood = this.#read('to_client', this.down, chunk);
    let passed = this.#enforce ? understood : chunk.length;
    const boundary = this.down.lastBoundary;
    if (this.#waiting !== undefined && boundary >= 0 && (!this.#afterPong || this.isGreeted)) {
      this.#changes.push({ start: boundary, end: boundary, bytes: this.#waiting });
      this.#waiting = undefined;
      if (this.#isLast) passed = boundary;
    }
    // No end of an operation will be found any more.
    if (this.down.error !== undefined) this.#waiting = undefined;
    if (this.#changes.length === 0) {
      if (passed > 0) write(passed === chunk.length ? chunk : chunk.subarray(0, passed));
      return;
    }
    const changes = this.#changes;
    this.#changes = [];
    this.#grown = 0;
    const pieces: Buffer[] = [];
    passChanged(chunk, passed, changes, (piece) => pieces.push(piece));
    this.#writeJoined(pieces, write);
  }

  /**
   * As few writes as a socket takes: thousands of lines that were changed are thousands of pieces, each of which a
   * client that does not read would make wait with memory of its own.
   */
  #writeJoined(pieces: readonly Buffer[], write: Write): void {
    const [first] = pieces;
    if (first !== undefined && pieces.length === 1 && first.length <= MAX_WRITE_BYTES) return write(first);
    const pool = this.#pool;
    let slot = pool.take();
    let end = slot;
    const flush = (): void => {
      // Lent before the write, which takes a slot itself.
      const joined = pool.lend(slot, end);
      write(joined);
      pool.release(joined);
    };
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        if (end - slot === MAX_WRITE_BYTES) {
          flush();
          slot = pool.take();
          end = slot;
        }
        const copied = piece.copy(pool.bytes, end, at, at + MAX_WRITE_BYTES - (end - slot));
        at += copied;
        end += copied;
      }
    }
    if (end > slot) flush();
    else pool.untake(slot);
  }

  /** Puts a line of ours between two operations of the server: now, or before the next one. */
  put(line: Buffer, write: Write, isLast = false): void {
    if (!this.#isBetween) return this.putLater(line, isLast);
    this.#waiting = undefined;
    if (line.length > 0) this.#writeJoined([line], write);
  }

  /** Inserts a line of ours after the server's next operation; before the server's first PONG only if it is the last line. */
  putLater(line: Buffer, isLast = false): void {
    if (this.down.error !== undefined) return this.giveUp();
    this.#waiting = this.#waiting === undefined ? line : Buffer.concat([this.#waiting, line]);
    this.#isLast = isLast;
    this.#afterPong = !isLast && !this.isGreeted;
  }

  /** The client has the server's first PONG. Until then some clients take the next message for it (nats.py). */
  get isGreeted(): boolean {
    return (this.down.counts[VERB.PONG] ?? 0) > 0;
  }

  /** Drops the line that waits: its boundary is not awaited any more. */
  giveUp(): void {
    this.#waiting = undefined;
  }

  /** The -ERR line for an end with this reason; undefined where none is due. */
  lastWords(reason: CloseReason): Buffer | undefined {
    const { finalError } = CLOSE_REASONS[reason];
    const words = reason === 'nats_violation' ? (this.#refusal ?? finalError) : finalError;
    return words === undefined ? undefined : Buffer.from(`-ERR '${words}'\r\n`);
  }

  /** The newest INFO with `ldm`, without addresses: this gateway is about to go, others are not known. */
  lameDuckInfo(): Buffer | undefined {
    // As a server does, not to clients that take an INFO for the beginning of a connection only.
    const protocol = this.#connect?.protocol;
    if (this.#infoLine === undefined || (this.#connect !== undefined && protocol !== 1)) return undefined;
    const { info } = this.#rules;
    const rules: InfoRules = this.#enforce
      ? { ...info, ldm: true }
      : { connectUrls: 'keep', hide: [], ldm: true };
    return rewriteInfo(this.#infoLine, rules);
  }

  facts(): InspectionFacts {
    return {
      level: this.#rules.level,
      server: this.#server,
      connect: this.#connect,
      operations: {
        to_upstream: countsByName('to_upstream', this.up.counts),
        to_client: countsByName('to_client', this.down.counts),
      },
      payloadBytes: { to_upstream: this.up.payloadBytes, to_client: this.down.payloadBytes },
      subscriptions: this.subscriptions.list(),
      lastError: this.#lastError,
      hint: this.#hint,
      stopped: { to_upstream: this.up.error, to_client: this.down.error },
    };
  }

  /** The client is between two operations. What an enforcer holds back, the client has not seen. */
  get #isBetween(): boolean {
    const { down } = this;
    return (
      !this.#isAhead &&
      down.isBetweenOperations &&
      (this.#enforce || (down.heldBytes === 0 && down.error === undefined))
    );
  }

  #read(direction: Direction, parser: NatsParser, chunk: Buffer): number {
    const hadError = parser.error !== undefined;
    const understood = parser.parse(chunk, 0, chunk.length);
    if (parser.error !== undefined && !hadError) {
      this.#observer.onParserStop(direction, parser.error);
      if (this.#enforce)
        this.#refusal ??= direction === 'to_client' ? RETURN_ERROR : serverText(parser.error.problem);
    }
    return understood;
  }

  #onClientLine(line: Operation): Refusal | undefined {
    if (line.verb === VERB.CONNECT) return this.#onConnect(line);
    if (line.verb === VERB.PING && this.#pingSentAtMs === 0) this.#pingSentAtMs = performance.now();
    if (this.#enforce) {
      const violation = this.#connected ? lineViolation(line) : 'CONNECT as the first operation';
      if (violation !== undefined) return policy(violation);
      if (line.isSplit) this.#passSplit(line);
    }
    if (line.verb === VERB.SUB || line.verb === VERB.UNSUB) this.subscriptions.seen(line);
    return undefined;
  }

  #onConnect(line: Operation): Refusal | undefined {
    // Reading one costs up to a millisecond, and a client may say as many as it likes.
    if ((this.up.counts[VERB.CONNECT] ?? 0) > 1)
      return this.#enforce ? policy('one CONNECT only') : undefined;
    const reading = readConnect(line.bytes.subarray(line.text.start, line.text.end));
    if (reading.kind === 'connect') {
      this.#connect = redacted(reading);
      const jwt = reading.fields.get('jwt');
      this.#loginHint = typeof jwt === 'string' ? connectionTypeHint(jwt) : undefined;
    }
    if (!this.#enforce) return undefined;
    if (reading.kind === 'refused') return policy(`a plain CONNECT (${reading.sentence})`);
    this.#connected = true;
    // Not before: a message before CONNECT must be reported.
    this.up.fastScan = this.down.fastScan;
    const { sign, maxLineBytes } = this.#rules;
    // Without a nonce the dial has refused the server already.
    const signature = sign === undefined || this.#nonce === undefined ? null : sign(this.#nonce);
    const canonical = writeConnect(reading, { proxy_sig: signature }, maxLineBytes);
    if (canonical === 'too_long') return { problem: 'line_too_long', expected: 'a shorter CONNECT' };
    this.#replace(line, canonical);
    return undefined;
  }

  #onServerLine(line: Operation): Refusal | undefined {
    switch (line.verb) {
      case VERB.INFO:
        return this.#onInfo(line);
      case VERB.PONG:
        if (this.#pingSentAtMs !== 0) {
          this.#observer.onRoundTrip((performance.now() - this.#pingSentAtMs) / 1000);
          this.#pingSentAtMs = 0;
        }
        break;
      case VERB.ERR: {
        const text = errorText(line);
        this.#lastError = { kind: serverErrorKind(text), text };
        if (this.#lastError.kind === 'authorization') this.#hint = this.#loginHint;
        this.#observer.onServerError(this.#lastError.kind);
        break;
      }
      default:
    }
    if (this.#enforce && line.isSplit) this.#passSplit(line);
    return undefined;
  }

  #onInfo(line: Operation): Refusal | undefined {
    const bytes = copyOf(line);
    const info = readInfo(bytes);
    if (info !== undefined) {
      if (info.ldm && !this.#ldm) this.#observer.onLameDuck();
      this.#ldm = info.ldm;
      this.#server = knownOf(info);
      this.#infoLine = bytes;
      if (isNonce(info.nonce)) this.#nonce = info.nonce;
    }
    if (!this.#enforce) return undefined;
    const rewritten = rewriteInfo(bytes, this.#rules.info);
    if (rewritten === undefined) return policy('INFO with a JSON object');
    this.#grown += Math.max(0, rewritten.length - bytes.length);
    if (this.#grown > MAX_GROWTH_BYTES) return policy('fewer INFO lines at once');
    if (rewritten !== bytes) this.#replace(line, rewritten);
    else if (line.isSplit) this.#passSplit(line);
    return undefined;
  }

  /** The line was held back from the client or the server; it goes out before what follows. */
  #passSplit(line: Operation): void {
    this.#replace(line, copyOf(line));
  }

  #replace({ inPiece }: Operation, bytes: Buffer): void {
    this.#changes.push({ start: inPiece.start, end: inPiece.end, bytes });
  }

  /** One chunk for one write: of the pool where it fits. */
  #joined(pieces: readonly Buffer[]): Buffer | undefined {
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (length === 0) return undefined;
    if (length > this.#pool.slotBytes) return Buffer.concat(pieces);
    const slot = this.#pool.take();
    let end = slot;
    for (const piece of pieces) {
      this.#pool.bytes.set(piece, end);
      end += piece.length;
    }
    return this.#pool.lend(slot, end);
  }
}

/** What is shown of it; the rest of an INFO, 64 KiB perhaps, is not kept twice. */
const knownOf = ({ serverName, version, clientId }: ServerInfo): KnownServer => ({
  ...(serverName === undefined ? {} : { name: keptText(serverName, MAX_NAME_CHARACTERS) }),
  ...(version === undefined ? {} : { version: keptText(version, MAX_NAME_CHARACTERS) }),
  ...(clientId === undefined ? {} : { clientId }),
});

const policy = (expected: string): Refusal => ({ problem: 'policy', expected });

/** Without its quotes. */
function errorText({ bytes, text: { start, end } }: Operation): string {
  const isQuoted = end - start >= 2 && bytes[start] === QUOTE && bytes[end - 1] === QUOTE;
  const from = isQuoted ? start + 1 : start;
  const to = isQuoted ? end - 1 : end;
  return bytes.toString('latin1', from, Math.min(to, from + MAX_ERROR_CHARACTERS));
}

/** Memory of its own, since it is kept: a part of Node's shared slab would keep all of it alive. */
function copyOf({ bytes, line }: Operation): Buffer {
  const copy = Buffer.allocUnsafeSlow(line.length);
  bytes.copy(copy, 0, line.start, line.end);
  return copy;
}

/** The first `passed` bytes of `chunk`, with the changes, which are in order and may be empty. */
function passChanged(chunk: Buffer, passed: number, changes: readonly Change[], write: Write): void {
  let at = 0;
  for (const { start, end, bytes } of changes) {
    if (start > at) write(chunk.subarray(at, start));
    if (bytes.length > 0) write(bytes);
    at = end;
  }
  if (passed > at) write(chunk.subarray(at, passed));
}
