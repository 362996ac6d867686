import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { PayloadCounter } from './payload-counter.ts';

/** How clients reach the subject. */
export type Target = {
  readonly port: number;
  readonly protocol: 'ws' | 'tcp';
  readonly tls: boolean;
  /** Of the request; `/` without it. */
  readonly path?: string;
  /** Sent as soon as INFO has come, where the other side is a real server. */
  readonly hello?: string;
};

/** `token`: of a client that says who it is. */
export const requestFor = (path: string, token?: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: binary',
    '\r\n',
  ].join('\r\n');

export const REQUEST = requestFor('/');

/** All plain sockets of this process read into it; each callback uses up what it was given. */
const receive = Buffer.allocUnsafeSlow(262_144);

/** Connects and hands every chunk to `onBytes`, valid during the call. */
export function openSocket(target: Target, onBytes: (chunk: Buffer) => void): Socket {
  const where = { host: '127.0.0.1', port: target.port, noDelay: true };
  if (target.tls) return connectTls({ ...where, rejectUnauthorized: false }).on('data', onBytes);
  const onread = {
    buffer: receive,
    callback: (length: number) => {
      onBytes(receive.subarray(0, length));
      return true;
    },
  };
  return connect({ ...where, onread } as NetConnectOpts);
}

/** One client that counts what arrives. */
export class Client {
  readonly socket: Socket;
  readonly #target: Target;
  readonly #counter = new PayloadCounter();
  readonly #opened = Promise.withResolvers<void>();
  /** The answer's head and what came behind it, until INFO is there. */
  #opening: Buffer | undefined = Buffer.alloc(0);
  /** Payload bytes behind the INFO line. */
  received = 0;
  /** Given each piece of payload, valid during the call. */
  onPayload: ((piece: Buffer) => void) | undefined;

  constructor(target: Target) {
    this.#target = target;
    this.socket = openSocket(target, (chunk) => this.#onBytes(chunk));
    this.socket.on('error', (error) => this.#opened.reject(error));
    this.socket.on('close', () => this.#opened.reject(new Error('the subject closed the connection')));
    if (target.protocol === 'ws') this.socket.write(requestFor(target.path ?? '/'));
  }

  /** Resolves when the INFO line has come. */
  async opened(): Promise<this> {
    await this.#opened.promise;
    return this;
  }

  #onBytes(chunk: Buffer): void {
    if (this.#opening !== undefined) this.#open(chunk);
    else if (this.#target.protocol === 'tcp') this.#take(chunk);
    else this.#counter.push(chunk, this.#take);
  }

  #take = (piece: Buffer): void => {
    this.received += piece.length;
    this.onPayload?.(piece);
  };

  #open(chunk: Buffer): void {
    this.#opening = Buffer.concat([this.#opening ?? chunk.subarray(0, 0), chunk]);
    const text = this.#opening.toString('latin1');
    if (this.#target.protocol === 'ws') {
      const head = text.indexOf('\r\n\r\n');
      if (head === -1) return;
      if (!text.startsWith('HTTP/1.1 101')) {
        this.#opened.reject(new Error(`the subject answered ${text.slice(0, 40)}`));
        return;
      }
      if (!text.includes('INFO ', head) || !text.endsWith('\r\n')) return;
    } else if (!text.endsWith('\r\n')) return;
    this.#opening = undefined;
    this.#opened.resolve();
  }
}
