import { Allowance } from '../capture/allowance.ts';
import { costOf, eventOf, pauseNote, type SeenOperation, stopNote, writtenEvent } from '../capture/event.ts';
import type { Way } from '../capture/format.ts';
import type { Verdict } from '../inspect/inspection.ts';
import type { Tap } from '../inspect/tap.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, rowOf, VERB, type Verb } from '../nats/operations.ts';
import type { ParseError } from '../nats/protocol.ts';
import { FULL_SUBJECTS, type ShownSubjects } from '../nats/shown-subjects.ts';
import type { FrameWatcher } from '../websocket/byte-socket.ts';
import { Causes } from './causes.ts';
import type { WatchedEvent, WatchedOperation } from './format.ts';
import { FrameTrack } from './frame-track.ts';
import { type Asked, Replies } from './replies.ts';

/**
 * In 100 ms: messages, which is more than a page shows, and all other operations, which a flood of messages must not
 * hide.
 */
const MOST_MESSAGES = 100;
const MOST_OTHERS = 100;
/** Of the text of INFO, CONNECT and -ERR. */
const MOST_TEXT = 4096;
const LF = 0x0a;
const PAYLOAD_END = 2;

/** An operation among the bytes of the WebSocket, which may come later. */
type Placed = {
  readonly event: WatchedOperation;
  readonly side: WatchedSide;
  readonly start: number;
  readonly end: number;
};

/** One direction. */
class WatchedSide {
  readonly frames = new FrameTrack();
  /** What this side has asked, and the other answers. */
  readonly replies: Replies;
  /** Bytes that were read before the read that is under way. */
  read = 0;
  /** Bytes that were carried over the WebSocket. */
  carried = 0;
  /** Where on the WebSocket byte 0 of what is read would be: what natsgate writes moves it. */
  shift = 0;
  /** It was sent when its end had not come. */
  open: { readonly id: number; readonly end: number } | undefined;
  pausedAt: number | undefined;

  constructor(unansweredPings: number) {
    this.replies = new Replies(unansweredPings);
  }
}

/** Where a session is when its watch begins. */
export type WatchStart = {
  /** Of the server, that were read before and are not written yet. */
  readonly unsentBytes: number;
  /** By the side that has sent them. */
  readonly unansweredPings: Readonly<Record<Direction, number>>;
};

/**
 * What one session says, as events for who watches it now: as in a capture, with what belongs together. It never waits. What
 * is above its allowance is only counted.
 */
export class Timeline implements Tap, FrameWatcher {
  readonly #onFirst: () => void;
  readonly #subjects: ShownSubjects;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #messages = new Allowance(1, MOST_MESSAGES);
  readonly #others = new Allowance(1, MOST_OTHERS);
  readonly #sides: Readonly<Record<Direction, WatchedSide>>;
  readonly #causes = new Causes();
  #reading: { readonly side: WatchedSide; readonly bytes: number } | undefined;
  #seenInRead = 0;
  #events: WatchedEvent[] = [];
  #placed: Placed[] = [];
  #missed = 0;
  #missedSince = 0;
  /** That have happened since the watch began. */
  operations = 0;

  /** `onFirst`: there is something to take, for the first time since the last `take`. */
  constructor(
    start: WatchStart,
    onFirst: () => void,
    subjects = FULL_SUBJECTS,
    nowMs = () => performance.now(),
  ) {
    this.#subjects = subjects;
    const { to_client, to_upstream } = start.unansweredPings;
    this.#sides = { to_upstream: new WatchedSide(to_upstream), to_client: new WatchedSide(to_client) };
    this.#sides.to_client.shift = start.unsentBytes;
    this.#onFirst = onFirst;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
  }

