import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { test } from 'node:test';
import { crc16, decodeBase32, encodeBase32, readSeed } from '../../src/nats/nkey.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, seedOf, signerOf } from '../support/nkeys.ts';
import { connectRaw } from '../support/raw-nats.ts';

/** Of the documentation of NATS. */
const SEED = 'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY';
const PUBLIC = 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4';

test('CRC-16/XMODEM and base32 by their known vectors', () => {
  assert.equal(crc16(Buffer.from('123456789')), 0x31c3);
  assert.equal(crc16(Buffer.alloc(0)), 0);
  const vectors = ['', 'MY', 'MZXQ', 'MZXW6', 'MZXW6YQ', 'MZXW6YTB', 'MZXW6YTBOI'];
  for (const [length, text] of vectors.entries()) {
    const bytes = Buffer.from('foobar'.slice(0, length));
    assert.equal(encodeBase32(bytes), text);
    if (text.length >= 8) assert.deepEqual(decodeBase32(Buffer.from(text)), bytes);
  }
  for (let length = 5; length <= 36; length++) {
    const bytes = randomBytes(length);
    assert.deepEqual(decodeBase32(Buffer.from(encodeBase32(bytes))), bytes);
  }
  for (const text of [
    'MZXW6YTBO',
    'MZXW6YTBOJ',
    'mzxw6ytboi',
    'MZXW6YTB1I',
    'MZXW6YTBOI======',
    'A'.repeat(59),
  ])
    assert.equal(decodeBase32(Buffer.from(text)), undefined, text);
});

test('the seed of the documentation has its public key, blanks around it or not', () => {
  for (const text of [SEED, `${SEED}\n`, ` \t${SEED} \r\n\r\n`])
    assert.equal(signerOf(text).publicKey, PUBLIC);
});

test('a signature is that of RFC 8032, in base64url without padding', () => {
  const seed = Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex');
  const signature =
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00';
  const signer = signerOf(seedOf(KIND.user, seed));
  assert.equal(signer.sign('r'), Buffer.from(signature, 'hex').toString('base64url'));
  const raw = decodeBase32(Buffer.from(signer.publicKey))?.subarray(1, 33);
  const x = raw?.toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' } as never);
  assert.equal(verify(null, Buffer.from('other'), key, Buffer.from(signer.sign('other'), 'base64url')), true);
});

test('every kind of key that signs has its letter', () => {
  for (const [kind, letter] of [
    [0x00, 'A'],
    [0x10, 'C'],
    [0x68, 'N'],
    [0x70, 'O'],
    [0xa0, 'U'],
  ] as const) {
    const seed = seedOf(kind);
    assert.match(seed, new RegExp(`^S${letter}[A-Z2-7]{56}$`));
    assert.match(signerOf(seed).publicKey, new RegExp(`^${letter}[A-Z2-7]{55}$`));
  }
});

test('what is no seed is refused with what to write, and nothing of it is repeated', () => {
  const damaged = `${SEED.slice(0, 20)}${SEED[20] === 'A' ? 'B' : 'A'}${SEED.slice(21)}`;
  for (const [text, expected] of [
    ['', /^the file is empty; write a file with the seed alone, .* nk -gen user prints it$/],
    [' \n', /^the file is empty/],
    [PUBLIC, /^the file holds a public key, which cannot sign; write/],
    [damaged, /^the checksum of the seed is wrong; copy/],
    [SEED.slice(0, -1), /^the file holds no nkey seed; write/],
    [`${SEED}A`, /^the file holds no nkey seed; write/],
    [`${SEED}\n${SEED}`, /^the file holds no nkey seed; write/],
    [SEED.toLowerCase(), /^the file holds no nkey seed; write/],
    [seedOf(KIND.curve), /^the seed is of a kind that cannot sign; write one that begins with SU$/],
    [
      `-----BEGIN USER NKEY SEED-----\n${SEED}\n------END USER NKEY SEED------\n`,
      /holds more than a seed; write/,
    ],
    ['A'.repeat(58), /^the file holds no nkey seed; write/],
  ] as const) {
    const reading = readSeed(Buffer.from(text));
    assert.ok(!reading.ok, text);
    assert.match(reading.problem, expected);
    assert.doesNotMatch(reading.problem, /[A-Z2-7]{10}/);
  }
});

test('nothing of the seed can be seen in a signer', () => {
  const { signer } = readSeed(Buffer.from(SEED)) as { signer: object };
  assert.deepEqual(Object.keys(signer).toSorted(), ['publicKey', 'sign']);
  assert.equal(JSON.stringify(signer), JSON.stringify({ publicKey: PUBLIC }));
});

test('a real server takes the login of our key, and of no other', async () => {
  const signer = signerOf(SEED);
  await using server = await realNatsServer({ config: `authorization { users: [{nkey: ${PUBLIC}}] }` });
  const answerTo = async (sign: (nonce: string) => string): Promise<string | undefined> => {
    await using client = await connectRaw(server.port);
    const { nonce } = JSON.parse(client.info.slice(5)) as { nonce: string };
    client.write(`CONNECT ${JSON.stringify({ nkey: PUBLIC, sig: sign(nonce) })}\r\nPING\r\n`);
    return (await client.linesUntil((line) => /^(PONG|-ERR)/.test(line))).at(-1)?.trim();
  };
  assert.equal(await answerTo(signer.sign), 'PONG');
  assert.match((await answerTo(signerOf(seedOf(KIND.user)).sign)) ?? '', /Authorization Violation/);
  assert.match((await answerTo(() => signer.sign('another nonce'))) ?? '', /Authorization Violation/);
});
