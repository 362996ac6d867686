import type { Pool } from 'undici';
import type { WebhookConfig } from '../config/config.ts';
import { type AuthDetail, NotGranted } from './details.ts';
import { Gate } from './gate.ts';
import { digestOf, TokenCache } from './token-cache.ts';
import { readAnswer, type WebhookAnswer } from './webhook-answer.ts';
import { bodyOf, type Question, signatureOf } from './webhook-question.ts';

/** Label values of natsgate_auth_webhook_requests_total. */
export const WEBHOOK_OUTCOMES = [
  'granted',
  'denied',
  'busy',
  'error',
  'timeout',
  'bad_answer',
  'queue_full',
  'abandoned',
] as const;
export type WebhookOutcome = (typeof WEBHOOK_OUTCOMES)[number];

/** `cause`: in our own words, or a code of the system. */
export type WebhookObserver = (
  outcome: WebhookOutcome,
  seconds: number,
  url: string,
  cause: string | undefined,
) => void;

/** However long the service would keep an idle connection. */
const KEPT_MS = 30_000;
const MAX_ANSWER_BYTES = 16 * 1024;
const MOST_WAITING = 512;
const MOST_REMEMBERED = 10_000;
/** A longer answer is asked for again each time, so that what is remembered stays below 20 MB. */
const MAX_REMEMBERED_LENGTH = 2048;
const RETRY_AFTER_SECONDS = { least: 1, most: 60 } as const;
/** A connection that was kept may close at the moment in which it is used again. */
const CLOSED_MEANWHILE = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

const OUTCOME_OF: Readonly<Partial<Record<AuthDetail, WebhookOutcome>>> = {
  webhook_denied: 'denied',
  webhook_busy: 'busy',
  webhook_error: 'error',
  webhook_timeout: 'timeout',
  webhook_bad_answer: 'bad_answer',
  authorizer_busy: 'queue_full',
};

type Reply = {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Of a 200 alone: what else a service writes is for people. */
  readonly bytes: Buffer;
};

/** A service of the operator that says who a client is. undefined in place of an answer: nobody, and yet let in. */
export class Webhook {
  readonly config: WebhookConfig;
  readonly #isAlone: boolean;
  readonly #observer: WebhookObserver;
  readonly #gate: Gate;
  /** Questions about open sessions take no more than half of the places from those of handshakes, and wait for each other. */
  readonly #recheckGate: Gate;
  readonly #answers = new TokenCache<{ readonly answer: WebhookAnswer | undefined }>(MOST_REMEMBERED);
  /** When an open session was last asked about, in the same milliseconds. */
  readonly #rechecked = new TokenCache<number>(MOST_REMEMBERED);
  readonly #shown: string;
  #pool: Promise<Pool> | undefined;
  #closed = false;

  /** `isAlone`: nobody else says who the client is. */
  constructor(config: WebhookConfig, isAlone: boolean, observer: WebhookObserver) {
    this.config = config;
    this.#isAlone = isAlone;
    this.#observer = observer;
    this.#gate = new Gate(config.inFlight, MOST_WAITING);
    this.#recheckGate = new Gate(Math.max(1, config.inFlight >> 1), Number.POSITIVE_INFINITY);
    const { origin, pathname } = new URL(config.url);
    this.#shown = `${origin}${pathname}`;
  }

  /** Loads what the first question would have to wait for. */
  start(): void {
    void this.#connected();
  }

  /** Ends its connections. One that nobody asks any more needs no end: its connections close when they idle. */
  close(): void {
    this.#closed = true;
    void this.#pool?.then((pool) => pool.destroy());
  }

