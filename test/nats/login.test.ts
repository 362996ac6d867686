import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CREDENTIAL_FIELDS } from '../../src/nats/connect.ts';
import {
  credsLogin,
  type Login,
  type LoginReading,
  nkeyLogin,
  tokenLogin,
  userLogin,
} from '../../src/nats/login.ts';
import { KIND, natsJwt, newKey, seedOf, signerOf } from '../support/nkeys.ts';

const NOW_MS = Date.parse('2026-11-30T12:00:00Z');
const account = newKey(KIND.account);
const seed = seedOf(KIND.user);
const user = signerOf(seed);

const accepted = (reading: LoginReading): Login => {
  if (!reading.ok) throw new Error(reading.problem);
  return reading.login;
};
const problemOf = (reading: LoginReading): string | undefined => (reading.ok ? undefined : reading.problem);
const block = (what: string, text: string, end = '\n'): string =>
  `-----BEGIN ${what}-----${end}${text}${end}------END ${what}------${end}`;
const credsOf = (jwt: string, ofSeed = seed, end = '\n'): Buffer =>
  Buffer.from(
    `${block('NATS USER JWT', jwt, end)}${end}* IMPORTANT *${end}${block('USER NKEY SEED', ofSeed, end)}`,
  );
const jwt = natsJwt(account, user.publicKey, { type: 'user' });

describe('every kind names all credential fields, so that none of the client stays', () => {
  for (const [kind, reading, own] of [
    ['user', userLogin('web', Buffer.from('secret\n')), { user: 'web', pass: 'secret' }],
    ['token', tokenLogin(Buffer.from('s3cret')), { auth_token: 's3cret' }],
    ['nkey', nkeyLogin(Buffer.from(seed)), { nkey: user.publicKey, sig: user.sign('nonce-of-server') }],
    ['creds', credsLogin(credsOf(jwt), NOW_MS), { jwt, sig: user.sign('nonce-of-server') }],
  ] as const) {
    test(kind, () => {
      const login = accepted(reading);
      const expected = Object.fromEntries(CREDENTIAL_FIELDS.map((field) => [field, null]));
      assert.equal(login.kind, kind);
      assert.deepEqual(login.fields('nonce-of-server'), { ...expected, ...own });
      // A server without nonce asks for no signature.
      assert.equal(login.fields(undefined).sig, null);
    });
  }
});

test('a password is what is on the one line, blanks and all; a line break at its end is not part of it', () => {
  for (const [content, pass] of [
    [' a b ', ' a b '],
    ['pässwörd\r\n', 'pässwörd'],
    ['"quoted"', '"quoted"'],
  ] as const)
    assert.equal(accepted(userLogin('web', Buffer.from(content))).fields(undefined).pass, pass);
  for (const content of ['', '\n', 'two\nlines', 'nul\0', '\xff'])
    assert.match(problemOf(userLogin('web', Buffer.from(content, 'latin1'))) ?? '', /no password; write/);
  assert.match(problemOf(tokenLogin(Buffer.from('\n'))) ?? '', /no token; write/);
});

test('a credentials file with the line ends of Windows is read', () => {
  assert.equal(accepted(credsLogin(credsOf(jwt, seed, '\r\n'), NOW_MS)).fields(undefined).jwt, jwt);
});

test('a credentials file that cannot log in is refused with what to write, and quotes nothing', () => {
  for (const [content, expected] of [
    ['', /no credentials; write the file/],
    [seed, /no credentials/],
    [block('NATS USER JWT', jwt), /no credentials/],
    [credsOf('not.a.jwt').toString(), /the JWT in the file cannot be read/],
    [credsOf(jwt, seed.slice(0, -1)).toString(), /the seed in the file cannot be used/],
    [credsOf(jwt, seedOf(KIND.user)).toString(), /not that of the user in its JWT/],
  ] as const) {
    const problem = problemOf(credsLogin(Buffer.from(content), NOW_MS)) ?? '';
    assert.match(problem, expected);
    assert.doesNotMatch(problem, new RegExp(`${seed.slice(5, 20)}|${jwt.slice(0, 20)}`));
  }
});

test('an expired JWT is warned about, and one for WebSockets only has its hint ready', () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const until = (exp: number): LoginReading =>
    credsLogin(credsOf(`${part({})}.${part({ sub: user.publicKey, exp })}.x`), NOW_MS);
  const [over, good] = [until(NOW_MS / 1000), until(NOW_MS / 1000 + 1)];
  assert.match((over.ok && over.warning) || '', /has expired; write a new/);
  assert.equal(good.ok && good.warning, undefined);
  const limited = natsJwt(account, user.publicKey, { allowed_connection_types: ['WEBSOCKET'] });
  assert.match(accepted(credsLogin(credsOf(limited), NOW_MS)).hint ?? '', /STANDARD/);
});
