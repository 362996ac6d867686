import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { constants, inflateRawSync } from 'node:zlib';

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type FrameOptions = {
  readonly fin?: boolean;
  readonly rsv?: number;
  /** undefined: a random mask. null: no mask. */
  readonly mask?: Buffer | null;
  /** Bytes of the length field beyond the second byte, whatever the payload's length. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** What the length field says, whatever the payload's length. */
  readonly announce?: bigint;
};

/** One frame as a client would send it, or as it never should. Built here so that no library is trusted. */
export function frame(opcode: number, payload: Buffer | string = '', options: FrameOptions = {}): Buffer {
  const bytes = Buffer.from(payload);
  const announced = options.announce ?? BigInt(bytes.length);
  const lengthBytes = options.lengthBytes ?? (announced < 126n ? 0 : announced < 65_536n ? 2 : 8);
  const mask = options.mask === undefined ? randomBytes(4) : options.mask;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = ((options.fin ?? true) ? 0x80 : 0) | ((options.rsv ?? 0) << 4) | opcode;
  head[1] =
    (mask === null ? 0 : 0x80) | (lengthBytes === 0 ? Number(announced) : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(Number(announced), 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(announced, 2);
  if (mask === null) return Buffer.concat([head, bytes]);
  const whole = Buffer.concat([head, mask, bytes]);
  const start = whole.length - bytes.length;
  for (let index = 0; index < bytes.length; index++) whole[start + index]! ^= mask[index & 3]!;
  return whole;
}

export function closeFrame(code?: number, reason: Buffer | string = ''): Buffer {
  if (code === undefined) return frame(Opcode.close);
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(Opcode.close, Buffer.concat([payload, Buffer.from(reason)]));
}

export type ReceivedFrame = {
  readonly fin: boolean;
  readonly opcode: number;
  /** RSV1: the payload is deflated. */
  readonly compressed: boolean;
  readonly masked: boolean;
  readonly payload: Buffer;
};

/** Inflated where it is compressed. Each frame is a message of its own, without context takeover. */
export function plainPayload(one: ReceivedFrame): Buffer {
  if (!one.compressed) return one.payload;
  const flushed = Buffer.concat([one.payload, Buffer.from('0000ffff', 'hex')]);
  return inflateRawSync(flushed, { finishFlush: constants.Z_SYNC_FLUSH });
}

export type RequestOptions = {
  readonly requestLine?: string;
  /** Headers by name; undefined takes the base header away, a list repeats it. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
};

/** A well-formed opening handshake with single changes. */
export function handshakeRequest(options: RequestOptions = {}): string {
  const headers: Record<string, string | readonly string[] | undefined> = {
    Host: 'gw.example.com',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    Origin: 'https://app.example.com',
    ...options.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined
      ? []
      : typeof value === 'string'
        ? [`${name}: ${value}`]
        : value.map((one) => `${name}: ${one}`),
  );
  return `${options.requestLine ?? 'GET / HTTP/1.1'}\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export type HttpAnswer = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
};

/** A TCP client that shows exactly what arrived: HTTP answer, then frames, then how the connection ended. */
export class RawClient extends EventEmitter implements AsyncDisposable {
  readonly socket: Socket;
  #buffer = Buffer.alloc(0);
  #answer: HttpAnswer | undefined;
  readonly frames: ReceivedFrame[] = [];
  ended = false;
  closed = false;
  /** Answer the other side's FIN with ours, as every client does. */
  endsToo = true;

  private constructor(socket: Socket) {
    super();
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#read();
      this.emit('change');
    });
    socket.on('end', () => {
      this.ended = true;
      if (this.endsToo) socket.end();
      this.emit('change');
    });
    socket.on('close', () => {
      this.closed = true;
      this.emit('change');
    });
  }

  static async connect(port: number, tls?: ConnectionOptions): Promise<RawClient> {
    const socket =
      tls === undefined
        ? connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
        : connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...tls });
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return new RawClient(socket);
  }

  /** On a socket that the test has connected itself. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  /** Connected, upgraded, and the INFO message read. */
  static async open(port: number, request: RequestOptions = {}, tls?: ConnectionOptions): Promise<RawClient> {
    const client = await RawClient.connect(port, tls);
    client.send(handshakeRequest(request));
    const answer = await client.answer();
    if (answer.status !== 101) throw new Error(`${answer.status} ${answer.body}`);
    await client.until(() => client.frames.length > 0);
    return client;
  }

  send(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** The HTTP answer, when it has come whole; throws when the connection closed without one. */
  async answer(): Promise<HttpAnswer> {
    await this.until(() => this.#answer !== undefined || this.closed || this.ended);
    if (this.#answer === undefined) throw new Error('closed without an answer');
    return this.#answer;
  }

  /** The answer's status, or 'close' when the connection ended without one. */
  async status(): Promise<number | 'close'> {
    return this.answer().then(
      (answer) => answer.status,
      () => 'close' as const,
    );
  }

  /** Payload bytes of all data frames so far, inflated, the INFO message included. */
  get data(): Buffer {
    return Buffer.concat(this.frames.filter((one) => one.opcode < 8).map(plainPayload));
  }

  /** Code and reason of the close frame, when it has come; undefined when the connection closed without one. */
  async closeReceived(): Promise<{ readonly code: number | undefined; readonly reason: string } | undefined> {
    const find = (): ReceivedFrame | undefined => this.frames.find((one) => one.opcode === Opcode.close);
    await this.until(() => find() !== undefined || this.closed);
    const found = find();
    if (found === undefined) return undefined;
    return {
      code: found.payload.length >= 2 ? found.payload.readUInt16BE() : undefined,
      reason: found.payload.toString('utf8', 2),
    };
  }

  async until(holds: () => boolean, timeoutMs = 30_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!holds()) await once(this, 'change', { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.until(() => this.closed);
  }

  #read(): void {
    if (this.#answer === undefined) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end === -1) return;
      const [statusLine = '', ...lines] = this.#buffer.toString('latin1', 0, end).split('\r\n');
      const headers = new Map(
        lines.map((line) => [
          line.slice(0, line.indexOf(':')).toLowerCase(),
          line.slice(line.indexOf(':') + 1).trim(),
        ]),
      );
      const status = Number(statusLine.split(' ')[1]);
      const length = Number(headers.get('content-length') ?? '0');
      if (status !== 101 && this.#buffer.length < end + 4 + length && !this.ended) return;
      this.#answer = {
        status,
        headers,
        body: status === 101 ? '' : this.#buffer.toString('utf8', end + 4, end + 4 + length),
      };
      this.#buffer = this.#buffer.subarray(end + 4 + (status === 101 ? 0 : length));
    }
    if (this.#answer.status === 101) while (this.#readFrame());
  }

  /** Bytes that belong to no answer and no frame. */
  get rest(): Buffer {
    return this.#buffer;
  }

  #readFrame(): boolean {
    const bytes = this.#buffer;
    if (bytes.length < 2) return false;
    const short = bytes[1]! & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < head) return false;
    const length =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < head + length) return false;
    this.frames.push({
      fin: (bytes[0]! & 0x80) !== 0,
      opcode: bytes[0]! & 0x0f,
      compressed: (bytes[0]! & 0x40) !== 0,
      masked: (bytes[1]! & 0x80) !== 0,
      payload: bytes.subarray(head, head + length),
    });
    this.#buffer = bytes.subarray(head + length);
    return true;
  }
}
