import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';

/**
 * Nkeys: Ed25519 keys as NATS writes them, in base32 with a prefix that names their kind and a checksum.
 *
 * ```
 *  public key   56 characters   1 byte kind                      · 32 bytes key   · CRC-16, low byte first
 *  seed         58 characters   2 bytes: S (5 bits), then kind   · 32 bytes seed  · the same
 * ```
 */

export type NkeySigner = {
  /** As it is in the configuration of a nats-server. */
  readonly publicKey: string;
  /** Signature of the text's bytes, base64url without padding. */
  readonly sign: (text: string) => string;
};

/** The problem says what to write instead and quotes nothing of the seed. */
export type SeedReading =
  | { readonly ok: true; readonly signer: NkeySigner }
  | { readonly ok: false; readonly problem: string };

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const SEED_CHARACTERS = 58;
const PUBLIC_CHARACTERS = 56;
const KEY_BYTES = 32;
/** The letter S in the upper five bits of the first byte. */
const SEED_PREFIX = 0x90;
const ACCOUNT = 0x00;
const USER = 0xa0;
/** Account, cluster, server, operator, user: the kinds that sign. Curve keys (X) do not. */
const SIGNING_KINDS: readonly number[] = [ACCOUNT, 0x10, 0x68, 0x70, USER];
/** What precedes the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

const HOW = 'write a file with the seed alone, one line that begins with S, as nk -gen user prints it';

/**
 * Reads the content of a seed file: one seed, blanks around it are no matter. The bytes are not kept; key material
 * lies in the closure of `sign` from then on.
 */
export function readSeed(content: Buffer): SeedReading {
  const text = trimmed(content);
  if (text.length === 0) return problem(`the file is empty; ${HOW}`);
  const raw = decodeBase32(text);
  if (raw === undefined) {
    return text.includes('-----')
      ? problem(`the file holds more than a seed; ${HOW}`)
      : problem(`the file holds no nkey seed; ${HOW}`);
  }
  try {
    return signerOf(text, raw);
  } finally {
    raw.fill(0);
  }
}

function signerOf(text: Buffer, raw: Buffer): SeedReading {
  if (text.length === PUBLIC_CHARACTERS && isIntact(raw))
    return problem(`the file holds a public key, which cannot sign; ${HOW}`);
  if (text.length !== SEED_CHARACTERS || ((raw[0] as number) & 0xf8) !== SEED_PREFIX)
    return problem(`the file holds no nkey seed; ${HOW}`);
  if (!isIntact(raw)) return problem('the checksum of the seed is wrong; copy the seed again, whole');
  const kind = (((raw[0] as number) & 0x07) << 5) | (((raw[1] as number) & 0xf8) >> 3);
  if (!SIGNING_KINDS.includes(kind))
    return problem('the seed is of a kind that cannot sign; write one that begins with SU');
  return { ok: true, signer: signerBy(kind, raw.subarray(2, 2 + KEY_BYTES)) };
}

/** A key that nobody else has. */
export const newUserKey = (): NkeySigner => signerBy(USER, randomBytes(KEY_BYTES));

function signerBy(kind: number, key: Buffer): NkeySigner {
  const der = Buffer.concat([PKCS8_HEAD, key]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    publicKey: publicNkey(kind, Buffer.from(x, 'base64url')),
    sign: (signed) => sign(null, Buffer.from(signed), privateKey).toString('base64url'),
  };
}

/** Whether the text is the public key of an account. */
export function isAccountKey(text: string): boolean {
  const raw = text.length === PUBLIC_CHARACTERS ? decodeBase32(Buffer.from(text)) : undefined;
  return raw !== undefined && raw[0] === ACCOUNT && isIntact(raw);
}

function problem(text: string): SeedReading {
  return { ok: false, problem: text };
}

function publicNkey(kind: number, key: Buffer): string {
  const body = Buffer.concat([Buffer.from([kind]), key]);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(body));
  return encodeBase32(Buffer.concat([body, sum]));
}

/** The last two bytes are the checksum of all before. */
function isIntact(raw: Buffer): boolean {
  const end = raw.length - 2;
  return raw.readUInt16LE(end) === crc16(raw.subarray(0, end));
}

/** CRC-16/XMODEM. */
export function crc16(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 0x8000) === 0 ? sum << 1 : (sum << 1) ^ 0x1021;
    sum &= 0xffff;
  }
  return sum;
}

/** RFC 4648 without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

/** The bytes of text in ASCII, on the whole as short as a key; undefined: another character, or bits left over. */
export function decodeBase32(text: Uint8Array): Buffer | undefined {
  if (text.length < 8 || text.length > SEED_CHARACTERS) return undefined;
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(String.fromCharCode(character));
    if (value === -1) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  return bits < 5 && (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function trimmed(content: Buffer): Buffer {
  const isBlank = (byte: number | undefined): boolean =>
    byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
  let start = 0;
  let end = content.length;
  while (start < end && isBlank(content[start])) start++;
  while (end > start && isBlank(content[end - 1])) end--;
  return content.subarray(start, end);
}
