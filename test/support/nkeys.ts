import { randomBytes } from 'node:crypto';
import { crc16, encodeBase32, type NkeySigner, readSeed } from '../../src/nats/nkey.ts';
import { type JwtContent, signJwt } from '../../src/nats/user-jwt.ts';

export const KIND = { account: 0x00, operator: 0x70, user: 0xa0, curve: 0xb8 } as const;

/** The seed of a key as nk writes it. */
export function seedOf(kind: number, bytes: Uint8Array = randomBytes(32)): string {
  const body = Buffer.concat([Buffer.from([0x90 | (kind >> 5), (kind & 31) << 3]), bytes]);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(body));
  return encodeBase32(Buffer.concat([body, sum]));
}

export function signerOf(seed: string): NkeySigner {
  const reading = readSeed(Buffer.from(seed));
  if (!reading.ok) throw new Error(reading.problem);
  return reading.signer;
}

export const newKey = (kind: number): NkeySigner => signerOf(seedOf(kind));

/** A JWT of NATS: `nats` are its claims, `issuer` signs it. */
export const natsJwt = (
  issuer: NkeySigner,
  subject: string,
  nats: JwtContent['nats'],
  more: Partial<JwtContent> = {},
): string => signJwt(issuer, { subject, name: 'test', nats, ...more }, Date.now());
