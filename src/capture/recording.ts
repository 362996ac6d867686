import type { Verdict } from '../inspect/inspection.ts';
import type { Tap } from '../inspect/tap.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, rowOf } from '../nats/operations.ts';
import type { ParseError } from '../nats/protocol.ts';
import { FULL_SUBJECTS, type ShownSubjects } from '../nats/shown-subjects.ts';
import { printableJson } from '../printable.ts';
import type { Allowance } from './allowance.ts';
import { costOf, eventOf, pauseNote, stopNote, writtenEvent } from './event.ts';
import type { CaptureEnd, CaptureHeader, GatewayEvent, Way } from './format.ts';
import { HeldMessage } from './held-message.ts';

/** Overwritten lines are cut off when they are this many, so that each costs next to nothing. */
const CUT_LINES = 1024;

/** Of a line in memory, beside its characters. */
const LINE_BYTES = 40;
/** Of each message; and the part of a ring that one may take, since base64 and JSON make it longer. */
const MAX_PAYLOAD_BYTES = 64 * 1024;
const PAYLOAD_SHARE = 1 / 4;
/** Of the allowance, for each message and each byte of it: base64 and JSON, and an object that holds it. */
const HELD_COST = 256;
const PAYLOAD_COST = 1 / 2;
/** A line that does not record an operation. */
const NOTE = /^\{"t":\d+,"d":"g"/;
const LF = 0x0a;

/**
 * What one session says, as lines of a capture: a ring, which keeps the newest lines. It never waits, and knows no
 * credential; payloads only where `payload` is set. A message with its payload is written when that is whole. What is above its allowance is counted, and costs next to nothing.
 */
export class Recording implements Tap {
  readonly #mostBytes: number;
  readonly #allowance: Allowance;
  readonly #subjects: ShownSubjects;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #mostPayloadBytes: number;
  readonly payload: Tap['payload'];
  readonly #held: Partial<Record<Direction, HeldMessage | undefined>> = {};
  #lines: string[] = [];
  /** The oldest that is kept. */
  #first = 0;
  #overwritten = 0;
  /** Operations above the allowance that no line tells of yet, and when the first of them was read. */
  #above = 0;
  #aboveSince = 0;
  #seenInRead = 0;
  #end: CaptureEnd | undefined;
  /** Directions that are paused, since when. */
  readonly #pauses = new Map<Direction, number>();
  bytes = 0;
  operations = 0;
  /** At least some of its subjects are. */
  isHashed = false;
  /** Operations that newer ones have overwritten, or that were above the allowance. */
  lost = 0;

  /** `subjects`: payloads may hold what they hide, so with payloads all are shown. */
  constructor(
    mostBytes: number,
    allowance: Allowance,
    hasPayloads = false,
    subjects = FULL_SUBJECTS,
    nowMs = () => performance.now(),
  ) {
    this.#subjects = hasPayloads ? FULL_SUBJECTS : subjects;
    this.#mostBytes = mostBytes;
    this.#allowance = allowance;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
    this.#mostPayloadBytes = Math.min(MAX_PAYLOAD_BYTES, mostBytes * PAYLOAD_SHARE);
    this.payload = hasPayloads ? (direction, piece) => this.#hold(direction, piece) : undefined;
  }

  beginRead(): boolean {
    this.#seenInRead = 0;
    return this.#allowance.isLeft(this.#micros());
  }

  get wantsMore(): boolean {
    return this.#allowance.hasLeft;
  }

  endRead(operations: number): void {
    const unseen = operations - this.#seenInRead;
    if (unseen > 0) this.#passOver(unseen, this.#micros());
  }

  fromClient(operation: Operation, verdict: Verdict | undefined): void {
    this.#saw('c>', operation, verdict);
    // Of a message it is a line with headers.
    if (verdict?.kind === 'replace' && !rowOf(operation.verb).hasPayload) this.#wrote('>s', verdict.line);
  }

  fromServer(operation: Operation, verdict: Verdict | undefined): void {
    this.#saw('s>', operation, verdict);
    if (verdict?.kind === 'replace') this.#wrote('>c', verdict.line);
  }

  inserted(lines: Buffer): void {
    this.#wrote('>c', lines);
  }

  stopped(direction: Direction, error: ParseError): void {
    if (this.#end !== undefined) return;
    this.#release(direction);
    this.#keep(noteLine(this.#micros(), stopNote(direction, error)));
  }

  paused(direction: Direction): void {
    this.#pauses.set(direction, this.#micros());
    this.#note(pauseNote(direction));
  }

  resumed(direction: Direction): void {
    const since = this.#pauses.get(direction);
    this.#pauses.delete(direction);
    // It began before the recording.
    if (since !== undefined) this.#note(pauseNote(direction, Math.round((this.#micros() - since) / 1000)));
  }

  #note(text: string): void {
    if (this.#end !== undefined) return;
    const line = noteLine(this.#micros(), text);
    // A side can be slow many times a second.
    if (!this.#allowance.take(line.length, this.#micros())) return;
    this.#keep(line);
  }

  /** Nothing is recorded after this. */
  finish(reason: string): void {
    this.#release('to_upstream');
    this.#release('to_client');
    const { operations, lost } = this;
    this.#end ??= { t: this.#micros(), end: { reason, operations, lost } };
  }

  /** The capture so far, or all of it. */
  text(header: CaptureHeader): string {
    const lines = [printableJson(JSON.stringify(header))];
    if (this.#overwritten > 0)
      lines.push(noteLine(0, `${this.#overwritten} operations before this were overwritten`));
    for (let at = this.#first; at < this.#lines.length; at++) lines.push(this.#lines[at] as string);
    if (this.#above > 0) lines.push(this.#aboveLine());
    if (this.#end !== undefined) lines.push(JSON.stringify(this.#end));
    return `${lines.join('\n')}\n`;
  }

  #saw(way: Way, operation: Operation, verdict: Verdict | undefined): void {
    this.#seenInRead++;
    const { payloadBytes } = operation;
    const keepsPayload = this.payload !== undefined && payloadBytes > 0 && verdict?.kind !== 'end';
    const kept = keepsPayload ? Math.min(payloadBytes, this.#mostPayloadBytes) : 0;
    const t = this.#admit(costOf(operation) + (keepsPayload ? HELD_COST + kept * PAYLOAD_COST : 0));
    if (t === undefined) return;
    this.isHashed ||= this.#subjects.isHashed;
    const event = { d: way, ...eventOf(operation, verdict, this.#subjects) };
    if (!keepsPayload) return this.#keep(JSON.stringify({ t, ...event }));
    this.#held[way === 'c>' ? 'to_upstream' : 'to_client'] = new HeldMessage(event, payloadBytes, kept);
  }

  /** Of a message that is not recorded nothing is held. */
  #hold(direction: Direction, piece: Buffer): void {
    if (this.#held[direction]?.add(piece) === true) this.#release(direction);
  }

  #release(direction: Direction): void {
    const message = this.#held[direction];
    if (message === undefined) return;
    this.#held[direction] = undefined;
    this.#keep(JSON.stringify(message.event(this.#micros())));
  }

  /** CONNECT, INFO or -ERR, each with its line end: natsgate writes nothing else. */
  #wrote(way: Way, lines: Buffer): void {
    for (let start = 0; start < lines.length; ) {
      const end = lines.indexOf(LF, start) + 1 || lines.length;
      const t = this.#admit(end - start);
      if (t !== undefined)
        this.#keep(
          JSON.stringify({ t, d: way, ...writtenEvent(lines.toString('utf8', start, end), this.#subjects) }),
        );
      start = end;
    }
  }

  /** Counts one operation; the time when it may be written, undefined: it must not be. */
  #admit(bytes: number): number | undefined {
    if (this.#end !== undefined) return undefined;
    const t = this.#micros();
    if (!this.#allowance.take(bytes, t)) return this.#passOver(1, t);
    this.operations++;
    return t;
  }

  #passOver(operations: number, t: number): undefined {
    if (this.#end !== undefined) return;
    if (this.#above === 0) this.#aboveSince = t;
    this.#above += operations;
    this.operations += operations;
    this.lost += operations;
  }

  #tellAbove(): void {
    if (this.#above === 0) return;
    const line = this.#aboveLine();
    this.#above = 0;
    this.#keep(line);
  }

  #aboveLine(): string {
    const { operations } = this.#allowance;
    const most = `a capture has at most ${operations} in 100 ms, fewer when their lines are long`;
    return noteLine(this.#aboveSince, `${this.#above} operations were not recorded: ${most}`);
  }

  /** A line of now: what was passed over before it comes first, so that time never goes back. */
  #keep(json: string): void {
    this.#tellAbove();
    const line = printableJson(json);
    this.#lines.push(line);
    this.bytes += bytesOf(line);
    while (this.bytes > this.#mostBytes && this.#first < this.#lines.length - 1) this.#overwrite();
    if (this.#first < CUT_LINES || this.#first < this.#lines.length / 2) return;
    this.#lines = this.#lines.slice(this.#first);
    this.#first = 0;
  }

  #overwrite(): void {
    const line = this.#lines[this.#first] as string;
    this.bytes -= bytesOf(line);
    this.#lines[this.#first++] = '';
    if (NOTE.test(line)) return;
    this.#overwritten++;
    this.lost++;
  }

  #micros(): number {
    return Math.round((this.#nowMs() - this.#startedMs) * 1000);
  }
}

/** In memory: V8 has one byte for each character, or two for each when one of them is beyond Latin-1. */
const bytesOf = (line: string): number =>
  LINE_BYTES + (Buffer.byteLength(line) === line.length ? line.length : 2 * line.length);

function noteLine(t: number, note: string): string {
  const event: GatewayEvent = { t, d: 'g', note };
  return JSON.stringify(event);
}
