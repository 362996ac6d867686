import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookConfig } from '../../src/config/config.ts';

export type Asked = {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
};

type Answer = (response: ServerResponse, asked: Asked) => void;

export const answering =
  (status: number, body: unknown = '', headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(status, headers);
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  };

export const ALICE = { identity: { user: 'alice' } };

/** A service that says who clients are. It keeps what it was asked, and answers as a test wants it to. */
export class TestWebhook extends EventEmitter implements AsyncDisposable {
  readonly #server: Server;
  readonly asked: Asked[] = [];
  answer: Answer = answering(200, ALICE);

  private constructor() {
    super();
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = await Array.fromAsync(request);
      const body = Buffer.concat(chunks).toString();
      const asked = { headers: request.headers, body, json: JSON.parse(body) };
      this.asked.push(asked);
      this.answer(response, asked);
      this.emit('asked');
    });
  }

  static async start(): Promise<TestWebhook> {
    const webhook = new TestWebhook();
    webhook.#server.listen(0, '127.0.0.1');
    await once(webhook.#server, 'listening');
    return webhook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/natsgate`;
  }

  /** Connections that are open now. */
  connections(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    return promise;
  }

  /** When so many questions have come. */
  async times(count: number): Promise<void> {
    while (this.asked.length < count) await once(this, 'asked', { signal: AbortSignal.timeout(30_000) });
  }

  config(changes: Partial<WebhookConfig> = {}): WebhookConfig {
    return {
      url: this.url,
      timeoutMs: 20_000,
      headers: [],
      secret: undefined,
      cacheMs: 0,
      inFlight: 64,
      recheckMs: 0,
      ...changes,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
