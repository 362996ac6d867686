/** Where the arguments of a control line are: tokens between blanks, up to the line end. */

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const BLANK = 0x20;
/** No operation has more than five. */
const MAX_KEPT = 6;
const MAX_SIZE_DIGITS = 9;

export const isBlank = (byte: number | undefined): boolean => byte === BLANK || byte === TAB;

export type ScanResult = 'whole' | 'incomplete' | 'no_argument' | 'lone_cr';

export class Arguments {
  /** Of all; of the first six it is known where they are. */
  count = 0;
  readonly starts = new Int32Array(MAX_KEPT);
  readonly ends = new Int32Array(MAX_KEPT);
  /** Before CR LF, or before a bare LF. */
  lineEnd = 0;
  /** After LF. */
  next = 0;

  /**
   * Reads from `start`, the blank after the verb. Towards the client an LF in the subject, the first token, is a byte of
   * it (see `HeldLine.endIn`), and so is a CR: a publisher's may be part of a subject that the server delivers.
   */
  scan(bytes: Buffer, start: number, end: number, toClient: boolean): ScanResult {
    const { starts, ends } = this;
    let at = start;
    let count = 0;
    for (;;) {
      let byte = bytes[at] as number;
      while (byte === BLANK || byte === TAB) {
        at++;
        if (at >= end) return 'incomplete';
        byte = bytes[at] as number;
      }
      if (byte === LF && (count > 0 || !toClient)) {
        this.lineEnd = at;
        at++;
        break;
      }
      if (byte === CR) {
        if (at + 1 >= end) return 'incomplete';
        if (bytes[at + 1] === LF) {
          this.lineEnd = at;
          at += 2;
          break;
        }
        if (!toClient) return 'lone_cr';
      }
      if (count < MAX_KEPT) starts[count] = at;
      for (;;) {
        at++;
        if (at >= end) return 'incomplete';
        byte = bytes[at] as number;
        if (byte > BLANK) continue;
        if (byte === BLANK || byte === TAB) break;
        if (byte === LF) {
          if (count === 0 && toClient) continue;
          break;
        }
        if (byte !== CR) continue;
        if (at + 1 >= end) return 'incomplete';
        if (bytes[at + 1] === LF) break;
        if (!toClient) return 'lone_cr';
      }
      if (count < MAX_KEPT) ends[count] = at;
      count++;
    }
    this.count = count;
    this.next = at;
    return count === 0 ? 'no_argument' : 'whole';
  }

  /** The number in one of them, or -1 when it is not one to nine digits. */
  sizeAt(bytes: Buffer, index: number): number {
    const start = this.starts[index] as number;
    const end = this.ends[index] as number;
    if (end - start > MAX_SIZE_DIGITS) return -1;
    let size = 0;
    for (let at = start; at < end; at++) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) return -1;
      size = size * 10 + digit;
    }
    return size;
  }
}
