import type { Client } from 'undici';
import type { HealthVerdict } from './member.ts';

/** Label values of natsgate_upstream_health_checks_total. */
export const HEALTH_OUTCOMES = ['ok', 'unhealthy', 'unreachable', 'timeout'] as const;
export type HealthOutcome = (typeof HEALTH_OUTCOMES)[number];

/** `cause`: what to tell people; text of the server in it is neither escaped nor cut. */
export type HealthAnswer = { readonly outcome: HealthOutcome; readonly cause: string | undefined };

/** Asks one address. `ask` never rejects; `close` ends a check under way, and nothing is left. */
export type HealthProbe = { ask(): Promise<HealthAnswer>; close(): void };

/** The whole of a check, from connect to the last byte. */
const CHECK_TIMEOUT_MS = 2000;
/** Answers of nats-server are below 1 KiB unless details are asked for. */
const MAX_ANSWER_BYTES = 8 * 1024;

/** What a check says of the server. No answer may also be the network between it and us. */
export const verdictOf = (outcome: HealthOutcome): HealthVerdict =>
  outcome === 'ok' || outcome === 'unhealthy' ? outcome : 'unanswered';

/**
 * Puts an address in place of `{host}`. The name stays what the certificate is compared with, where there is one.
 */
export function healthTarget(template: string, host: string, address: string): HealthTarget {
  const literal = address.includes(':') ? `[${address}]` : address;
  const url = new URL(template.replaceAll('{host}', literal));
  return { url, serverName: address !== host && template.includes('{host}') ? host : undefined };
}
export type HealthTarget = { readonly url: URL; readonly serverName: string | undefined };

/** Asks the monitoring port of nats-server over HTTP, on a new connection each time: that is a part of the check. */
export class HttpHealthProbe implements HealthProbe {
  readonly #target: HealthTarget;
  #client: Client | undefined;
  #closed = false;

  constructor(target: HealthTarget) {
    this.#target = target;
  }

  async ask(): Promise<HealthAnswer> {
    const { url } = this.#target;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), CHECK_TIMEOUT_MS);
    try {
      const client = await this.#connected();
      const { statusCode, body } = await client.request({
        method: 'GET',
        path: `${url.pathname}${url.search}`,
        headers: { accept: 'application/json', 'user-agent': 'natsgate' },
        reset: true,
        signal: deadline.signal,
      });
      const text = await body.text();
      return statusCode === 200
        ? { outcome: 'ok', cause: undefined }
        : {
            outcome: statusCode >= 500 ? 'unhealthy' : 'unreachable',
            cause: `health ${statusCode} ${text.trim()}`,
          };
    } catch (error) {
      if (deadline.signal.aborted) {
        return { outcome: 'timeout', cause: `health: no answer within ${CHECK_TIMEOUT_MS} ms` };
      }
      const { code, message } = error as NodeJS.ErrnoException;
      return { outcome: 'unreachable', cause: `health: ${code ?? message}` };
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#closed = true;
    void this.#client?.destroy();
  }

  /** undici is loaded with the first check: most gateways have none, and it is their largest package. */
  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const undici = await import('undici');
    if (this.#closed) throw new Error('closed');
    const { serverName } = this.#target;
    this.#client = new undici.Client(this.#target.url.origin, {
      allowH2: false,
      pipelining: 1,
      maxResponseSize: MAX_ANSWER_BYTES,
      maxHeaderSize: MAX_ANSWER_BYTES,
      connectTimeout: CHECK_TIMEOUT_MS,
      headersTimeout: CHECK_TIMEOUT_MS,
      bodyTimeout: CHECK_TIMEOUT_MS,
      ...(serverName === undefined ? {} : { connect: { servername: serverName } }),
    });
    return this.#client;
  }
}
