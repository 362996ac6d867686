/** Counts the payload of the frames that a server sends: arithmetic on headers, no look at the payload. */
export class PayloadCounter {
  /** Of data frames. */
  bytes = 0;
  #left = 0;
  #control = false;
  readonly #header = Buffer.alloc(10);
  #headerLength = 0;

  /** `onPayload` is given each piece, valid during the call. */
  push(chunk: Buffer, onPayload?: (piece: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at = this.#readHeader(chunk, at);
        continue;
      }
      const count = Math.min(this.#left, chunk.length - at);
      if (!this.#control) {
        this.bytes += count;
        onPayload?.(chunk.subarray(at, at + count));
      }
      this.#left -= count;
      at += count;
    }
  }

  #readHeader(chunk: Buffer, from: number): number {
    const header = this.#header;
    let at = from;
    while (at < chunk.length) {
      header[this.#headerLength++] = chunk[at++]!;
      if (this.#headerLength < 2) continue;
      const short = header[1]! & 0x7f;
      if (this.#headerLength < (short === 126 ? 4 : short === 127 ? 10 : 2)) continue;
      this.#left =
        short === 126 ? header.readUInt16BE(2) : short === 127 ? Number(header.readBigUInt64BE(2)) : short;
      this.#control = (header[0]! & 0x08) !== 0;
      this.#headerLength = 0;
      break;
    }
    return at;
  }
}
