import type { Verdict } from '../inspect/inspection.ts';
import type { Tap } from '../inspect/tap.ts';
import type { Operation } from '../nats/operation.ts';
import { rowOf, VERB } from '../nats/operations.ts';
import { eventOf, withoutSecrets } from './event.ts';
import type { CapturedVerdict, CaptureEnd, CaptureHeader, OperationEvent, Way } from './format.ts';

const VERDICT_WORDS = { replace: 'replaced', drop: 'dropped', end: 'ended' } as const satisfies Record<
  Verdict['kind'],
  CapturedVerdict
>;
/** Overwritten lines are cut off when they are this many, so that each costs next to nothing. */
const CUT_LINES = 1024;

/**
 * What one session says, as lines of a capture: a ring, which keeps the newest lines. It never waits, and knows no payload
 * and no credential.
 */
export class Recording implements Tap {
  readonly #mostBytes: number;
  readonly #startedMs = performance.now();
  #lines: string[] = [];
  /** The oldest that is kept. */
  #first = 0;
  #end: CaptureEnd | undefined;
  bytes = 0;
  operations = 0;
  /** Operations that newer ones have overwritten. */
  lost = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  fromClient(operation: Operation, verdict: Verdict | undefined): void {
    this.#saw('c>', operation, verdict);
    if (verdict?.kind === 'replace') this.#wrote('>s', verdict.line);
  }

  fromServer(operation: Operation, verdict: Verdict | undefined): void {
    this.#saw('s>', operation, verdict);
    if (verdict?.kind === 'replace') this.#wrote('>c', verdict.line);
  }

  inserted(lines: Buffer): void {
    this.#wrote('>c', lines);
  }

  /** Nothing is recorded after this. */
  finish(reason: string): void {
    const { operations, lost } = this;
    this.#end ??= { t: this.#micros(), end: { reason, operations, lost } };
  }

  /** The capture so far, or all of it. */
  text(header: CaptureHeader): string {
    const overwritten = { t: 0, d: 'g', note: `${this.lost} operations before this were overwritten` };
    const records = [JSON.stringify(header), ...(this.lost === 0 ? [] : [JSON.stringify(overwritten)])];
    const end = this.#end === undefined ? [] : [JSON.stringify(this.#end)];
    return `${[...records, ...this.#lines.slice(this.#first), ...end].join('\n')}\n`;
  }

  #saw(way: Way, operation: Operation, verdict: Verdict | undefined): void {
    const event = eventOf(operation);
    if (verdict === undefined) return this.#add({ t: this.#micros(), d: way, ...event });
    const note = verdict.kind === 'end' ? verdict.expected : undefined;
    const v = VERDICT_WORDS[verdict.kind];
    this.#add({ t: this.#micros(), d: way, ...event, v, ...(note === undefined ? {} : { note }) });
  }

  /** CONNECT, INFO or -ERR, each with its line end: natsgate writes nothing else. */
  #wrote(way: Way, lines: Buffer): void {
    for (const line of lines.toString().split('\r\n')) {
      const [op = ''] = line.split(' ', 1);
      const text = line.slice(op.length + 1).trim();
      if (op === '') continue;
      const isConnect = op === rowOf(VERB.CONNECT).name;
      this.#add({
        t: this.#micros(),
        d: way,
        op,
        text: isConnect ? withoutSecrets(Buffer.from(text)) : text,
      });
    }
  }

  #add(event: OperationEvent): void {
    if (this.#end !== undefined) return;
    const line = JSON.stringify(event);
    this.#lines.push(line);
    this.bytes += line.length + 1;
    this.operations++;
    while (this.bytes > this.#mostBytes && this.#first < this.#lines.length - 1) {
      this.bytes -= (this.#lines[this.#first] as string).length + 1;
      this.#lines[this.#first++] = '';
      this.lost++;
    }
    if (this.#first < CUT_LINES || this.#first < this.#lines.length / 2) return;
    this.#lines = this.#lines.slice(this.#first);
    this.#first = 0;
  }

  #micros(): number {
    return Math.round((performance.now() - this.#startedMs) * 1000);
  }
}
