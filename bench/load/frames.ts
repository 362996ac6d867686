/** Messages and frames that are built once, before the clock runs. */

/** A PUB operation of exactly `length` bytes. */
export function publish(length: number): Buffer {
  for (let payload = length; payload >= 0; payload--) {
    const head = `PUB bench.subject ${payload}\r\n`;
    if (head.length + payload + 2 === length) return Buffer.from(`${head}${'x'.repeat(payload)}\r\n`);
  }
  throw new Error(`no PUB operation has ${length} bytes`);
}

/** A binary FIN frame as a client sends it. */
export function maskedFrame(payload: Buffer, mask: number): Buffer {
  return Buffer.concat([header(0x82, payload.length, mask), xor(payload, mask)]);
}

/** Close frame with code 1000. */
export const MASKED_CLOSE: Buffer = Buffer.concat([
  header(0x88, 2, 0x1234_5678),
  xor(Buffer.from([0x03, 0xe8]), 0x1234_5678),
]);

export type Block = {
  /** What a WebSocket client sends: one frame for each message, every one with another mask. */
  readonly wire: Buffer;
  /** What must come out behind a gateway. */
  readonly payload: Buffer;
  readonly messages: number;
};

/** About 1 MiB of equal messages, so many in each frame. */
export function block(messageBytes: number, perFrame = 1): Block {
  const message = publish(messageBytes);
  const count = Math.max(1, Math.floor(1_048_576 / messageBytes / perFrame));
  const content = Buffer.concat(Array.from({ length: perFrame }, () => message));
  let mask = 0x9e37_79b9;
  const frames = Array.from({ length: count }, () => {
    mask = (Math.imul(mask, 1_664_525) + 1_013_904_223) >>> 0;
    return maskedFrame(content, mask);
  });
  return {
    wire: Buffer.concat(frames),
    payload: Buffer.concat(Array.from({ length: count }, () => content)),
    messages: count * perFrame,
  };
}

function header(first: number, length: number, mask: number): Buffer {
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const bytes = Buffer.alloc(2 + size + 4);
  bytes[0] = first;
  bytes[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) bytes.writeUInt16BE(length, 2);
  if (size === 8) bytes.writeBigUInt64BE(BigInt(length), 2);
  bytes.writeUInt32BE(mask, 2 + size);
  return bytes;
}

function xor(payload: Buffer, mask: number): Buffer {
  return Buffer.from(payload.map((byte, index) => byte ^ (mask >>> (24 - 8 * (index & 3)))));
}
