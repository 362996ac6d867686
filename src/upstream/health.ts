import { isIP } from 'node:net';
import type { Client } from 'undici';
import type { HealthVerdict } from './endpoint.ts';
import { describeTlsFailure, type TlsClient } from './start-tls.ts';

/** Label values of natsgate_upstream_health_checks_total. */
export const HEALTH_OUTCOMES = ['ok', 'unhealthy', 'unreachable', 'timeout'] as const;
export type HealthOutcome = (typeof HEALTH_OUTCOMES)[number];

/** `cause`: what to tell people; text of the server in it is neither escaped nor cut. */
export type HealthAnswer = { readonly outcome: HealthOutcome; readonly cause: string | undefined };

/** Asks one address. `ask` never rejects; `close` ends a check under way, and nothing is left. */
export type HealthProbe = { ask(): Promise<HealthAnswer>; close(): void };

/** Codes of certificates and of the TLS handshake. */
const OF_TLS = /CERT|SIGN|VERIFY|^ERR_(SSL|TLS)_/;
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

/**
 * Asks the monitoring port of nats-server over HTTP, on a new connection each time: that is a part of the check. `tls`
 * is asked before each check for what https URLs are verified with; undefined: with the authorities that Node knows.
 */
export class HttpHealthProbe implements HealthProbe {
  readonly #target: HealthTarget;
  readonly #tls: () => TlsClient | undefined;
  #client: Client | undefined;
  /** With which the client was made. */
  #usedTls: TlsClient | undefined;
  #closed = false;

  constructor(target: HealthTarget, tls: () => TlsClient | undefined = () => undefined) {
    this.#target = target;
    this.#tls = tls;
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
      return { outcome: 'unreachable', cause: `health: ${this.#describe(error as NodeJS.ErrnoException)}` };
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#closed = true;
    void this.#client?.destroy();
  }

  #describe(error: NodeJS.ErrnoException): string {
    const { code = error.message } = error;
    if (this.#usedTls === undefined || !OF_TLS.test(code)) return code;
    const { hostname: host, host: name } = this.#target.url;
    const server = { host: this.#target.serverName ?? host, port: 0, name };
    return describeTlsFailure(error, server, this.#usedTls.config);
  }

  /** undici is loaded with the first check: most gateways have none, and it is their largest package. */
  async #connected(): Promise<Client> {
    const tls = this.#target.url.protocol === 'https:' ? this.#tls() : undefined;
    if (this.#client !== undefined && tls === this.#usedTls) return this.#client;
    void this.#client?.destroy();
    this.#client = undefined;
    const undici = await import('undici');
    if (this.#closed) throw new Error('closed');
    this.#usedTls = tls;
    const serverName = tls?.config.serverName ?? this.#target.serverName;
    this.#client = new undici.Client(this.#target.url.origin, {
      allowH2: false,
      pipelining: 1,
      maxResponseSize: MAX_ANSWER_BYTES,
      maxHeaderSize: MAX_ANSWER_BYTES,
      connectTimeout: CHECK_TIMEOUT_MS,
      headersTimeout: CHECK_TIMEOUT_MS,
      bodyTimeout: CHECK_TIMEOUT_MS,
      connect: {
        // A session that is taken up again would not look at the certificate.
        maxCachedSessions: 0,
        rejectUnauthorized: true,
        ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
        ...(tls === undefined ? {} : { secureContext: tls.context }),
      },
    });
    return this.#client;
  }
}
