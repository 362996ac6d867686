/** Whole messages that are handed on in portions, in order. */
export class Portions {
  #messages: Buffer[] = [];
  /** Of all messages together. */
  bytes = 0;

  add(message: Buffer): void {
    this.#messages.push(message);
    this.bytes += message.length;
  }

  /** The next bytes, `most` of them at most; undefined where there are none. Of a longer message it is a part. */
  take(most: number): Buffer | undefined {
    const [first] = this.#messages;
    if (first === undefined) return undefined;
    if (first.length > most) {
      this.#messages[0] = first.subarray(most);
      return this.#taken(first.subarray(0, most));
    }
    let length = first.length;
    let count = 1;
    for (let next = this.#messages[count]; next !== undefined; next = this.#messages[++count]) {
      if (length + next.length > most) break;
      length += next.length;
    }
    const whole = this.#messages.splice(0, count);
    return this.#taken(count === 1 ? first : Buffer.concat(whole, length));
  }

  clear(): void {
    this.#messages = [];
    this.bytes = 0;
  }

  #taken(portion: Buffer): Buffer {
    this.bytes -= portion.length;
    return portion;
  }
}
