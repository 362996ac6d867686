import { READ_BYTES } from '../bytes/buffer-pool.ts';
import type { ClientEnd, FrameWatcher } from './byte-socket.ts';

export type PortionsOwner = {
  /** READ_BYTES at most. */
  onPortion(portion: Buffer): void;
  /** `heldBytes` may have changed. */
  onHeld(): void;
  stopReading(): void;
  read(): void;
  /** Everything before the end was handed on. */
  onLastPortion(end: ClientEnd): void;
};

/**
 * Hands on whole messages in portions of at most one read. All messages of one turn leave as one piece; if they are
 * more than a portion, one portion leaves in each turn. To inspect 8 MiB in one turn would delay all sessions for
 * seconds.
 *
 * ```
 *   add() ──end of the turn──▶ portion ──more is left: stopReading()──▶ next turn: portion … ──▶ read()
 * ```
 *
 * While the owner has paused, no portion leaves. At the end of the stream all of them leave.
 */
export class Portions {
  readonly #owner: PortionsOwner;
  #messages: Buffer[] = [];
  /** Bytes of all messages together. */
  #bytes = 0;
  /** More waits than this turn may hand on, or the owner has paused; nothing more is read meanwhile. */
  #isBehind = false;
  #isPaused = false;
  #hasTurn = false;
  /** The stream has ended like this, and what came before that is still being handed on. */
  dueEnd: ClientEnd | undefined;
  /** Nothing is handed on any more. */
  isShut = false;
  watcher: FrameWatcher | undefined;
  /** The first message is the rest of one, the beginning of which was handed on. */
  #isRest = false;

  constructor(owner: PortionsOwner) {
    this.#owner = owner;
  }

  /** Bytes that wait longer than for the end of their turn. */
  get heldBytes(): number {
    return this.#isBehind ? this.#bytes : 0;
  }

  get endIsDue(): boolean {
    return this.dueEnd !== undefined;
  }

  add(message: Buffer): void {
    if (this.isShut || this.endIsDue || message.length === 0) return;
    if (this.#bytes === 0) queueMicrotask(this.flush);
    this.#messages.push(message);
    this.#bytes += message.length;
  }

  pause(): void {
    this.#isPaused = true;
    this.#owner.stopReading();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isBehind) this.#handOnSoon();
    else this.#owner.read();
  }

  /** The first end counts. It is passed on at once where nothing waits. */
  end(end: ClientEnd): void {
    if (this.isShut || this.endIsDue) return;
    // Messages that were complete before the end still go upstream.
    this.flush();
    if (this.isShut) return;
    if (!this.#isBehind) return this.#owner.onLastPortion(end);
    this.dueEnd = end;
    this.#handOnSoon();
  }

  shut(): void {
    this.isShut = true;
    this.#messages = [];
    this.#bytes = 0;
    this.#isBehind = false;
    this.dueEnd = undefined;
  }

  /** What the turn has brought so far; 8 µs a message upstream without the wait for its end, 2 with (Node 20). */
  readonly flush = (): void => {
    if (!this.#isBehind && this.#bytes > 0) this.#handOn();
  };

  /** One portion. What is left then waits for the next turn, or for the owner. */
  #handOn(): void {
    const mayGo = !this.#isPaused || this.endIsDue;
    if (mayGo && this.#bytes > 0) this.#owner.onPortion(this.#take());
    if (this.isShut) return;
    const wasBehind = this.#isBehind;
    this.#isBehind = this.#bytes > 0;
    this.#owner.onHeld();
    if (this.#isBehind) {
      if (!wasBehind) this.#owner.stopReading();
      this.#handOnSoon();
    } else if (this.dueEnd !== undefined) this.#owner.onLastPortion(this.dueEnd);
    else if (wasBehind && !this.#isPaused) this.#owner.read();
  }

  #handOnSoon(): void {
    if (this.#hasTurn || (this.#isPaused && !this.endIsDue)) return;
    this.#hasTurn = true;
    setImmediate(() => {
      this.#hasTurn = false;
      if (this.#isBehind) this.#handOn();
    });
  }

  /** As many messages as fit into a portion, or a part of a longer one. There is one. */
  #take(): Buffer {
    const first = this.#messages[0] as Buffer;
    if (!this.#isRest) this.watcher?.onFrame(0);
    this.#isRest = first.length > READ_BYTES;
    if (this.#isRest) {
      this.#messages[0] = first.subarray(READ_BYTES);
      return this.#taken(first.subarray(0, READ_BYTES));
    }
    let length = first.length;
    let count = 1;
    for (let next = this.#messages[count]; next !== undefined; next = this.#messages[++count]) {
      if (length + next.length > READ_BYTES) break;
      this.watcher?.onFrame(length);
      length += next.length;
    }
    const whole = this.#messages.splice(0, count);
    return this.#taken(count === 1 ? first : Buffer.concat(whole, length));
  }

  #taken(portion: Buffer): Buffer {
    this.#bytes -= portion.length;
    return portion;
  }
}
