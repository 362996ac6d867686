import assert from 'node:assert/strict';
import {
  constants,
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { test } from 'node:test';
import { type JWTVerifyOptions, jwtVerify } from 'jose';
import { NotGranted } from '../../src/auth/details.ts';
import { Gate } from '../../src/auth/gate.ts';
import { RemoteKeySets } from '../../src/auth/jwks.ts';
import { JwtVerifier } from '../../src/auth/jwt.ts';
import { isSignedBy } from '../../src/auth/signature.ts';
import { readForm } from '../../src/auth/token-form.ts';
import type { IssuerConfig } from '../../src/config/config.ts';
import { readKeySet } from '../../src/config/key-set.ts';
import { ASYMMETRIC, SYMMETRIC } from '../../src/config/sections/auth.ts';
import { testIssuer } from '../support/auth-config.ts';
import { encoded } from '../support/issuer.ts';

/** What our own verifier takes is compared with what jose takes. */

const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1000;
const SECRET = Buffer.alloc(64, 7);
const CLAIMS = { iss: 'https://id.example', aud: 'nats-web', sub: 'alice', exp: NOW + 600 };
const NEVER = new AbortController().signal;

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangerRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve });
const PAIRS: Readonly<Record<string, () => Pair>> = {
  ES256: () => curve('P-256'),
  ES384: () => curve('P-384'),
  ES512: () => curve('P-521'),
  EdDSA: () => generateKeyPairSync('ed25519'),
  Ed25519: () => generateKeyPairSync('ed25519'),
};
const pairOf = (alg: string, ofRsa: Pair): Pair => PAIRS[alg]?.() ?? ofRsa;
const keys = new Map(ASYMMETRIC.map((alg) => [alg, pairOf(alg, rsa)]));

function keySet() {
  const jwks = [...keys].map(([alg, { publicKey }]) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid: alg,
  }));
  const reading = readKeySet(JSON.stringify({ keys: jwks }));
  assert.ok(reading.ok);
  return () => reading.keys;
}

const byPair = testIssuer({ kind: 'set', keys: keySet() });
const bySecret = testIssuer({ kind: 'secret', secret: () => SECRET }, { algorithms: SYMMETRIC });

/** By the algorithm, whatever the header says. */
function signed(by: string, key: KeyObject | Buffer, payload: string | Buffer, header: object = {}): string {
  const bytes = Buffer.from(payload);
  return tokenOf(by, key, `${encoded({ alg: by, kid: by, ...header })}.${bytes.toString('base64url')}`);
}

const tokenOf = (by: string, key: KeyObject | Buffer, input: string): string =>
  `${input}.${signature(by, key, Buffer.from(input)).toString('base64url')}`;

function signature(by: string, key: KeyObject | Buffer, input: Buffer, saltBytes?: number): Buffer {
  const hash = `sha${by.slice(2)}`;
  if (by.startsWith('HS')) return createHmac(hash, key).update(input).digest();
  const isPss = by.startsWith('PS');
  const padding = isPss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const options = by.startsWith('ES') ? { dsaEncoding: 'ieee-p1363' as const } : { padding };
  const salt = isPss ? { saltLength: saltBytes ?? Number(by.slice(2)) / 8 } : {};
  return by.startsWith('Ed')
    ? sign(null, input, key as KeyObject)
    : sign(hash, input, { key: key as KeyObject, ...options, ...salt });
}

/** undefined: it takes the token. */
async function ours(token: string, issuer: IssuerConfig): Promise<string | undefined> {
  const verifier = new JwtVerifier([issuer], new RemoteKeySets(() => {}), new Gate());
  try {
    await verifier.verify(token, NOW_MS, NEVER);
    return undefined;
  } catch (error) {
    if (error instanceof NotGranted) return error.detail;
    throw error;
  }
}

