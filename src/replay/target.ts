import { once } from 'node:events';
import { BufferPool } from '../bytes/buffer-pool.ts';
import type { UpstreamServer } from '../config/config.ts';
import { readConnect, writeConnect } from '../nats/connect.ts';
import type { Login } from '../nats/login.ts';
import type { Operation } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';
import { NatsParser } from '../nats/parser.ts';
import { connect } from '../upstream/connect.ts';
import type { Upstream } from '../upstream/connection.ts';
import type { TlsClient } from '../upstream/start-tls.ts';

export type TargetOptions = {
  /** Its `address` is the one that is dialled. */
  readonly server: UpstreamServer & { readonly address: string };
  /** undefined: in clear. */
  readonly tls: TlsClient | undefined;
  readonly login: Login | undefined;
  /** JSON of the CONNECT that the recorded client sent. */
  readonly connect: string;
};

const DIAL_MS = 5000;
/** All else of CONNECT is of the recorded client alone. */
const KEPT = ['echo', 'headers', 'no_responders', 'protocol'] as const;
const PONG = Buffer.from('PONG\r\n');

/** A connection of our own to a nats-server. It answers PING by itself. */
export class Target {
  readonly name: string;
  readonly #upstream: Upstream;
  readonly #parser: NatsParser;
  onOperation: (operation: Operation) => void = () => {};
  onClose: () => void = () => {};
  isClosed = false;

  private constructor(upstream: Upstream) {
    this.#upstream = upstream;
    const { serverName = '', version = '' } = upstream.info;
    this.name = `${upstream.server.name} (${[serverName, version].filter(Boolean).join(' ')})`;
    this.#parser = new NatsParser('to_client', {
      reportMessages: true,
      assembleLines: true,
      sink: {
        onOperation: (operation) => {
          if (operation.verb === VERB.PING) upstream.socket.write(PONG);
          this.onOperation(operation);
          return undefined;
        },
      },
    });
    this.#read(upstream.rest);
    upstream.reads.to = { onUpstreamBytes: (chunk) => this.#read(chunk) };
    upstream.socket.once('close', () => this.#closed());
    upstream.socket.once('end', () => this.#closed());
    upstream.socket.resume();
  }

  /** Sends no CONNECT. @throws DialError */
  static async dial({ server, tls }: TargetOptions): Promise<Target> {
    const upstream = await connect(server, {
      tls,
      proxy: undefined,
      signs: false,
      buffers: new BufferPool({ slots: 1 }),
      signal: AbortSignal.timeout(DIAL_MS),
      observer: { onConnect: () => {}, onFirstByte: () => {} },
      connectTimeoutMs: DIAL_MS,
      dialTimeoutMs: DIAL_MS,
    });
    return new Target(upstream);
  }

  /** Writes the CONNECT. */
  async logIn({ login, connect: recorded }: TargetOptions): Promise<void> {
    const reading = readConnect(Buffer.from(recorded));
    const fields = reading.kind === 'connect' ? reading.fields : new Map();
    const kept = new Map(KEPT.flatMap((field) => (fields.has(field) ? [[field, fields.get(field)]] : [])));
    const line = writeConnect(
      { kind: 'connect', fields: kept, unknown: [] },
      {
        verbose: false,
        pedantic: false,
        name: 'natsgate replay',
        lang: 'natsgate',
        ...login?.fields(this.#upstream.info.nonce),
      },
    );
    if (line === 'too_long') throw new Error('the credentials do not fit into a CONNECT');
    await this.send(line);
  }

  /** Resolves when the kernel has taken all of it, or the connection has ended. */
  async send(bytes: Buffer): Promise<void> {
    const { socket } = this.#upstream;
    if (this.isClosed || socket.write(bytes)) return;
    const done = new AbortController();
    const { signal } = done;
    await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
      () => {},
    );
    done.abort();
  }

  close(): void {
    this.#upstream.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#parser.parse(chunk, 0, chunk.length);
    if (this.#parser.error !== undefined) this.close();
  }

  #closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClose();
  }
}
