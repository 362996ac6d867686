/**
 * The PROXY protocol: a header before all other bytes of a TCP connection, in which a proxy says for whom it
 * connects. Version 1 is a line of text, version 2 is binary. Encoding and decoding, no I/O.
 *
 * ```
 *   v1   PROXY TCP4 203.0.113.9 192.0.2.1 50123 443 CR LF
 *   v2   0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A │ 2c │ fp │ length │ source, destination, ports │ TLVs
 *        signature                            version 2, command; family, protocol
 * ```
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export type ProxyVersion = 'v1' | 'v2';

/** One end of a TCP connection. Port 0: not known. */
export type Endpoint = { readonly address: string; readonly port: number };

/** What the first bytes of a connection are, as far as they tell. */
export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  /** `what`: a phrase such as "a port is not a number"; it quotes nothing that was received. */
  | { readonly kind: 'malformed'; readonly what: string }
  | {
      readonly kind: 'header';
      /** Bytes of the header; what follows belongs to the connection. */
      readonly length: number;
      /** Undefined where the sender speaks for itself (LOCAL) or does not know (UNKNOWN, UNSPEC). */
      readonly source: Endpoint | undefined;
      readonly destination: Endpoint | undefined;
    };

/** Longest header of version 1, CR LF included. */
export const MAX_V1_BYTES = 107;
/** Longest header of version 2 that is read: room for any honest TLVs (a client certificate's names). */
export const MAX_V2_BYTES = 4096;

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V1_START = Buffer.from('PROXY ');
const V2_FIXED_BYTES = 16;
const [LOCAL, PROXY] = [0x20, 0x21];
const [UNSPEC, TCP4, TCP6] = [0x00, 0x11, 0x21];
const CR = 0x0d;
const LF = 0x0a;

/**
 * The header that says: this connection is for `source`, who connected to `destination`. Without a usable source it
 * says LOCAL (v2) or UNKNOWN (v1), and the receiver uses the addresses of the TCP connection. Both ends must be of one
 * family; a destination of the other one becomes the address that means none.
 */
export function encodeProxyHeader(
  version: ProxyVersion,
  source: Endpoint | undefined,
  destination: Endpoint | undefined,
): Buffer {
  const from = source && numeric(source.address);
  if (source === undefined || from === undefined) {
    return version === 'v1'
      ? Buffer.from('PROXY UNKNOWN\r\n')
      : Buffer.concat([SIGNATURE, Buffer.from([LOCAL, UNSPEC, 0, 0])]);
  }
  const reached = destination && numeric(destination.address);
  const to = reached?.length === from.length ? reached : Buffer.alloc(from.length);
  const ports = [source.port, destination?.port ?? 0];
  if (version === 'v1') {
    const family = from.length === 4 ? 'TCP4' : 'TCP6';
    return Buffer.from(`PROXY ${family} ${textual(from)} ${textual(to)} ${ports.join(' ')}\r\n`);
  }
  const rest = Buffer.alloc(8);
  rest.writeUInt8(PROXY, 0);
  rest.writeUInt8(from.length === 4 ? TCP4 : TCP6, 1);
  rest.writeUInt16BE(2 * from.length + 4, 2);
  rest.writeUInt16BE(ports[0] ?? 0, 4);
  rest.writeUInt16BE(ports[1] ?? 0, 6);
  return Buffer.concat([SIGNATURE, rest.subarray(0, 4), from, to, rest.subarray(4)]);
}