  /**
   * Asks for a handshake, or remembers: the very same question has the same answer for a while.
   *
   * @throws NotGranted, or the signal's reason when it aborts first.
   */
  async ask(question: Question, signal: AbortSignal): Promise<Asked> {
    const digest = digestOf(question.text);
    const nowMs = Date.now();
    const known = this.#answers.get(digest, nowMs);
    if (known !== undefined) return { ...known, isCached: true };
    const asked = { answer: await this.#ask(question, false, signal) };
    const { cacheMs } = this.config;
    const untilMs = Math.min(nowMs + cacheMs, asked.answer?.expiresAtMs ?? Infinity);
    const isShort = JSON.stringify(asked).length <= MAX_REMEMBERED_LENGTH;
    const isOvertaken = (this.#rechecked.get(digest, Date.now()) ?? 0) >= nowMs;
    if (cacheMs > 0 && isShort && !isOvertaken) this.#answers.set(digest, asked, untilMs, Date.now());
    return { ...asked, isCached: false };
  }

  /** Asks again for an open session; what was remembered does not count. @throws as `ask`. */
  async recheck(question: Question, signal: AbortSignal): Promise<WebhookAnswer | undefined> {
    try {
      return await this.#recheckGate.run(() => this.#ask(question, true, signal), signal);
    } finally {
      // After a no, the client comes back at once; it must not find the yes of another handshake in between, or of one
      // that was under way then.
      const [digest, nowMs] = [digestOf(question.text), Date.now()];
      this.#answers.delete(digest);
      this.#rechecked.set(digest, nowMs, nowMs + this.config.timeoutMs, nowMs);
    }
  }

  async #ask(
    question: Question,
    isRecheck: boolean,
    signal: AbortSignal,
  ): Promise<WebhookAnswer | undefined> {
    signal.throwIfAborted();
    const { timeoutMs } = this.config;
    const stop = new AbortController();
    const leave = (): void => stop.abort(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    // Of all of it, the wait for a place too: what a silent service holds up is free again then.
    const late = new NotGranted('webhook_timeout', `no answer within ${timeoutMs} ms`);
    const timer = setTimeout(() => stop.abort(late), timeoutMs);
    const startedAtMs = performance.now();
    const observe = (outcome: WebhookOutcome, cause?: string): void =>
      this.#observer(outcome, (performance.now() - startedAtMs) / 1000, this.#shown, cause);
    try {
      const reply = await this.#gate.run(
        () => this.#send(bodyOf(question, isRecheck), stop.signal),
        stop.signal,
      );
      const answer = verdictOf(reply);
      if (this.#isAlone && answer?.identity === undefined && answer !== undefined)
        throw new NotGranted('webhook_bad_answer', 'the answer has no identity');
      observe('granted');
      return answer;
    } catch (caught) {
      const error = stop.signal.aborted ? stop.signal.reason : caught;
      if (error instanceof NotGranted) observe(OUTCOME_OF[error.detail] ?? 'error', error.reason);
      else observe('abandoned');
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }

  /** @throws NotGranted, or anything after an abort. */
  async #send(body: string, signal: AbortSignal): Promise<Reply> {
    try {
      return await this.#post(body, signal).catch((error: NodeJS.ErrnoException) => {
        if (signal.aborted || !CLOSED_MEANWHILE.includes(error.code ?? '')) throw error;
        return this.#post(body, signal);
      });
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
        throw new NotGranted('webhook_bad_answer', `the answer is over ${MAX_ANSWER_BYTES} bytes`);
      // Its timers are coarser than ours.
      const isLate = code.startsWith('UND_ERR_') && code.endsWith('_TIMEOUT');
      throw new NotGranted(isLate ? 'webhook_timeout' : 'webhook_error', code);
    }
  }

  async #post(body: string, signal: AbortSignal): Promise<Reply> {
    const { secret, timeoutMs, url } = this.config;
    const { pathname, search } = new URL(url);
    const pool = await this.#connected();
    const {
      statusCode,
      headers,
      body: answer,
    } = await pool.request({
      method: 'POST',
      path: `${pathname}${search}`,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'natsgate',
        ...(secret === undefined ? {} : { 'natsgate-signature': signatureOf(body, secret(), Date.now()) }),
      },
      body,
      signal,
    });
    const retryAfter = headers['retry-after'];
    const isRead = statusCode === 200;
    // A page about an error may be as long as it likes, and never end; the connection is used again if it is short.
    if (!isRead)
      void answer.dump({ limit: MAX_ANSWER_BYTES, signal: AbortSignal.timeout(timeoutMs) }).catch(() => {});
    return {
      status: statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      bytes: isRead ? Buffer.from(await answer.arrayBuffer()) : Buffer.alloc(0),
    };
  }

  #connected(): Promise<Pool> {
    this.#pool ??= this.#connect();
    return this.#pool;
  }

  async #connect(): Promise<Pool> {
    // Loaded with the first webhook, as it is large.
    const { Pool: ConnectionPool } = await import('undici');
    const { inFlight, timeoutMs, url } = this.config;
    const pool = new ConnectionPool(new URL(url).origin, {
      connections: inFlight,
      pipelining: 1,
      keepAliveMaxTimeout: KEPT_MS,
      allowH2: false,
      maxResponseSize: MAX_ANSWER_BYTES,
      maxHeaderSize: MAX_ANSWER_BYTES,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    if (this.#closed) void pool.destroy();
    return pool;
  }
}

export type Asked = { readonly answer: WebhookAnswer | undefined; readonly isCached: boolean };

/** @throws NotGranted unless the client is let in. */
function verdictOf({ status, retryAfter, bytes }: Reply): WebhookAnswer | undefined {
  if (status === 204) return undefined;
  if (status === 401) throw new NotGranted('webhook_denied');
  if (status === 403) throw new NotGranted('webhook_denied', undefined, 'forbidden');
  if (status === 429)
    throw new NotGranted('webhook_busy', undefined, 'too_many_handshakes', retryAfterSeconds(retryAfter));
  if (status >= 500) throw new NotGranted('webhook_error', `answered ${status}`);
  if (status !== 200) throw new NotGranted('webhook_bad_answer', `answered ${status}`);
  const reading = readAnswer(bytes);
  if (!reading.ok) throw new NotGranted('webhook_bad_answer', reading.problem);
  return reading.answer;
}

/** undefined: it does not say, or as a date. */
function retryAfterSeconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  const { least, most } = RETRY_AFTER_SECONDS;
  return Math.min(Math.max(Number(text), least), most);
}
