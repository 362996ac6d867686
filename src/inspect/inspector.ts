import type { BufferPool } from '../bytes/buffer-pool.ts';
import { CLOSE_REASONS, type CloseReason, RETURN_ERROR } from '../close-reason.ts';
import { readConnect } from '../nats/connect.ts';
import type { Refusal } from '../nats/control-line.ts';
import { type FastScan, fastScanIn } from '../nats/fast-scan.ts';
import { readInfo } from '../nats/info.ts';
import { type InfoRules, rewriteInfo } from '../nats/info-rewrite.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, rowOf, VERB } from '../nats/operations.ts';
import { NatsParser } from '../nats/parser.ts';
import { MAX_SERVER_LINE_BYTES, serverText } from '../nats/protocol.ts';
import { FULL_SUBJECTS } from '../nats/shown-subjects.ts';
import { ClientStream, type ServerReader } from './client-stream.ts';
import { type EnforcementRules, Enforcer } from './enforcer.ts';
import { type Inspection, type Policy, type SessionSides, type Verdict, violation } from './inspection.ts';
import { type InspectionFacts, type InspectionLevel, inspectionFacts } from './inspection-facts.ts';
import { type InspectionObserver, ObservedFacts } from './observed-facts.ts';
import type { StreamEditor } from './stream-editor.ts';
import { MAX_HELD_HEADER_BYTES } from './subject-policy.ts';
import type { Subscriptions } from './subscriptions.ts';
import { joinedTap, type Tap } from './tap.ts';
import { type ClientReader, UpstreamStream } from './upstream-stream.ts';

/** `observe` uses `level`, `maxLineBytes` and `policies`. */
export type InspectionRules = EnforcementRules & {
  readonly level: InspectionLevel;
  /** What the client logs in with goes to the server. */
  readonly keepsLogin: boolean;
};

const NO_TAPS: readonly Tap[] = [];
const UNCHANGED: InfoRules = { connectUrls: 'keep', hide: [] };

/**
 * The two parsers of one session, and what is done with what they read.
 *
 * ```
 *  observe   bytes pass as they came; the parser looks on       lines of ours go in between two operations
 *  enforce   bytes pass when they are understood; at most one   and operations may leave with other bytes, or not at all:
 *            control line waits                                 the policies decide
 * ```
 *
 * An observer that cannot read a direction stops reading it, and the bytes go on. An enforcer ends the session.
 */
export class Inspector implements Inspection, ClientReader, ServerReader {
  readonly up: NatsParser;
  readonly down: NatsParser;
  readonly #rules: InspectionRules;
  readonly #observer: InspectionObserver;
  readonly #facts: ObservedFacts;
  readonly #enforcer: Enforcer | undefined;
  /** Those of an observer, whose verdicts change nothing. */
  readonly #watching: readonly Policy[];
  readonly #deliveries: Policy['deliveries'];
  readonly #toUpstream: UpstreamStream;
  readonly #toClient: ClientStream;
  #endReason: CloseReason | undefined;
  /** The text of the final error of `nats_violation`. */
  #violationText: string | undefined;
  readonly #scan: FastScan | undefined;
  #taps: readonly Tap[] = NO_TAPS;
  /** All of them as one; undefined: none. */
  #tap: Tap | undefined;
  /** The tap sees every operation of this read. */
  #tapSeesAll = false;