/**
 * Reads the header of either version at the start of `bytes`, which is all that has come so far. A verdict falls as
 * soon as no further byte can change it, and never needs more than MAX_V2_BYTES.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? INCOMPLETE : readV1(bytes);
  if (startsLike(bytes, SIGNATURE)) return bytes.length < V2_FIXED_BYTES ? partOfV2(bytes) : readV2(bytes);
  return malformed('the connection does not begin with a PROXY header');
}

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const malformed = (what: string): ProxyHeader => ({ kind: 'malformed', what });

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1_BYTES).findIndex((byte) => byte === CR || byte === LF);
  if (end === -1) {
    return bytes.length < MAX_V1_BYTES ? INCOMPLETE : malformed('the line is over 107 bytes');
  }
  if (bytes[end] === LF) return malformed('the line does not end in CR LF');
  if (end + 1 >= MAX_V1_BYTES) return malformed('the line is over 107 bytes');
  if (bytes.length === end + 1) return INCOMPLETE;
  if (bytes[end + 1] !== LF) return malformed('the line does not end in CR LF');
  const length = end + 2;
  const [family, ...words] = bytes.toString('latin1', V1_START.length, end).split(' ');
  // What follows UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { kind: 'header', length, source: undefined, destination: undefined };
  if (family !== 'TCP4' && family !== 'TCP6') return malformed('its family is not TCP4, TCP6 or UNKNOWN');
  const [from = '', to = '', fromPort = '', toPort = '', ...more] = words;
  if (words.length < 4 || more.length > 0) return malformed('it does not have two addresses and two ports');
  const fits = family === 'TCP4' ? isIPv4 : isPlainIpv6;
  if (!fits(from) || !fits(to)) return malformed('an address is not of its family');
  const [sourcePort, destinationPort] = [portOf(fromPort), portOf(toPort)];
  if (sourcePort === undefined || destinationPort === undefined) return malformed('a port is not one');
  return {
    kind: 'header',
    length,
    source: { address: canonical(from), port: sourcePort },
    destination: { address: canonical(to), port: destinationPort },
  };
}

/** The fixed part of version 2 has not come whole. */
function partOfV2(bytes: Buffer): ProxyHeader {
  const command = bytes[SIGNATURE.length];
  const known = command === undefined || command === LOCAL || command === PROXY;
  return known ? INCOMPLETE : malformed('its version or command is not known');
}

function readV2(bytes: Buffer): ProxyHeader {
  const command = bytes[12];
  const family = bytes[13];
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return malformed('its version or command is not known');
  if (length > MAX_V2_BYTES) return malformed('it is over 4 KiB');
  const speaksForItself = command === LOCAL || family === UNSPEC;
  const size = speaksForItself ? 0 : family === TCP4 ? 4 : family === TCP6 ? 16 : undefined;
  if (size === undefined) return malformed('it is not about TCP over IP');
  if (!speaksForItself && length < V2_FIXED_BYTES + 2 * size + 4)
    return malformed('it is too short for its addresses');
  if (bytes.length < length) return INCOMPLETE;
  if (speaksForItself) return { kind: 'header', length, source: undefined, destination: undefined };
  const [from, to, ports] = [V2_FIXED_BYTES, V2_FIXED_BYTES + size, V2_FIXED_BYTES + 2 * size];
  return {
    kind: 'header',
    length,
    source: { address: textual(bytes.subarray(from, to)), port: bytes.readUInt16BE(ports) },
    destination: { address: textual(bytes.subarray(to, ports)), port: bytes.readUInt16BE(ports + 2) },
  };
}

function portOf(text: string): number | undefined {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

const isPlainIpv6 = (text: string): boolean => isIPv6(text) && !text.includes('%');

/** 4 or 16 bytes of an IP literal, 4 for an IPv4 address mapped into IPv6; undefined for anything else. */
function numeric(text: string): Buffer | undefined {
  const zone = text.indexOf('%');
  const literal = zone === -1 ? text : text.slice(0, zone);
  if (isIPv4(literal)) return Buffer.from(literal.split('.').map(Number));
  if (!isIPv6(literal)) return undefined;
  const [head = '', tail] = literal.split('::');
  const [front, back] = [groupBytes(head), groupBytes(tail ?? '')];
  const bytes = Buffer.alloc(16);
  Buffer.from(front).copy(bytes, 0);
  Buffer.from(back).copy(bytes, 16 - back.length);
  return isMapped(bytes) ? bytes.subarray(12) : bytes;
}

function groupBytes(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function isMapped(bytes: Buffer): boolean {
  return bytes.readUInt16BE(10) === 0xffff && bytes.subarray(0, 10).every((byte) => byte === 0);
}

/** The usual spelling; an IPv4 address mapped into IPv6 comes out as IPv4. */
function textual(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function canonical(literal: string): string {
  const bytes = numeric(literal);
  return bytes === undefined ? literal : textual(bytes);
}
