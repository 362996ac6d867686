import { type IpAddress, ipv6Groups } from '../net/ip-address.ts';

/** Both of one family. */
export type Endpoint = { readonly address: IpAddress; readonly port: number };
export type Sender = 'client' | 'server';

const FIN = 0x01;
const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;
const TCP_HEADER_BYTES = 20;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
/** The most that one IPv4 packet carries after both headers. */
export const MAX_SEGMENT_BYTES = 0xffff - IPV4_HEADER_BYTES - TCP_HEADER_BYTES;
/** A window of 1 GiB: NOP, window scale 14. What is in flight never fills it. */
const SYN_OPTIONS = Buffer.from([0x01, 0x03, 0x03, 0x0e]);
const TCP = 6;
const HOPS = 64;

/**
 * One TCP connection that never was, as the IP packets of it: Wireshark puts its stream together as that of a real one.
 * Sequence numbers, lengths and checksums are right. Nothing gets lost, and each packet acknowledges all before it.
 */
export class InventedTcp {
  readonly #ends: Readonly<Record<Sender, Endpoint>>;
  readonly #sequence: Record<Sender, number> = { client: 0, server: 0 };
  readonly #segmentBytes: number;

  constructor(client: Endpoint, server: Endpoint, segmentBytes = MAX_SEGMENT_BYTES) {
    this.#ends = { client, server };
    this.#segmentBytes = segmentBytes;
  }

  /** The three packets that open it. */
  open(): readonly (readonly [Sender, Buffer])[] {
    return [
      ['client', this.#packet('client', SYN)],
      ['server', this.#packet('server', SYN | ACK)],
      ['client', this.#packet('client', ACK)],
    ];
  }

  /** The packets that carry `bytes`. */
  *send(from: Sender, bytes: Buffer): Generator<Buffer> {
    for (let start = 0; start < bytes.length; start += this.#segmentBytes)
      yield this.#packet(from, ACK | PSH, bytes.subarray(start, start + this.#segmentBytes));
  }

  /** The three packets that close it. */
  close(from: Sender): readonly (readonly [Sender, Buffer])[] {
    const to: Sender = from === 'client' ? 'server' : 'client';
    return [
      [from, this.#packet(from, FIN | ACK)],
      [to, this.#packet(to, FIN | ACK)],
      [from, this.#packet(from, ACK)],
    ];
  }

  #packet(from: Sender, flags: number, data: Buffer = NOTHING): Buffer {
    const to: Sender = from === 'client' ? 'server' : 'client';
    const options = (flags & SYN) === 0 ? NOTHING : SYN_OPTIONS;
    const header = Buffer.alloc(TCP_HEADER_BYTES);
    header.writeUInt16BE(this.#ends[from].port, 0);
    header.writeUInt16BE(this.#ends[to].port, 2);
    header.writeUInt32BE(this.#sequence[from], 4);
    if ((flags & ACK) !== 0) header.writeUInt32BE(this.#sequence[to], 8);
    header[12] = ((TCP_HEADER_BYTES + options.length) / 4) << 4;
    header[13] = flags;
    header.writeUInt16BE(0xffff, 14);
    const used = data.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
    this.#sequence[from] = (this.#sequence[from] + used) >>> 0;
    const segment = Buffer.concat([header, options, data]);
    return ipPacket(this.#ends[from].address, this.#ends[to].address, segment);
  }
}

/** Writes the checksum into `segment`. */
function ipPacket(from: IpAddress, to: IpAddress, segment: Buffer): Buffer {
  const addresses = Buffer.concat([bytesOf(from), bytesOf(to)]);
  segment.writeUInt16BE(checksum(Buffer.concat([addresses, pseudoTail(segment.length), segment])), 16);
  if (from.family === 'ipv6') {
    const header = Buffer.alloc(IPV6_HEADER_BYTES);
    header[0] = 0x60;
    header.writeUInt16BE(segment.length, 4);
    header[6] = TCP;
    header[7] = HOPS;
    addresses.copy(header, 8);
    return Buffer.concat([header, segment]);
  }
  const header = Buffer.alloc(IPV4_HEADER_BYTES);
  header[0] = 0x45;
  header.writeUInt16BE(IPV4_HEADER_BYTES + segment.length, 2);
  header.writeUInt16BE(0x4000, 6); // never in fragments
  header[8] = HOPS;
  header[9] = TCP;
  addresses.copy(header, 12);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, segment]);
}

/** The end of the pseudo header; its zeros may be as many as in either family. */
function pseudoTail(segmentBytes: number): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(segmentBytes, 0);
  tail[7] = TCP;
  return tail;
}

function bytesOf({ family, text }: IpAddress): Buffer {
  if (family === 'ipv4') return Buffer.from(text.split('.').map(Number));
  return Buffer.from((ipv6Groups(text) ?? []).flatMap((group) => [group >> 8, group & 0xff]));
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += (bytes.at(-1) as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const NOTHING = Buffer.alloc(0);
