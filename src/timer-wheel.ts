/**
 * One timer for all deadlines of all sessions. An idle session costs one entry in a linked list and no
 * `setTimeout` of its own.
 *
 * ```
 *  slots  [0] [1] [2] … [N-1]      a slot holds the entries due in one tick; entries farther away than one
 *          │                       round stay in their slot and are passed over until their round comes
 *          └▶ entry ⇄ entry ⇄ …
 * ```
 *
 * The wheel's clock is monotonic and counts processed time: after a freeze of the process (SIGSTOP, a paused
 * virtual machine) it goes on where it was, so that no deadline fires for a time in which nothing could be read.
 */
export const TICK_MS = 250;
const SLOTS = 512;
/** A tick may come this late before the delay counts as a freeze. */
const MAX_TICK_MS = 2000;

/** Extend this by whatever has deadlines; at most one deadline is pending for each entry. */
export abstract class WheelEntry {
  /** @internal kept by the wheel */ nextEntry: WheelEntry | undefined;
  /** @internal kept by the wheel */ previousEntry: WheelEntry | undefined;
  /** @internal kept by the wheel: tick at which the deadline passes, -1 when none is pending */ dueTick = -1;

  /** Called once when the deadline has passed; it may schedule again. */
  abstract onDeadline(): void;
}

class SlotHead extends WheelEntry {
  override onDeadline(): void {}
}

export class TimerWheel {
  /** Milliseconds of processed time; moves in steps of one tick. Read it where a system call would be too dear. */
  nowMs = 0;
  readonly #slots: SlotHead[] = [];
  #tick = 0;
  #pending = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastRealMs = 0;

  constructor() {
    for (let slot = 0; slot < SLOTS; slot++) {
      const head = new SlotHead();
      head.nextEntry = head;
      head.previousEntry = head;
      this.#slots.push(head);
    }
  }

  /** Counts up by one each 250 ms. */
  get tick(): number {
    return this.#tick;
  }

  /** Entries with a pending deadline. */
  get pending(): number {
    return this.#pending;
  }

  /** Runs by the real clock until `stop`. A test leaves this out and calls `advance`. */
  start(): void {
    // Whole milliseconds: each session keeps several, and only fractions take memory of their own.
    this.#lastRealMs = Math.floor(performance.now());
    this.#timer = setInterval(() => {
      const realMs = Math.floor(performance.now());
      const elapsedMs = Math.min(realMs - this.#lastRealMs, MAX_TICK_MS);
      this.#lastRealMs = realMs;
      this.advance(elapsedMs);
    }, TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Sets the entry's deadline, in place of an earlier one. It fires at or up to one tick after it. */
  schedule(entry: WheelEntry, delayMs: number): void {
    this.cancel(entry);
    const dueTick = Math.max(this.#tick + 1, Math.ceil((this.nowMs + delayMs) / TICK_MS));
    entry.dueTick = dueTick;
    const head = this.#slots[dueTick % SLOTS] as SlotHead;
    entry.previousEntry = head.previousEntry;
    entry.nextEntry = head;
    if (head.previousEntry !== undefined) head.previousEntry.nextEntry = entry;
    head.previousEntry = entry;
    this.#pending++;
  }

  /** Drops the pending deadline, if any. */
  cancel(entry: WheelEntry): void {
    if (entry.dueTick === -1) return;
    if (entry.previousEntry !== undefined) entry.previousEntry.nextEntry = entry.nextEntry;
    if (entry.nextEntry !== undefined) entry.nextEntry.previousEntry = entry.previousEntry;
    entry.nextEntry = undefined;
    entry.previousEntry = undefined;
    entry.dueTick = -1;
    this.#pending--;
  }

  /** Moves the clock and calls what fell due, in order. */
  advance(elapsedMs: number): void {
    const targetMs = this.nowMs + elapsedMs;
    while ((this.#tick + 1) * TICK_MS <= targetMs) {
      this.#tick++;
      this.nowMs = this.#tick * TICK_MS;
      this.#fire(this.#slots[this.#tick % SLOTS] as SlotHead);
    }
    this.nowMs = targetMs;
  }

  #fire(head: SlotHead): void {
    const due: WheelEntry[] = [];
    for (let entry = head.nextEntry; entry !== undefined && entry !== head; entry = entry.nextEntry) {
      if (entry.dueTick <= this.#tick) due.push(entry);
    }
    for (const entry of due) {
      // A neighbour's handler may have cancelled this one or given it a later deadline meanwhile.
      if (entry.dueTick === -1 || entry.dueTick > this.#tick) continue;
      this.cancel(entry);
      entry.onDeadline();
    }
  }
}
