import { BufferPool, READ_BYTES } from '../../src/bytes/buffer-pool.ts';
import type { ClientEnd } from '../../src/websocket/byte-socket.ts';
import { OPCODES } from '../../src/websocket/frame-counters.ts';
import { type ControlFrames, FrameReader } from '../../src/websocket/frame-reader.ts';
import { fastestUnmask } from '../../src/websocket/unmask.ts';

/** All that a frame reader has told. Payload and control frames apart: what came in one read is joined. */
export type FramesRead = {
  readonly bytes: Buffer;
  /** `ping <hex>` and `pong`, in order. */
  readonly control: readonly string[];
  readonly end: ClientEnd | undefined;
  readonly closed: boolean;
  readonly broken: boolean;
  readonly controlFrames: number;
  /** By OPCODES. */
  readonly frames: readonly number[];
};

/** Poisoned, so that whatever a reader should have copied out of the receive area and did not is seen. */
const pool = new BufferPool({ slots: 1, poison: true });
const unmask = fastestUnmask(pool.bytes, pool.memory);

/** What the cut-through engine does with each read, without a socket: pieces in, a record of everything out. */
export class RecordedReader implements ControlFrames {
  readonly reader: FrameReader;
  readonly control: string[] = [];
  readonly frames = new Float64Array(OPCODES.length);
  #bytes = Buffer.alloc(256);
  #length = 0;

  constructor(maxFrameBytes: number) {
    this.reader = new FrameReader(
      { pool, unmask, maxFrameBytes, counters: { clientFrames: this.frames } },
      this,
    );
  }

  onPing(payload: Buffer): void {
    this.control.push(`ping ${payload.toString('hex')}`);
  }

  onPong(): void {
    this.control.push('pong');
  }

  feed(piece: Buffer): void {
    for (let from = 0; from < piece.length; from += READ_BYTES) {
      const length = piece.copy(pool.receive, 0, from, from + READ_BYTES);
      const slot = pool.take();
      const end = this.reader.read(0, length, slot);
      this.#keep(slot, end);
      pool.received(length);
      pool.untake(slot);
    }
  }

  /** A view; valid until the next piece. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  result(): FramesRead {
    const { end, closed, broken, controlFrames } = this.reader;
    const bytes = Buffer.from(this.bytes);
    return { bytes, control: this.control, end, closed, broken, controlFrames, frames: [...this.frames] };
  }

  #keep(from: number, to: number): void {
    const length = this.#length + to - from;
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * length);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    pool.bytes.copy(this.#bytes, this.#length, from, to);
    this.#length = length;
  }
}

export function readFrames(pieces: Iterable<Buffer>, maxFrameBytes: number): FramesRead {
  const recorded = new RecordedReader(maxFrameBytes);
  for (const piece of pieces) recorded.feed(piece);
  return recorded.result();
}
