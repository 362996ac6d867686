import { rememberLoginNeeded } from './login-needed.ts';

/** What the API answers, as far as the page shows it. */

export type BothWays = { readonly toUpstream: number; readonly toClient: number };

export type ServerStatus = {
  readonly upstream: string;
  readonly name: string;
  readonly state: string;
  readonly sessions: number;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
};

export type InstanceStatus = {
  readonly state: string;
  readonly host: string;
  readonly version?: string;
  readonly startedAt: string;
  readonly listen: string;
  readonly tls: boolean;
  readonly engine: string;
  readonly engineFallback: boolean;
  readonly memory: { readonly rssBytes?: number; readonly limitBytes?: number };
  readonly eventLoop: { readonly utilization: number; readonly delayP99Seconds: number };
  readonly configuration: {
    readonly hash: string;
    readonly restartNeeded: readonly { readonly key: string }[];
    readonly lastReload?: {
      readonly outcome: string;
      readonly at: string;
      readonly trigger: string;
      readonly problems: readonly string[];
    };
  };
  readonly certificates: readonly { readonly role: string; readonly expiresAt: string }[];
  readonly upstreamServers: readonly ServerStatus[];
  readonly routes: readonly { readonly name: string; readonly inspect: string; readonly sessions: number }[];
  readonly sessions: {
    readonly active: number;
    readonly limit: number;
    readonly limitedBy: string;
    readonly opened: number;
  };
  readonly handshakesInFlight: number;
  readonly bytes: BothWays;
  /** Totals by outcome and by reason, of those that happened. */
  readonly handshakes: Readonly<Record<string, number>>;
  readonly ended: Readonly<Record<string, number>>;
};

/** Why there is no answer to show. `status` 0: the port did not answer at all. */
export type Trouble = { readonly status: number; readonly sentence: string };

export type Answer<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Trouble);

/** Longer than the deadlines of the admin port. */
const ANSWER_MS = 15_000;

/** One request to the API. Never rejects. `T` is undefined where the API answers without a body. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS), ...init });
    if (response.status === 204) return { ok: true, value: undefined as T };
    if (response.ok) return { ok: true, value: (await response.json()) as T };
    if (response.status === 401) rememberLoginNeeded();
    const problem = (await response.json()) as { readonly detail?: string };
    return { ok: false, status: response.status, sentence: problem.detail ?? response.statusText };
  } catch {
    return { ok: false, status: 0, sentence: 'The admin port does not answer.' };
  }
}

export type SessionRow = {
  readonly id: number;
  readonly state: 'open' | 'ended';
  readonly startedAt: string;
  readonly seconds: number;
  readonly client: string;
  readonly origin?: string;
  readonly user?: string;
  readonly tenant?: string;
  readonly role?: string;
  readonly route: string;
  readonly upstream: string;
  readonly natsClientId?: number;
  readonly bytes: BothWays;
  /** Open ones alone. */
  readonly buffered?: BothWays;
  readonly loginEndsAt?: string;
  readonly ending?: string;
  /** Ended ones alone. */
  readonly endedAt?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly serverError?: string;
  readonly hint?: string;
};

export type SessionList = {
  readonly active: number;
  readonly kept: number;
  readonly matched: number;
  readonly sessions: readonly SessionRow[];
};

export type Inspection = {
  readonly level: 'observe' | 'enforce';
  readonly server: { readonly name?: string; readonly version?: string };
  readonly connect?: {
    readonly name?: string;
    readonly lang?: string;
    readonly version?: string;
    readonly credentials: readonly string[];
  };
  readonly operations: Readonly<Record<keyof BothWays, Readonly<Record<string, number>>>>;
  readonly payloadBytes: Readonly<Record<keyof BothWays, number>>;
  readonly subscriptions: readonly {
    readonly sid: string;
    readonly subject: string;
    readonly queue?: string;
  }[];
  readonly lastError?: { readonly kind: string; readonly text: string };
  readonly hint?: string;
};

export type HandshakeTimes = {
  readonly ms: number;
  readonly steps: Readonly<Record<string, number>>;
};

export type SessionDetail = SessionRow & {
  readonly handshake: HandshakeTimes;
  readonly inspection?: Inspection | { readonly level: 'off' };
};

export type HandshakeRow = HandshakeTimes & {
  readonly at: string;
  readonly outcome: string;
  readonly detail?: string;
  readonly client: string;
  readonly origin?: string;
  readonly route?: string;
  readonly cause?: string;
  readonly hint?: string;
};

export type ConfigKey = {
  readonly key: string;
  /** Secrets never come here. */
  readonly value: string | readonly string[] | null;
  readonly default: boolean;
  /** A route has it from the top. */
  readonly inherited: boolean;
  /** File and line; null: written nowhere. */
  readonly at: string | null;
};

export type RunningConfig = { readonly hash: string; readonly keys: readonly ConfigKey[] };
