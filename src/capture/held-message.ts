import type { OperationEvent } from './format.ts';

type Message = Omit<OperationEvent, 't' | 'b'>;

/** A message whose payload is still to come. It keeps as much of that as is recorded. */
export class HeldMessage {
  readonly #message: Message;
  readonly #kept: Buffer;
  readonly #bytes: number;
  #seen = 0;

  /** `bytes`: of headers and payload; of these `most` are recorded. */
  constructor(message: Message, bytes: number, most: number) {
    this.#message = message;
    this.#bytes = bytes;
    this.#kept = Buffer.allocUnsafeSlow(Math.min(bytes, most));
  }

  /** The piece is only read during the call. True: the message is whole. */
  add(piece: Buffer): boolean {
    piece.copy(this.#kept, Math.min(this.#seen, this.#kept.length));
    this.#seen += piece.length;
    return this.#seen >= this.#bytes;
  }

  /** What there is of it. */
  event(t: number): OperationEvent {
    const kept = Math.min(this.#seen, this.#kept.length);
    const note = `of ${this.#bytes} bytes the first ${kept} are recorded`;
    const b = this.#kept.toString('base64', 0, kept);
    return { t, ...this.#message, b, ...(kept < this.#bytes ? { note } : {}) };
  }
}
