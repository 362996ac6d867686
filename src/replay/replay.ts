import { eventOf } from '../capture/event.ts';
import type { CaptureRecord, OperationEvent } from '../capture/format.ts';
import { operationBytes } from '../capture/wire.ts';
import type { Operation } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';
import { administrativeIn } from './administrative.ts';
import { Comparison } from './comparison.ts';
import { FreshInboxes } from './inboxes.ts';
import { Patience } from './patience.ts';
import { Examples, isSent, type Survey } from './survey.ts';
import { Target, type TargetOptions } from './target.ts';

export type ReplayOptions = TargetOptions & {
  /** Times as fast as it was; Infinity: nothing waits for the time. */
  readonly speed: number;
  /** Makes inboxes that nobody else has: letters and digits. */
  readonly nonce: string;
  /** Else what may change what others have is not sent. */
  readonly allowAdmin: boolean;
};

export type ReplayReport = {
  readonly target: string;
  readonly sent: number;
  readonly seconds: number;
  readonly comparison: Comparison;
  /** The server closed the connection while there was more to send. */
  readonly wasClosed: boolean;
  /** Answers that did not come before what had followed them. */
  readonly missed: number;
  /** Not sent, for want of `allowAdmin`: what the server has answered made of it what the capture does not show. */
  readonly withheld: Examples;
};

/** The server did not let us in: its -ERR, or what happened. */
export class LoginRefused extends Error {}

/** An operation that followed an answer this soon is taken for its consequence. */
const CAUSAL_MICROS = 50_000;
const ANSWER_MS = 2000;
/** A replay ends when nothing has come for this long. */
const QUIET_MS = 250;
/** Longer ones Node cuts to nothing. */
const MOST_TIMER_MS = 60_000;
/** Requests and deliveries that wait to be joined; the oldest are forgotten. */
const MOST_REMEMBERED = 10_000;

/** Sends what the client of a capture sent to a server, and compares what that answers. @throws LoginRefused, DialError */
export async function replay(
  records: AsyncIterable<CaptureRecord>,
  survey: Survey,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const target = await Target.dial(options);
  try {
    return await new Replay(target, survey, options).run(records);
  } finally {
    target.close();
  }
}

class Replay {
  readonly #target: Target;
  readonly #survey: Survey;
  readonly #options: ReplayOptions;
  readonly #inboxes: FreshInboxes;
  readonly #comparison = new Comparison();
  /** How many answers of each kind there were: `PONG`, `-ERR`, or the sid of a subscription. */
  readonly #recorded = new Counts();
  readonly #replayed = new Counts();
  /** Answers since the last operation of the client, by kind: when. */
  #answers = new Map<string, number>();
  /** Which message had a reply subject, by that of the capture; and by message the one that it has now. */
  readonly #places = new Recent<string>();
  readonly #replies = new Recent<string>();
  readonly #askedMicros = new Recent<number>();
  readonly #askedMs = new Recent<number>();
  #lastError: string | undefined;
  #changed = Promise.withResolvers<void>();
  readonly #withheld = new Examples();
  readonly #patience = new Patience();
  #missed = 0;
  #sent = 0;

  constructor(target: Target, survey: Survey, options: ReplayOptions) {
    this.#target = target;
    this.#survey = survey;
    this.#options = options;
    this.#inboxes = new FreshInboxes(options.nonce);
    target.onOperation = (operation) => this.#onOperation(operation);
    target.onClose = () => this.#wake();
  }

  async run(records: AsyncIterable<CaptureRecord>): Promise<ReplayReport> {
    await this.#logIn();
    const startMs = performance.now();
    for await (const record of records) {
      if (!('op' in record)) continue;
      if (record.d === 's>') this.#onRecorded(record);
      if (!isSent(record)) continue;
      await this.#pause(startMs + (record.t - this.#survey.firstMicros) / 1000 / this.#options.speed);
      if (this.#target.isClosed) break;
      await this.#send(record);
    }
    const sent = this.#sent;
    const withheld = this.#withheld;
    const wasClosed = sent + withheld.operations < this.#survey.operations;
    await this.#settle();
    const { name } = this.#target;
    const seconds = (performance.now() - startMs) / 1000;
    const comparison = this.#comparison;
    return { target: name, sent, seconds, comparison, wasClosed, missed: this.#missed, withheld };
  }

  async #logIn(): Promise<void> {
    await this.#target.logIn(this.#options);
    await this.#flush();
    if (this.#replayed.of('PONG') === 0 || this.#lastError !== undefined)
      throw new LoginRefused(this.#lastError ?? 'it did not answer PING after CONNECT');
    this.#replayed.reset('PONG');
  }

  async #flush(): Promise<void> {
    const before = this.#replayed.of('PONG');
    await this.#target.send(PING);
    await this.#until(() => this.#replayed.of('PONG') > before, ANSWER_MS);
  }

  #onRecorded(event: OperationEvent): void {
    const kind = kindOf(event);
    if (kind === undefined || !this.#isCompared(event)) return;
    this.#answers.set(kind, event.t);
    const ordinal = this.#recorded.add(kind);
    if (event.op === '-ERR') this.#comparison.refused('recorded', event.text ?? '');
    if (event.subj === undefined) return;
    this.#comparison.delivered('recorded', event.subj);
    if (event.reply !== undefined) this.#places.set(event.reply, `${kind} ${ordinal}`);
    const asked = this.#askedMicros.take(event.subj);
    if (asked !== undefined) this.#comparison.replied('recorded', (event.t - asked) / 1000);
  }

  #onOperation(operation: Operation): void {
    const event = { t: 0, d: 's>', ...eventOf(operation) } as const;
    const kind = kindOf(event);
    if (operation.verb === VERB.ERR) {
      this.#lastError = event.text ?? '';
      this.#comparison.refused('replayed', this.#lastError);
    }
    if (kind !== undefined && this.#isCompared(event)) {
      const ordinal = this.#replayed.add(kind);
      if (event.subj !== undefined) this.#onDelivery(operation, `${kind} ${ordinal}`);
    }
    this.#wake();
  }

  #onDelivery(operation: Operation, place: string): void {
    const subject = operation.read(operation.subject, 'utf8');
    const reply = operation.read(operation.reply, 'utf8');
    this.#comparison.delivered('replayed', subject);
    if (reply !== '') this.#replies.set(place, reply);
    const asked = this.#askedMs.take(subject);
    if (asked !== undefined) this.#comparison.replied('replayed', performance.now() - asked);
  }

