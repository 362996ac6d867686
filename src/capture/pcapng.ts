/** Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian; packets begin with their IP header. */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const LINKTYPE_RAW = 101;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const NANOSECONDS = 9;
const MAX_OPTION_BYTES = 4096;

const COMMENT = 1;
const APPLICATION = 4;
const INTERFACE_NAME = 2;
const INTERFACE_DESCRIPTION = 3;
const TIME_RESOLUTION = 9;
const PACKET_FLAGS = 2;

type Option = readonly [code: number, value: Buffer];

export function sectionBlock(application: string, comment: string): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  body.writeUInt16LE(1, 4);
  // The length of the section is not known yet.
  body.fill(0xff, 8);
  return block(SECTION_HEADER, body, [
    [COMMENT, Buffer.from(comment)],
    [APPLICATION, Buffer.from(application)],
  ]);
}

/** The first is number 0. */
export function interfaceBlock(name: string, description: string): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_RAW, 0);
  return block(INTERFACE, body, [
    [INTERFACE_NAME, Buffer.from(name)],
    [INTERFACE_DESCRIPTION, Buffer.from(description)],
    [TIME_RESOLUTION, Buffer.of(NANOSECONDS)],
  ]);
}

export type CapturedPacket = {
  readonly interfaceNumber: number;
  readonly nanoseconds: bigint;
  /** Towards natsgate. */
  readonly isInbound: boolean;
  readonly bytes: Buffer;
  readonly comment: string | undefined;
};

export function packetBlock(packet: CapturedPacket): Buffer {
  const { interfaceNumber, nanoseconds, isInbound, bytes, comment } = packet;
  const head = Buffer.alloc(20);
  head.writeUInt32LE(interfaceNumber, 0);
  head.writeUInt32LE(Number(nanoseconds >> 32n), 4);
  head.writeUInt32LE(Number(nanoseconds & 0xffff_ffffn), 8);
  head.writeUInt32LE(bytes.length, 12);
  head.writeUInt32LE(bytes.length, 16);
  const flags: Option = [PACKET_FLAGS, Buffer.of(isInbound ? 1 : 2, 0, 0, 0)];
  const said: readonly Option[] = comment === undefined ? [] : [[COMMENT, Buffer.from(comment)]];
  return block(ENHANCED_PACKET, Buffer.concat([head, padded(bytes)]), [...said, flags]);
}

function block(type: number, body: Buffer, options: readonly Option[]): Buffer {
  const written = options.map(([code, value]) => {
    const head = Buffer.alloc(4);
    const cut = value.subarray(0, MAX_OPTION_BYTES);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(cut.length, 2);
    return Buffer.concat([head, padded(cut)]);
  });
  const length = Buffer.alloc(4);
  const content = Buffer.concat([body, ...written, Buffer.alloc(4)]);
  length.writeUInt32LE(content.length + 12, 0);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(type, 0);
  return Buffer.concat([head, length, content, length]);
}

/** Filled up to a multiple of 4. */
function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