  constructor(rules: InspectionRules, pool: BufferPool, observer: InspectionObserver) {
    const { level, maxLineBytes, policies = [] } = rules;
    const enforce = level === 'enforce';
    this.#rules = rules;
    this.#observer = observer;
    this.#scan = fastScanIn(pool.memory, pool.scratch);
    this.#facts = new ObservedFacts(observer, rules);
    this.#enforcer = enforce ? new Enforcer(rules) : undefined;
    this.#watching = enforce ? [] : policies;
    this.#deliveries = policies.find(({ deliveries }) => deliveries !== undefined)?.deliveries;
    this.up = new NatsParser('to_upstream', {
      maxLineBytes,
      sink: {
        onOperation: (operation) => this.#onClientOperation(operation),
        onRun: enforce ? this.#stamping(policies) : undefined,
      },
      reportMessages: enforce,
      assembleLines: enforce,
      checkHeaders: enforce,
      maxHeldHeaderBytes: policies.some(({ needsHeaders }) => needsHeaders) ? MAX_HELD_HEADER_BYTES : 0,
    });
    this.down = new NatsParser('to_client', {
      // A MSG line repeats arguments of the publisher's line, and adds the sid of this client.
      maxLineBytes: Math.max(MAX_SERVER_LINE_BYTES, 2 * maxLineBytes),
      sink: { onOperation: (operation) => this.#onServerOperation(operation) },
      assembleLines: enforce,
    });
    this.up.known = policies.find(({ known }) => known !== undefined)?.known;
    this.#chooseReaders();
    this.#toUpstream = new UpstreamStream(pool, this, enforce);
    this.#toClient = new ClientStream(this.down, pool, this, enforce);
  }

  start(sides: SessionSides): void {
    this.#toUpstream.start(sides);
    this.#toClient.start(sides);
  }

  get endReason(): CloseReason | undefined {
    return this.#endReason;
  }

  firstInfo(line: Buffer): Buffer {
    const pieces: Buffer[] = [];
    this.#toClient.pass(line, (piece) => pieces.push(Buffer.from(piece)));
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  toUpstream(chunk: Buffer): void {
    const errors = this.#toUpstream.pass(chunk);
    if (errors === undefined) return;
    this.#tap?.inserted(errors);
    this.#toClient.insertErrors(errors, (this.up.counts[VERB.PING] ?? 0) > 0);
  }

  toClient(chunk: Buffer): void {
    this.#toClient.pass(chunk);
  }

  insert(line: Buffer): void {
    this.#tap?.inserted(line);
    this.#toClient.insert(line);
  }

  insertLast(line: Buffer): void {
    this.#tap?.inserted(line);
    this.#toClient.insertLast(line);
  }

  get isWaiting(): boolean {
    return this.#toClient.isWaiting;
  }

  cancel(): void {
    this.#toClient.cancel();
  }

  finalError(reason: CloseReason): Buffer | undefined {
    const { finalError } = CLOSE_REASONS[reason];
    const text = reason === 'nats_violation' ? (this.#violationText ?? finalError) : finalError;
    return text === undefined ? undefined : Buffer.from(`-ERR '${text}'\r\n`);
  }

  /** The most recent INFO with `ldm`, without addresses: this gateway will stop, and it knows no others. */
  lameDuckInfo(): Buffer | undefined {
    const { infoLine, connect } = this.#facts;
    // As in nats-server, only for clients that can read an INFO at any time (protocol 1).
    if (infoLine === undefined || (connect !== undefined && connect.protocol !== 1)) return undefined;
    const info = this.#enforcer === undefined ? UNCHANGED : this.#rules.info;
    return rewriteInfo(infoLine, { ...info, ldm: true });
  }

  get closeCode(): number | undefined {
    return this.#facts.closeCode;
  }

  get messagesToUpstream(): number {
    const { counts } = this.up;
    return (counts[VERB.PUB] ?? 0) + (counts[VERB.HPUB] ?? 0);
  }

  get clientName(): string | undefined {
    return this.#facts.connect?.name;
  }

  get natsUser(): string | undefined {
    return this.#facts.connect?.user;
  }

  get serverErrors(): number {
    return this.down.counts[VERB.ERR] ?? 0;
  }

  get lastError(): string | undefined {
    return this.#facts.lastError?.text;
  }

  get isLameDuck(): boolean {
    return this.#facts.isLameDuck;
  }

  get hint(): string | undefined {
    return this.#facts.hint;
  }

  get subscriptions(): Subscriptions {
    return this.#facts.subscriptions;
  }

  /**
   * From the next read on `tap`, too, sees what it asks for. What it sees is not read in runs, but each message by itself.
   */
  watch(tap: Tap): void {
    this.#useTaps([...this.#taps, tap]);
  }

  /** `tap` sees nothing more. */
  unwatch(tap: Tap): void {
    this.#useTaps(this.#taps.filter((other) => other !== tap));
  }

  #useTaps(taps: readonly Tap[]): void {
    this.#taps = taps;
    this.#tap = joinedTap(taps);
    this.#tapSeesAll = taps.length > 0;
    const payload = this.#tap?.payload;
    this.up.onPayload = payload && ((piece) => payload('to_upstream', piece));
    this.down.onPayload = payload && ((piece) => payload('to_client', piece));
    this.#chooseReaders();
  }

  paused(direction: Direction): void {
    this.#tap?.paused(direction);
  }

  resumed(direction: Direction): void {
    this.#tap?.resumed(direction);
  }

  /** A direction could not be read, so a tap would not see it. */
  get hasStopped(): boolean {
    return this.up.error !== undefined || this.down.error !== undefined;
  }

  /** Bytes of the server that were read, and wait for the rest of their line. */
  get unsentBytes(): number {
    return this.#enforcer === undefined ? 0 : this.down.heldBytes;
  }

  /** Messages of the server so far, with the bytes of headers and payloads. */
  get delivered(): { readonly messages: number; readonly bytes: number } {
    const { counts, payloadBytes: bytes } = this.down;
    return { messages: (counts[VERB.MSG] ?? 0) + (counts[VERB.HMSG] ?? 0), bytes };
  }

  /** By the side that has sent them. */
  get unansweredPings(): Readonly<Record<Direction, number>> {
    const unanswered = (asks: NatsParser, answers: NatsParser): number =>
      Math.max(0, (asks.counts[VERB.PING] ?? 0) - (answers.counts[VERB.PONG] ?? 0));
    return { to_upstream: unanswered(this.up, this.down), to_client: unanswered(this.down, this.up) };
  }

  facts(subjects = FULL_SUBJECTS): InspectionFacts {
    const info = this.#enforcer === undefined ? UNCHANGED : this.#rules.info;
    return inspectionFacts(this.#rules.level, info, this.#facts, this.up, this.down, subjects);
  }

  /** For the stream to the upstream. */
  readClient(chunk: Buffer): number {
    return this.#read('to_upstream', this.up, chunk);
  }

  /** For the stream to the client. */
  readServer(piece: Buffer): number {
    this.#enforcer?.beginRead();
    return this.#read('to_client', this.down, piece);
  }

  #read(direction: Direction, parser: NatsParser, piece: Buffer): number {
    const hadError = parser.error !== undefined;
    const understood =
      this.#tap === undefined
        ? parser.parse(piece, 0, piece.length)
        : this.#readFor(this.#tap, direction, parser, piece);
    if (parser.error !== undefined && !hadError) {
      this.#observer.onParserStop(direction, parser.error);
      this.#tap?.stopped(direction, parser.error);
      if (this.#enforcer !== undefined) {
        this.#endReason ??= 'nats_violation';
        // If the server is at fault, the client must connect again after the error.
        this.#violationText ??= direction === 'to_client' ? RETURN_ERROR : serverText(parser.error.problem);
      }
    }
    return understood;
  }

  #readFor(tap: Tap, direction: Direction, parser: NatsParser, piece: Buffer): number {
    this.#letSeeAll(tap.beginRead(direction, piece.length));
    const before = totalOf(parser);
    const understood = parser.parse(piece, 0, piece.length);
    tap.endRead(totalOf(parser) - before);
    return understood;
  }

  #letSeeAll(seesAll: boolean): void {
    if (seesAll === this.#tapSeesAll) return;
    this.#tapSeesAll = seesAll;
    this.#chooseReaders();
  }

  #stamping(policies: readonly Policy[]): ((start: number, end: number) => void) | undefined {
    const stamp = policies.find((policy) => policy.stamp !== undefined)?.stamp;
    return stamp && ((start, end) => this.#toUpstream.editor.stamp(stamp, start, end));
  }

  /** Before CONNECT an enforcer must see every message, afterwards only where a policy needs it. */
  #chooseReaders(): void {
    const watches = this.#watching.some(({ needsEveryMessage }) => needsEveryMessage);
    const counts = this.#deliveries?.isNeeded === true;
    const needsAll = this.#tapSeesAll || watches || this.#enforcer?.needsEveryMessage === true;
    this.up.reportMessages = needsAll || this.#enforcer !== undefined || this.up.known !== undefined;
    this.up.fastScan = needsAll ? undefined : this.#scan;
    this.down.reportMessages = this.#tapSeesAll || counts;
    this.down.fastScan = this.down.reportMessages ? undefined : this.#scan;
  }