  /** All events since the last call. */
  take(): readonly WatchedEvent[] {
    this.#tellMissed();
    for (const placed of this.#placed) this.#number(placed);
    const events = this.#events;
    this.#events = [];
    this.#placed = [];
    return events;
  }

  note(text: string): void {
    this.#push({ t: this.#micros(), d: 'g', note: text });
  }

  // FrameWatcher

  onFrame(offset: number): void {
    const side = this.#sides.to_upstream;
    side.frames.begin(side.read + offset);
  }

  onSent(bytes: number, mostBytes: number): void {
    const side = this.#sides.to_client;
    for (let at = 0; at < bytes; at += mostBytes) side.frames.begin(side.carried + at);
    this.#carry(side, bytes);
  }

  // Tap

  beginRead(direction: Direction, bytes: number): boolean {
    this.#seenInRead = 0;
    this.#reading = { side: this.#sides[direction], bytes };
    return this.#messages.isLeft(this.#micros());
  }

  get wantsMore(): boolean {
    return this.#messages.hasLeft;
  }

  endRead(operations: number): void {
    const unseen = operations - this.#seenInRead;
    if (unseen > 0) this.#passOver(unseen, this.#micros());
    const reading = this.#reading;
    if (reading === undefined) return;
    const { bytes, side } = reading;
    side.read += bytes;
    if (side === this.#sides.to_upstream) this.#carry(side, bytes);
    this.#reading = undefined;
  }

  fromClient(operation: Operation, verdict: Verdict | undefined): void {
    this.#seenInRead++;
    const side = this.#sides.to_upstream;
    const event = this.#saw('c>', operation, verdict, side);
    if (verdict !== undefined && verdict.kind !== 'replace') {
      if (verdict.kind === 'end' || verdict.error !== undefined) this.#causes.refused(this.operations);
    } else if (event !== undefined && operation.verb !== VERB.PING && operation.verb !== VERB.PONG)
      this.#causes.said(event.id, operation.verb, operation.read(operation.subject, 'utf8'));
    if (event !== undefined) this.#place(event, side, operation, operation.line.length);
    // Of a message it is a line with headers.
    if (verdict?.kind === 'replace' && !rowOf(operation.verb).hasPayload) this.#wrote('>s', verdict.line);
  }

  fromServer(operation: Operation, verdict: Verdict | undefined): void {
    this.#seenInRead++;
    const side = this.#sides.to_client;
    const event = this.#saw('s>', operation, verdict, side);
    const lineBytes = verdict?.kind === 'replace' ? verdict.line.length : operation.line.length;
    if (event !== undefined) this.#place(event, side, operation, lineBytes);
    if (verdict?.kind !== 'replace') return;
    side.shift += lineBytes - operation.line.length;
    this.#wrote('>c', verdict.line);
  }

  inserted(lines: Buffer): void {
    this.#wrote('>c', lines);
    this.#sides.to_client.shift += lines.length;
  }

  stopped(direction: Direction, error: ParseError): void {
    this.#tellMissed();
    this.note(stopNote(direction, error));
  }

  paused(direction: Direction): void {
    this.#sides[direction].pausedAt = this.#micros();
    this.#pauseNote(pauseNote(direction));
  }

  resumed(direction: Direction): void {
    const side = this.#sides[direction];
    const since = side.pausedAt;
    side.pausedAt = undefined;
    // It began before the watch.
    if (since === undefined) return;
    this.#pauseNote(pauseNote(direction, Math.round((this.#micros() - since) / 1000)));
  }

  /** A side can be slow many times a second. */
  #pauseNote(text: string): void {
    if (this.#others.take(text.length, this.#micros())) this.note(text);
  }

  /** undefined: it is above the allowance. */
  #saw(
    d: Way,
    operation: Operation,
    verdict: Verdict | undefined,
    side: WatchedSide,
  ): WatchedOperation | undefined {
    const { verb } = operation;
    const allowance = rowOf(verb).hasPayload ? this.#messages : this.#others;
    const t = this.#admit(allowance, costOf(operation));
    const asked = t === undefined ? undefined : { id: this.operations, t };
    const pinged = this.#pingOf(verb, side, asked);
    if (asked === undefined) return undefined;
    const event = {
      ...asked,
      d,
      ...short(eventOf(operation, verdict, this.#subjects)),
      ...answering(pinged, asked),
      ...this.#joined(operation, side, asked),
    };
    this.#push(event);
    return event;
  }

  /** Counts PINGs and PONGs, shown or not; the PING that a PONG answers. */
  #pingOf(verb: Verb, side: WatchedSide, asked: Asked | undefined): Asked | undefined {
    if (verb === VERB.PING) side.replies.pinged(asked);
    if (verb !== VERB.PONG) return undefined;
    const { to_client, to_upstream } = this.#sides;
    const pinged = (side === to_upstream ? to_client : to_upstream).replies.ponged();
    if (pinged !== undefined && side === to_client) this.#causes.answered(pinged.id);
    return pinged;
  }

  /** The request that it answers, or what has caused it. */
  #joined(operation: Operation, side: WatchedSide, asked: Asked): Partial<WatchedOperation> {
    const { reply, subject, text, verb } = operation;
    const { to_client, to_upstream } = this.#sides;
    const other = side === to_upstream ? to_client : to_upstream;
    switch (verb) {
      case VERB.ERR:
        return this.#causes.of(operation.read(text, 'utf8')) ?? {};
      default:
        if (!rowOf(verb).hasPayload) return {};
        if (reply.length > 0) side.replies.requested(operation.read(reply, 'utf8'), asked);
        return answering(other.replies.requestOf(operation.read(subject, 'utf8')), asked);
    }
  }

  /** `lineBytes`: as the WebSocket carries it. */
  #place(event: WatchedOperation, side: WatchedSide, operation: Operation, lineBytes: number): void {
    const { bytes, inPiece, line, payloadBytes, verb } = operation;
    // Counted before its line has ended.
    if (bytes.length === 0) return;
    const start = side.read + side.shift + inPiece.end - line.length;
    const end = start + lineBytes + (rowOf(verb).hasPayload ? payloadBytes + PAYLOAD_END : 0);
    this.#placed.push({ event, side, start, end });
  }

