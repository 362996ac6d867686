import type { KeysUrlConfig } from '../config/config.ts';
import { MAX_KEY_SET_BYTES, type PublicKey, readKeySet } from '../config/key-set.ts';
import { NotGranted } from './details.ts';

/** Label values of natsgate_auth_key_fetches_total. */
export const KEY_FETCH_OUTCOMES = [
  'ok',
  'unreachable',
  'timeout',
  'status',
  'too_large',
  'bad_keys',
] as const;
export type KeyFetchOutcome = (typeof KEY_FETCH_OUTCOMES)[number];

/** `cause`: what went wrong, in our words or those of the system. */
export type KeyFetchObserver = (outcome: KeyFetchOutcome, url: string, cause: string | undefined) => void;

type Fetched =
  | { readonly outcome: 'ok'; readonly keys: readonly PublicKey[] }
  | { readonly outcome: Exclude<KeyFetchOutcome, 'ok'>; readonly cause: string };

const MAX_HEAD_BYTES = 16 * 1024;

/**
 * The keys that one URL publishes. They are fetched at start, then again and again; and at once when a token names a key
 * that is not there. One fetch runs at a time, and after each, whatever came of it, none begins for the cooldown: strangers
 * who make tokens up cannot make us ask more often.
 *
 * ```
 *  fetched ──refresh──▶ due ──staleFor──▶ stale: nobody is let in by them
 * ```
 */
export class RemoteKeys {
  readonly #config: KeysUrlConfig;
  readonly #observer: KeyFetchObserver;
  #keys: readonly PublicKey[] | undefined;
  #fetchedAtMs = 0;
  /** No fetch begins before. */
  #quietUntilMs = 0;
  #underWay: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Counts the sets: with another one, what was verified before counts no more. */
  generation = 0;

  /** `before`: keys of the same URL with other times, which stay until others are fetched. */
  constructor(config: KeysUrlConfig, observer: KeyFetchObserver, before?: RemoteKeys) {
    this.#config = config;
    this.#observer = observer;
    if (before === undefined) return;
    this.#keys = before.#keys;
    this.#fetchedAtMs = before.#fetchedAtMs;
  }

  get url(): string {
    return this.#config.url;
  }