  #onClientOperation(operation: Operation): Refusal | undefined {
    if (operation.verb === VERB.CONNECT) return this.#onConnect(operation);
    if (operation.verb === VERB.PING) this.#facts.sawPing();
    const verdict = this.#judge(operation);
    if (verdict === undefined || verdict.kind === 'replace') this.#facts.sawPassing(operation);
    this.#tellFromClient(operation, verdict);
    return this.#carryOut(this.#toUpstream.editor, operation, verdict);
  }

  #judge(operation: Operation): Verdict | undefined {
    const verdict = this.#enforcer?.judge(operation, this.#facts);
    for (const { judge } of this.#watching) judge?.(operation, this.#facts);
    // Only after a SUB or UNSUB can it have changed what must be seen.
    if (operation.verb === VERB.UNSUB && this.#deliveries !== undefined) this.#chooseReaders();
    return verdict;
  }

  #tellFromClient(operation: Operation, verdict: Verdict | undefined): void {
    const tap = this.#tap;
    if (tap === undefined) return;
    tap.fromClient(operation, verdict);
    if (!tap.wantsMore) this.#letSeeAll(false);
  }

  #onConnect(operation: Operation): Refusal | undefined {
    // To read one costs up to a millisecond, and a client can send any number.
    if ((this.up.counts[VERB.CONNECT] ?? 0) > 1) {
      const verdict = violation('one CONNECT only');
      this.#tellFromClient(operation, this.#enforcer && verdict);
      return this.#carryOut(this.#toUpstream.editor, operation, verdict);
    }
    const { bytes, text } = operation;
    const reading = readConnect(bytes.subarray(text.start, text.end));
    this.#facts.sawConnect(reading);
    const verdict = this.#enforcer?.judgeConnect(reading, this.#facts);
    this.#chooseReaders();
    this.#tellFromClient(operation, verdict);
    return this.#carryOut(this.#toUpstream.editor, operation, verdict);
  }

  #onServerOperation(operation: Operation): Refusal | undefined {
    let verdict: Verdict | undefined;
    if (operation.verb === VERB.INFO) {
      const line = operation.copyLine();
      const info = readInfo(line);
      if (info !== undefined) this.#facts.sawInfo(line, info);
      verdict = this.#enforcer?.judgeInfo(line);
    } else if (operation.verb === VERB.PONG) this.#facts.sawPong();
    else if (operation.verb === VERB.ERR) this.#facts.sawError(operation);
    else if (this.#deliveries?.isNeeded === true && rowOf(operation.verb).hasPayload)
      this.#sawDelivery(this.#deliveries, operation);
    const tap = this.#tap;
    if (tap !== undefined) {
      tap.fromServer(operation, verdict);
      if (!tap.wantsMore) this.#letSeeAll(false);
    }
    return this.#carryOut(this.#toClient.editor, operation, verdict);
  }

  #sawDelivery(deliveries: NonNullable<Policy['deliveries']>, operation: Operation): void {
    deliveries.seen(operation);
    if (!deliveries.isNeeded) this.#chooseReaders();
  }

  #carryOut(editor: StreamEditor, operation: Operation, verdict: Verdict | undefined): Refusal | undefined {
    if (this.#enforcer === undefined) return undefined;
    switch (verdict?.kind) {
      case 'replace':
        editor.replace(operation, verdict.line);
        return undefined;
      case 'drop':
        editor.drop(operation);
        if (verdict.error !== undefined) this.#toUpstream.addError(verdict.error);
        return undefined;
      case 'end':
        this.#endReason ??= verdict.reason;
        return verdict;
      default:
        // The line was held back, so it is written before what follows.
        if (operation.isSplit) editor.replace(operation, operation.copyLine());
        return undefined;
    }
  }
}

/** Operations that it has read. */
const totalOf = ({ counts }: NatsParser): number => counts.reduce((sum, count) => sum + count, 0);