  #number({ event, side, start, end }: Placed): void {
    event.f = side.frames.at(start);
    if (end > side.carried) {
      side.open = { id: event.id, end };
      return;
    }
    const last = side.frames.at(end - 1);
    if (last !== event.f) event.fEnd = last;
  }

  #carry(side: WatchedSide, bytes: number): void {
    side.carried += bytes;
    const { carried, frames, open } = side;
    if (open === undefined || carried < open.end) return;
    side.open = undefined;
    this.#push({ t: this.#micros(), of: open.id, fEnd: frames.at(open.end - 1) });
  }

  /** CONNECT, INFO or -ERR, each with its line end: natsgate writes nothing else. */
  #wrote(d: Way, lines: Buffer): void {
    for (let start = 0; start < lines.length; ) {
      const end = lines.indexOf(LF, start) + 1 || lines.length;
      const t = this.#admit(this.#others, end - start);
      if (t !== undefined) {
        const event = short(writtenEvent(lines.toString('utf8', start, end), this.#subjects));
        const cause = event.op === rowOf(VERB.ERR).name ? this.#causes.ofOwn() : undefined;
        this.#push({ t, d, id: this.operations, ...event, ...cause });
      }
      start = end;
    }
  }

  /** Counts one operation; the time when it may be shown, undefined: it must not be. */
  #admit(allowance: Allowance, bytes: number): number | undefined {
    const t = this.#micros();
    if (!allowance.take(bytes, t)) return this.#passOver(1, t);
    this.#tellMissed();
    this.operations++;
    return t;
  }

  #passOver(operations: number, t: number): undefined {
    if (this.#missed === 0) this.#missedSince = t;
    if (this.#missed === 0 && this.#events.length === 0) this.#onFirst();
    this.#missed += operations;
    this.operations += operations;
    this.#causes.passedOver(this.operations);
  }

  #tellMissed(): void {
    const missed = this.#missed;
    if (missed === 0) return;
    this.#missed = 0;
    const note = `${missed} operations are not shown: at most ${MOST_MESSAGES} messages in 100 ms are`;
    this.#events.push({ t: this.#missedSince, d: 'g', missed, note });
  }

  #push(event: WatchedEvent): void {
    if (this.#events.length === 0 && this.#missed === 0) this.#onFirst();
    this.#events.push(event);
  }

  #micros(): number {
    return Math.round((this.#nowMs() - this.#startedMs) * 1000);
  }
}

const answering = (asked: Asked | undefined, { t }: Asked): Partial<WatchedOperation> =>
  asked === undefined ? {} : { answers: asked.id, after: t - asked.t };

const short = (event: SeenOperation): SeenOperation =>
  event.text === undefined || event.text.length <= MOST_TEXT
    ? event
    : { ...event, text: `${event.text.slice(0, MOST_TEXT)}…` };
