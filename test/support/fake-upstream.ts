import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';

export const INFO_LINE =
  'INFO {"server_id":"FAKE","server_name":"fake","version":"2.15.1","proto":1,"max_payload":1048576,"client_id":7}\r\n';

export type FakeUpstreamOptions = {
  /** What is written on accept; '' for silence. */
  readonly greeting?: string | Buffer;
  readonly onConnection?: (connection: UpstreamConnection) => void;
  /** Do not read at all. */
  readonly paused?: boolean;
  /** Send every byte back. */
  readonly echo?: boolean;
  /** TLS as a server, behind the greeting, or with `first` in front of it. Connections are then the TLS sockets. */
  readonly tls?: TLSSocketOptions & { readonly first?: boolean };
};

/** The greeting of a server that wants TLS behind it. */
export const TLS_INFO_LINE = INFO_LINE.replace('{', '{"tls_required":true,');

/** A TCP server for what a real nats-server cannot be made to do: silence, floods, resets, not reading. */
export class FakeUpstream extends EventEmitter implements AsyncDisposable {
  readonly #server: Server;
  readonly connections: UpstreamConnection[] = [];

  private constructor(options: FakeUpstreamOptions) {
    super();
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const { tls } = options;
      const greeting = options.greeting ?? (tls === undefined ? INFO_LINE : TLS_INFO_LINE);
      if (greeting.length > 0 && tls?.first !== true) socket.write(greeting);
      const stream = tls === undefined ? socket : new TLSSocket(socket, { ...tls, isServer: true });
      if (greeting.length > 0 && tls?.first === true) stream.write(greeting);
      if (stream !== socket) socket.on('error', () => {});
      const connection = new UpstreamConnection(stream, options);
      this.connections.push(connection);
      options.onConnection?.(connection);
      this.emit('connection', connection);
    });
  }

  static async start(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
    const upstream = new FakeUpstream(options);
    upstream.#server.listen(0, '127.0.0.1');
    await once(upstream.#server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connection number `index`, when it has come. */
  async connection(index = 0): Promise<UpstreamConnection> {
    while (this.connections.length <= index)
      await once(this, 'connection', { signal: AbortSignal.timeout(30_000) });
    return this.connections[index]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export class UpstreamConnection extends EventEmitter {
  readonly socket: Socket;
  readonly #hash = createHash('sha256');
  readonly #kept: Buffer[] = [];
  byteCount = 0;
  ended = false;
  closed = false;

  constructor(socket: Socket, options: FakeUpstreamOptions) {
    super();
    this.socket = socket;
    socket.on('error', () => {});
    if (options.paused !== true) {
      socket.on('data', (chunk: Buffer) => {
        this.byteCount += chunk.length;
        this.#hash.update(chunk);
        if (this.byteCount <= 16 * 1024 * 1024) this.#kept.push(chunk);
        if (options.echo === true) socket.write(chunk);
        this.emit('change');
      });
      socket.on('end', () => {
        this.ended = true;
        socket.end();
        this.emit('change');
      });
    } else socket.pause();
    socket.on('close', () => {
      this.closed = true;
      this.emit('change');
    });
  }

  /** What came, up to 16 MiB. */
  get received(): Buffer {
    return Buffer.concat(this.#kept);
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Waits until `holds`, checked at each change. */
  async until(holds: (connection: this) => boolean, timeoutMs = 30_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!holds(this)) await once(this, 'change', { signal });
  }
}
