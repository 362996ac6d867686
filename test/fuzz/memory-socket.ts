import { Duplex } from 'node:stream';

/**
 * A client connection without a network: what is pushed arrives in exactly these pieces, what is written leaves at
 * once. It has what the engines use of `net.Socket`, and the marks that the listener gives to accepted sockets.
 */
export class MemorySocket extends Duplex {
  readonly #sent: Buffer[] = [];

  constructor() {
    super({ allowHalfOpen: true, readableHighWaterMark: 65_536, writableHighWaterMark: 1 });
  }

  /** Everything that was written, the 101 included. */
  get sent(): Buffer {
    return Buffer.concat(this.#sent);
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // The writer may use its memory again when `done` was called.
    this.#sent.push(Buffer.from(chunk));
    done();
  }
}