  /** Fetches in the background from now on. Later calls do nothing. */
  start(): void {
    if (this.#timer === undefined && this.#underWay === undefined) void this.#renew();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Since the keys came; undefined: there are none yet. */
  get ageSeconds(): number | undefined {
    return this.#keys === undefined ? undefined : (performance.now() - this.#fetchedAtMs) / 1000;
  }

  /** The keys that count now; the first ones are waited for. @throws NotGranted when there are none. */
  async current(signal: AbortSignal): Promise<readonly PublicKey[]> {
    if (this.#keys === undefined || this.#isStale) await this.#renewed(signal);
    if (this.#keys === undefined) throw new NotGranted('keys_unavailable', this.#about);
    if (this.#isStale) throw new NotGranted('keys_stale', this.#about);
    return this.#keys;
  }

  /** A set that came after `known`, by a fetch if need be; undefined: there is none. */
  async newer(known: readonly PublicKey[], signal: AbortSignal): Promise<readonly PublicKey[] | undefined> {
    if (this.#keys === known) await this.#renewed(signal);
    return this.#keys === known ? undefined : this.#keys;
  }

  get #isStale(): boolean {
    const { refreshMs, staleForMs } = this.#config;
    return performance.now() - this.#fetchedAtMs > refreshMs + staleForMs;
  }

  get #about(): string {
    return `keys of ${shown(this.#config.url)}`;
  }

  /** After the fetch that is under way or may begin now. Never rejects but for the signal. */
  async #renewed(signal: AbortSignal): Promise<void> {
    if (this.#underWay === undefined && performance.now() < this.#quietUntilMs) return;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#renew(), aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #renew(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    const { url, timeoutMs, refreshMs, cooldownMs } = this.#config;
    const fetched = await fetchKeys(url, timeoutMs);
    const nowMs = performance.now();
    this.#quietUntilMs = nowMs + cooldownMs;
    if (fetched.outcome === 'ok') {
      this.#fetchedAtMs = nowMs;
      // The same keys again: what was verified by them still counts.
      if (JSON.stringify(fetched.keys) !== JSON.stringify(this.#keys)) {
        this.#keys = fetched.keys;
        this.generation++;
      }
    }
    this.#observer(fetched.outcome, shown(url), fetched.outcome === 'ok' ? undefined : fetched.cause);
    if (this.#closed) return;
    const waitMs = fetched.outcome === 'ok' ? Math.max(refreshMs, cooldownMs) : cooldownMs;
    this.#timer = setTimeout(() => void this.#renew(), jittered(waitMs)).unref();
  }
}

/** One for each URL with its times, for all routes and configurations that name it. */
export class RemoteKeySets {
  readonly #observer: KeyFetchObserver;
  readonly #sets = new Map<string, RemoteKeys>();

  constructor(observer: KeyFetchObserver) {
    this.#observer = observer;
  }

  /** Nothing is fetched before `use`, or the first token. */
  of(config: KeysUrlConfig): RemoteKeys {
    const key = JSON.stringify(config);
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const ofUrl = [...this.#sets.values()].find(({ url }) => url === config.url);
    const keys = new RemoteKeys(config, this.#observer, ofUrl);
    this.#sets.set(key, keys);
    return keys;
  }

  /** These are fetched from now on, and others no more. */
  use(configs: readonly KeysUrlConfig[]): void {
    const used = new Set(configs.map((config) => JSON.stringify(config)));
    for (const [key, keys] of this.#sets) {
      if (used.has(key)) keys.start();
      else {
        keys.close();
        this.#sets.delete(key);
      }
    }
  }

  /** Of the oldest keys; undefined: there are none. */
  get oldestSeconds(): number | undefined {
    const ages = [...this.#sets.values()].flatMap(({ ageSeconds }) => ageSeconds ?? []);
    return ages.length === 0 ? undefined : Math.max(...ages);
  }

  close(): void {
    this.use([]);
  }
}

/** Later than planned at most, so that the cooldown holds. */
const jittered = (ms: number): number => Math.round(ms * (1 + 0.1 * Math.random()));

/** Without its query, which may hold what nobody else shall read. */
const shown = (url: string): string => {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
};

/** Opens a connection of its own, and follows no redirect. Never rejects. */
async function fetchKeys(url: string, timeoutMs: number): Promise<Fetched> {
  // Loaded with the first fetch, as it is large.
  const { Client } = await import('undici');
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const { origin, pathname, search } = new URL(url);
  const client = new Client(origin, {
    allowH2: false,
    maxResponseSize: MAX_KEY_SET_BYTES,
    maxHeaderSize: MAX_HEAD_BYTES,
    connectTimeout: timeoutMs,
  });
  try {
    const { statusCode, body } = await client.request({
      method: 'GET',
      path: `${pathname}${search}`,
      headers: { accept: 'application/jwk-set+json, application/json', 'user-agent': 'natsgate' },
      reset: true,
      signal: deadline.signal,
    });
    if (statusCode !== 200) return { outcome: 'status', cause: `answered ${statusCode}` };
    const reading = readKeySet(await body.text());
    return reading.ok
      ? { outcome: 'ok', keys: reading.keys }
      : { outcome: 'bad_keys', cause: reading.problem };
  } catch (error) {
    if (deadline.signal.aborted) return { outcome: 'timeout', cause: `no answer within ${timeoutMs} ms` };
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const isLarge = code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
    return { outcome: isLarge ? 'too_large' : 'unreachable', cause: code };
  } finally {
    clearTimeout(timer);
    void client.destroy();
  }
}