/** With the key that the token's header names, if it is one for its algorithm. */
async function joses(token: string, issuer: IssuerConfig): Promise<string | undefined> {
  const { algorithms, audience, maxAgeMs, toleranceMs, typ } = issuer;
  const options: JWTVerifyOptions = {
    algorithms: [...algorithms],
    issuer: issuer.issuer,
    ...(audience === undefined ? {} : { audience: [...audience] }),
    ...(typ === undefined ? {} : { typ }),
    ...(maxAgeMs === 0 ? {} : { maxTokenAge: maxAgeMs / 1000 }),
    requiredClaims: ['exp'],
    clockTolerance: toleranceMs / 1000,
    currentDate: new Date(NOW_MS),
  };
  const key = ({ kid = '' }): KeyObject | Buffer =>
    issuer.keys.kind === 'secret' ? SECRET : keys.get(kid as 'RS256')!.publicKey;
  try {
    await jwtVerify(token, key, options);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

async function bothAgree(what: string, token: string, issuer: IssuerConfig): Promise<boolean> {
  const [our, jose] = [await ours(token, issuer), await joses(token, issuer)];
  assert.equal(our === undefined, jose === undefined, `${what}: ${our} and ${jose}`);
  return our === undefined;
}

/** A token with another signature. */
function changed(token: string, change: (signature: Buffer) => Buffer): string {
  const [head, payload, signature = ''] = token.split('.');
  return `${head}.${payload}.${change(Buffer.from(signature, 'base64url')).toString('base64url')}`;
}

const flipped =
  (at: number) =>
  (signature: Buffer): Buffer => {
    const copy = Buffer.from(signature);
    copy[at < 0 ? copy.length + at : at]! ^= 1;
    return copy;
  };

for (const alg of [...ASYMMETRIC, ...SYMMETRIC])
  test(`${alg}: the same signatures count as with jose`, async () => {
    const isSecret = alg.startsWith('HS');
    const issuer = isSecret ? bySecret : byPair;
    const key = isSecret ? SECRET : keys.get(alg as 'RS256')!.privateKey;
    const stranger = isSecret ? Buffer.alloc(64, 8) : pairOf(alg, strangerRsa).privateKey;
    const text = JSON.stringify(CLAIMS);
    const good = signed(alg, key, text);
    assert.ok(await bothAgree('as it was signed', good, issuer));
    const [head, payload, last = ''] = good.split('.');
    const input = `${head}.${payload}`;
    const bytes = Buffer.from(last, 'base64url').length;
    const tokens: Readonly<Record<string, string>> = {
      'by a stranger': signed(alg, stranger, text),
      'another payload': `${head}.${encoded({ ...CLAIMS, sub: 'root' })}.${last}`,
      'another header': `${encoded({ alg, kid: alg, x: 1 })}.${payload}.${last}`,
      'no signature': changed(good, () => Buffer.alloc(0)),
      'one byte': changed(good, () => Buffer.alloc(1)),
      zeros: changed(good, () => Buffer.alloc(bytes)),
      ones: changed(good, () => Buffer.alloc(bytes, 255)),
      shorter: changed(good, (one) => one.subarray(0, -1)),
      'without its first byte': changed(good, (one) => one.subarray(1)),
      longer: changed(good, (one) => Buffer.concat([one, Buffer.alloc(1)])),
      'longer at the beginning': changed(good, (one) => Buffer.concat([Buffer.alloc(1), one])),
      twice: changed(good, (one) => Buffer.concat([one, one])),
      ...(alg.startsWith('PS')
        ? { 'another salt': changed(good, () => signature(alg, key, Buffer.from(input), 20)) }
        : {}),
      // Of ECDSA, TLS writes the two numbers in DER.
      ...(alg.startsWith('ES')
        ? {
            'as in TLS': changed(good, () =>
              sign(`sha${alg.slice(2)}`, Buffer.from(input), key as KeyObject),
            ),
          }
        : {}),
      'halves exchanged': changed(good, (one) =>
        Buffer.concat([one.subarray(bytes / 2), one.subarray(0, bytes / 2)]),
      ),
      ...Object.fromEntries([0, 1, bytes >> 1, -1].map((at) => [`bit in ${at}`, changed(good, flipped(at))])),
    };
    for (const [what, token] of Object.entries(tokens))
      assert.ok(!(await bothAgree(what, token, issuer)), what);
  });

test('no algorithm counts for the signature of another one, or with the key of another one', async () => {
  const text = JSON.stringify(CLAIMS);
  for (const [by, { privateKey }] of keys)
    for (const alg of [...ASYMMETRIC, ...SYMMETRIC, 'none'])
      for (const kid of ASYMMETRIC) {
        const token = signed(by, privateKey, text, { alg, kid });
        const isNamesake = by.startsWith('Ed') && alg.startsWith('Ed');
        const isSame = keys.get(kid) === keys.get(by) && (alg === by || isNamesake);
        assert.equal(await bothAgree(`${by} as ${alg} with the key of ${kid}`, token, byPair), isSame);
      }
  // By the right hash, and a key of another curve.
  const curves = ['ES256', 'ES384', 'ES512'] as const;
  for (const alg of curves)
    for (const kid of curves) {
      const token = signed(alg, keys.get(kid)!.privateKey, text, { kid });
      assert.equal(await bothAgree(`${alg} by the key of ${kid}`, token, byPair), alg === kid);
    }
});

test('a key that names its algorithm counts for that one alone', async () => {
  const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256' };
  const reading = readKeySet(JSON.stringify({ keys: [jwk] }));
  assert.ok(reading.ok);
  const issuer = testIssuer({ kind: 'set', keys: () => reading.keys });
  const by = (alg: string): string => signed(alg, rsa.privateKey, JSON.stringify(CLAIMS), { kid: 'one' });
  assert.equal(await ours(by('RS256'), issuer), undefined);
  for (const alg of ['RS384', 'PS256']) assert.equal(await ours(by(alg), issuer), 'token_key_unknown');
});

test('an RSA key with an exponent of 1, or of more than 64 bits, does not count', () => {
  const jwk = rsa.publicKey.export({ format: 'jwk' });
  const isUsable = (exponent: string): boolean => {
    const e = Buffer.from(exponent, 'hex').toString('base64url');
    return readKeySet(JSON.stringify({ keys: [{ ...jwk, e }] })).ok;
  };
  const usable = ['03', '010001', '00010001', 'ff'.repeat(8), `00${'ff'.repeat(8)}`];
  for (const exponent of usable) assert.ok(isUsable(exponent), exponent);
  for (const exponent of ['00', '01', `01${'00'.repeat(8)}`, 'ff'.repeat(256)])
    assert.ok(!isUsable(exponent), exponent);
});

test('a token without kid counts by any key of its kind', async () => {
  const pairs = Array.from({ length: 11 }, () => generateKeyPairSync('ed25519'));
  const jwks = pairs.map(({ publicKey }) => publicKey.export({ format: 'jwk' }));
  const reading = readKeySet(JSON.stringify({ keys: jwks }));
  assert.ok(reading.ok);
  const issuer = testIssuer({ kind: 'set', keys: () => reading.keys });
  const verdicts = pairs.map(({ privateKey }) =>
    ours(signed('EdDSA', privateKey, JSON.stringify(CLAIMS), { kid: undefined }), issuer),
  );
  // Ten are tried.
  assert.deepEqual(await Promise.all(verdicts), [...Array.from({ length: 10 }), 'token_signature']);
});

test('a public key is no secret, in any form that it has', async () => {
  for (const [by, { publicKey }] of keys)
    for (const alg of SYMMETRIC)
      for (const format of ['pem', 'der'] as const) {
        const known = Buffer.from(publicKey.export({ format, type: 'spki' }));
        const token = signed(alg, known, JSON.stringify(CLAIMS), { kid: by });
        assert.ok(!(await bothAgree(`${alg} by ${by}`, token, byPair)));
        // Not even where the configuration is wrong.
        assert.ok(await ours(token, { ...byPair, algorithms: [...ASYMMETRIC, ...SYMMETRIC] }));
        assert.equal(isSignedBy(publicKey, readForm(token)), false);
      }
  for (const alg of ASYMMETRIC) {
    const token = signed(alg, keys.get(alg)!.privateKey, JSON.stringify(CLAIMS));
    assert.equal(isSignedBy(createSecretKey(SECRET), readForm(token)), false);
  }
});

const TIMES = [0, NOW - 3631, NOW - 3630, NOW - 3600, NOW - 31, NOW - 30, NOW - 29, NOW, NOW + 30, NOW + 31];
const ODD = [undefined, null, '', String(NOW), true, [], {}, [NOW], -1, 0.5, 1e300];
const TYPES = [
  'at+jwt',
  'AT+JWT',
  'application/at+jwt',
  'x/at+jwt',
  'JWT',
  'at+jwt ',
  '',
  1,
  null,
  ['at+jwt'],
];
const AUDIENCES = [
  'a',
  'nats-web',
  ['nats-web'],
  ['a', 'nats-web'],
  [['nats-web']],
  { 0: 'nats-web' },
  [],
  1,
];

test('the same claims count as with jose', async () => {
  const changes: object[] = [
    ...['exp', 'nbf', 'iat'].flatMap((name) => [...TIMES, ...ODD].map((value) => ({ [name]: value }))),
    ...[...AUDIENCES, ...ODD].map((aud) => ({ aud })),
    ...['https://id.example/', 'HTTPS://id.example', ['https://id.example'], ...ODD].map((iss) => ({ iss })),
  ];
  const issuers = [
    bySecret,
    { ...bySecret, audience: undefined },
    { ...bySecret, audience: ['b', 'nats-web'], maxAgeMs: 3_600_000 },
    { ...bySecret, toleranceMs: 0 },
  ];
  let taken = 0;
  for (const issuer of issuers)
    for (const change of changes) {
      const token = signed('HS256', SECRET, JSON.stringify({ ...CLAIMS, ...change }));
      const { iat } = change as { readonly iat?: unknown };
      if (issuer.maxAgeMs === 0 && typeof iat === 'number' && iat * 1000 > NOW_MS + issuer.toleranceMs) {
        assert.equal(await ours(token, issuer), 'token_not_yet_valid', 'jose does not look at it');
        continue;
      }
      const isTaken = await bothAgree(JSON.stringify(change), token, issuer);
      if (isTaken) taken++;
    }
  assert.ok(taken > 50 && taken < (issuers.length * changes.length) / 2, String(taken));
});

test('the same types, and the same forms of JSON, count as with jose', async () => {
  for (const typ of TYPES) {
    const token = signed('HS256', SECRET, JSON.stringify(CLAIMS), { typ });
    for (const wanted of ['at+jwt', 'application/at+jwt', 'JWT', 'x/at+jwt'])
      await bothAgree(`${typ} for ${wanted}`, token, { ...bySecret, typ: wanted });
  }
  const text = JSON.stringify(CLAIMS);
  const payloads = ['', 'null', '[]', '1', `${text},`, `${text} `, `[${text}]`, Buffer.from([0xff]), '{}'];
  for (const payload of payloads)
    await bothAgree(String(payload), signed('HS256', SECRET, payload), bySecret);
  const notUtf8 = Buffer.from(JSON.stringify({ ...CLAIMS, sub: '\u00e9' }), 'latin1');
  assert.ok(!(await bothAgree('not UTF-8', signed('HS256', SECRET, notUtf8), bySecret)));
  // Groups of three bytes: what comes after them is one of its own.
  const input = `${encoded({ alg: 'HS256' })}.${encoded(text.padEnd(3 * Math.ceil(text.length / 3)))}`;
  for (const more of ['A', 'AA', 'AAA', 'AAAA', '=', '+', '/'])
    await bothAgree(`not base64url: ${more}`, tokenOf('HS256', SECRET, input + more), bySecret);
});