  /** Heartbeats come by the clock; and of what a capture does not begin nothing can be expected. */
  #isCompared({ sid, st }: OperationEvent): boolean {
    return st !== '100' && (sid === undefined || this.#survey.sids.has(sid));
  }

  async #send(event: OperationEvent): Promise<void> {
    const { t, reply } = event;
    for (const [kind, atMicros] of this.#answers)
      if (t - atMicros <= CAUSAL_MICROS) await this.#expect(kind, this.#recorded.of(kind));
    this.#answers.clear();
    const sent = this.#inboxes.sent(event, await this.#replyTo(event.subj));
    const administrative = this.#options.allowAdmin ? undefined : administrativeIn(sent);
    if (administrative !== undefined) return this.#withheld.add(administrative);
    if (reply !== undefined) {
      this.#askedMicros.set(reply, t);
      this.#askedMs.set(this.#inboxes.of(reply), performance.now());
    }
    this.#sent++;
    await this.#target.send(operationBytes(sent));
  }

  /** The reply subject of the message that is answered, as it is now; undefined: none is. */
  async #replyTo(subject = ''): Promise<string | undefined> {
    const place = this.#places.get(subject);
    if (place === undefined) return undefined;
    const [kind = '', ordinal = ''] = place.split(' ');
    await this.#expect(kind, Number(ordinal));
    return this.#replies.get(place);
  }

  /** Waits until there were so many answers, but for those that did not come before. */
  async #expect(kind: string, recorded: number): Promise<void> {
    const replayed = this.#replayed;
    const ms = this.#patience.msFor(kind);
    if (await this.#until(() => replayed.of(kind) + replayed.missing(kind) >= recorded, ms)) return;
    this.#missed++;
    this.#patience.missed(kind);
    replayed.miss(kind, recorded);
  }

  /** All that is expected has come, or nothing more comes. */
  async #settle(): Promise<void> {
    const kinds = [...this.#recorded.kinds];
    const isAll = (): boolean => kinds.every((kind) => this.#replayed.of(kind) >= this.#recorded.of(kind));
    await this.#until(isAll, ANSWER_MS);
    await this.#flush();
    for (let seen = -1; seen !== this.#replayed.total && !this.#target.isClosed; ) {
      seen = this.#replayed.total;
      await this.#pause(performance.now() + QUIET_MS);
    }
  }

  async #pause(untilMs: number): Promise<void> {
    await this.#until(() => false, untilMs - performance.now());
  }

  /** Whether it has become true in that time, or before the connection ended. */
  async #until(isTrue: () => boolean, ms: number): Promise<boolean> {
    const endMs = performance.now() + ms;
    while (!isTrue()) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || this.#target.isClosed) return false;
      const timer = setTimeout(() => this.#wake(), Math.min(leftMs, MOST_TIMER_MS));
      await this.#changed.promise;
      clearTimeout(timer);
    }
    return true;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** What an operation of the server counts as; undefined: it answers nothing. */
function kindOf({ op, sid }: OperationEvent): string | undefined {
  if (op === 'PONG' || op === '-ERR') return op;
  return sid;
}

class Counts {
  readonly #all = new Map<string, number>();
  readonly #missing = new Map<string, number>();
  total = 0;

  of(kind: string): number {
    return this.#all.get(kind) ?? 0;
  }

  add(kind: string): number {
    const now = this.of(kind) + 1;
    this.#all.set(kind, now);
    this.total++;
    return now;
  }

  reset(kind: string): void {
    this.#all.delete(kind);
  }

  missing(kind: string): number {
    return this.#missing.get(kind) ?? 0;
  }

  /** There should have been `expected`. */
  miss(kind: string, expected: number): void {
    this.#missing.set(kind, expected - this.of(kind));
  }

  get kinds(): Iterable<string> {
    return this.#all.keys();
  }
}

/** A map that forgets its oldest entries. */
class Recent<T> {
  readonly #all = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#all.get(key);
  }

  set(key: string, value: T): void {
    this.#all.delete(key);
    this.#all.set(key, value);
    const [oldest] = this.#all.keys();
    if (this.#all.size > MOST_REMEMBERED && oldest !== undefined) this.#all.delete(oldest);
  }

  take(key: string): T | undefined {
    const value = this.#all.get(key);
    this.#all.delete(key);
    return value;
  }
}

const PING = Buffer.from('PING\r\n');
