import type { WebSocket } from 'ws';

/** What ws keeps for a session with permessage-deflate (ws 8.23, held by test/gateway/compression.test.ts). */
type Deflater = {
  compress(data: Buffer, fin: boolean, done: Done): void;
  decompress(data: Buffer, fin: boolean, done: Done): void;
  /** Frees both zlib streams; the next use makes new ones. */
  cleanup(): void;
};

type Done = (error: Error | null | undefined, data?: Buffer) => void;
type Inflation = { readonly data: Buffer; readonly fin: boolean; readonly done: Done };

export type DeflateObserver = {
  /** Called right before a message is inflated, so that the owner can hand on what came before, or pause. */
  beforeInflate(): void;
  onDeflated(bytes: number): void;
  /** Some of `unsentBytes` are with the kernel now, or were dropped. */
  onSent(): void;
};

const NOTHING = Buffer.alloc(0);
/** Bytes that wait for zlib or the kernel before the owner must stop: one read is deflated, one waits. */
const MAX_UNSENT_BYTES = 64 * 1024;

/**
 * Stands between ws and zlib. A read of 64 KiB may hold messages that inflate to a thousand times as much, and ws
 * goes on inflating them while the socket is paused; the gate holds the next one back until `resume`. After `shut`
 * nothing is inflated any more: each message is then empty, and ws still finds the close frame behind them.
 */
export class DeflateGate {
  /** Bytes that ws has and the kernel has not. */
  unsentBytes = 0;
  readonly #webSocket: WebSocket;
  readonly #deflater: Deflater;
  readonly #observer: DeflateObserver;
  #isPaused = false;
  #isShut = false;
  #held: Inflation | undefined;
  #running = 0;
  #isUsed = false;

  /** @throws when the session has no permessage-deflate. */
  constructor(webSocket: WebSocket, observer: DeflateObserver) {
    const { _extensions: extensions } = webSocket as unknown as { _extensions: Record<string, Deflater> };
    const deflater = extensions['permessage-deflate'];
    if (deflater === undefined) throw new Error('ws keeps permessage-deflate elsewhere in this version');
    this.#webSocket = webSocket;
    this.#deflater = deflater;
    this.#observer = observer;
    const inflate = deflater.decompress.bind(deflater);
    const deflate = deflater.compress.bind(deflater);
    deflater.decompress = (data, fin, done) => {
      this.#observer.beforeInflate();
      const inflation = { data, fin, done: this.#counted(done) };
      if (this.#isPaused && !this.#isShut) this.#held = inflation;
      else this.#run(inflation);
    };
    deflater.compress = (data, fin, done) => {
      const counted = this.#counted(done);
      deflate(data, fin, (error, deflated) => {
        if (deflated !== undefined) this.#observer.onDeflated(deflated.length);
        counted(error, deflated);
      });
    };
    this.#inflate = inflate;
  }

  readonly #inflate: Deflater['decompress'];

  /** Sends one message. False: write no more until `onSent` comes with nothing unsent. */
  send(message: Buffer): boolean {
    // zlib reads it later, in another thread.
    const copy = Buffer.allocUnsafeSlow(message.length);
    message.copy(copy);
    this.unsentBytes += copy.length;
    this.#webSocket.send(copy, () => {
      this.unsentBytes -= copy.length;
      this.#observer.onSent();
    });
    return this.unsentBytes <= MAX_UNSENT_BYTES;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#release();
  }

  shut(): void {
    this.#isShut = true;
    this.#release();
  }

  /** Frees zlib's memory when nothing was inflated or deflated since the last call. Not within a message. */
  releaseIfIdle(): void {
    if (this.#running === 0 && !this.#isUsed) this.#deflater.cleanup();
    this.#isUsed = false;
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#run(held);
  }

  #run({ data, fin, done }: Inflation): void {
    // Not at once: ws calls this within its loop, and the stack would grow with each message.
    if (this.#isShut) queueMicrotask(() => done(null, NOTHING));
    else this.#inflate(data, fin, done);
  }

  #counted(done: Done): Done {
    this.#isUsed = true;
    this.#running++;
    return (error, data) => {
      this.#running--;
      done(error, data);
    };
  }
}
