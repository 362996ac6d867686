/** The header of a WebSocket frame (RFC 6455 §5.2), read in one place for the frame reader and the frame meter. */

export const FINAL = 0x80;
export const RESERVED = 0x70;
export const MASKED = 0x80;
/** Bit of the opcodes of control frames. */
export const CONTROL = 0x08;

/** Data and control opcodes. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** 2 bytes, 8 of length, 4 of mask. */
export const MAX_HEADER_BYTES = 14;
const MASK_BYTES = 4;
const LENGTH_16 = 126;

/** Offset after the length field, by the second byte: 2, 4 or 10. */
export function lengthEnd(second: number): number {
  const short = second & 0x7f;
  return short < LENGTH_16 ? 2 : short === LENGTH_16 ? 4 : 10;
}

/** Bytes of the whole header, by its second byte: with mask where it says so. */
export const headerLength = (second: number): number =>
  lengthEnd(second) + ((second & MASKED) === 0 ? 0 : MASK_BYTES);

/** The payload length of the header at `at`, whose length field must be complete. Imprecise above 2^53. */
export function payloadLength(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short < LENGTH_16) return short;
  if (short === LENGTH_16) return ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return bytes.readUInt32BE(at + 2) * 0x1_0000_0000 + bytes.readUInt32BE(at + 6);
}

/** Bytes of the header of an unmasked frame with this payload, in the shortest length form. */
export const sentHeaderLength = (payload: number): number =>
  payload < LENGTH_16 ? 2 : payload <= 0xffff ? 4 : 10;
