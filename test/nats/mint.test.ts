import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Login, LoginClient } from '../../src/nats/login.ts';
import { mintLogin, type Tags } from '../../src/nats/mint.ts';
import { isAccountKey } from '../../src/nats/nkey.ts';
import { claimsOfJwt } from '../../src/nats/user-jwt.ts';
import { KIND, newKey, seedOf, signerOf } from '../support/nkeys.ts';

const account = newKey(KIND.account).publicKey;
const seed = seedOf(KIND.account);
const ENDS_AT_MS = Date.parse('2026-11-30T12:00:00.5Z');
const client: LoginClient = {
  identity: { user: 'alice', tenant: 'acme' },
  endsAtMs: ENDS_AT_MS,
  token: 'of the client',
  given: undefined,
  cookie: () => undefined,
};

const login = (tags: Tags = {}, of: Partial<LoginClient> = {}): Login | 'unusable' => {
  const reading = mintLogin(Buffer.from(seed), account, tags);
  return reading.ok ? reading.login.of({ ...client, ...of }) : assert.fail(reading.problem);
};
const usable = (one: Login | 'unusable'): Login => (one === 'unusable' ? assert.fail() : one);

test('a minted JWT says who the user is, and has no permissions or limits of its own', () => {
  const tags: Tags = { tenant: [{ value: 'tenant' }], team: ['web-', { value: 'user' }] };
  const { fields, isOfClient } = usable(login(tags));
  const { jwt, sig, ...others } = fields('nonce');
  const { jti, iat, sub, ...claims } = claimsOfJwt(jwt ?? '') ?? {};
  assert.deepEqual(claims, {
    iss: signerOf(seed).publicKey,
    name: 'alice',
    exp: Math.ceil(ENDS_AT_MS / 1000),
    nats: {
      type: 'user',
      issuer_account: account,
      tags: ['tenant:acme', 'team:web-alice'],
      version: 2,
    },
  });
  assert.match(String(sub), /^U[A-Z2-7]{55}$/);
  assert.match(String(jti), /^[\w-]{22}$/);
  assert.ok(Math.abs(Number(iat) - Date.now() / 1000) < 60);
  assert.match(sig ?? '', /^[\w-]{86}$/);
  assert.deepEqual(Object.values(others), [null, null, null, null]);
  assert.equal(isOfClient, false);
  // Another server has another nonce, and the same user.
  const again = fields('another');
  assert.deepEqual([again.jwt, again.sig === sig], [jwt, false]);
  const other = usable(login()).fields('nonce');
  assert.notEqual(claimsOfJwt(other.jwt ?? '')?.['sub'], sub);
});

test('a session without an end has a JWT without one', () => {
  const { jwt } = usable(login({}, { endsAtMs: undefined })).fields('nonce');
  assert.equal(claimsOfJwt(jwt ?? '')?.['exp'], undefined);
});

test('a client that is let in without a token has an empty login, and the server decides', () => {
  const { isOfClient, fields } = usable(login({}, { identity: undefined }));
  assert.deepEqual(
    [isOfClient, ...Object.values(fields('nonce'))],
    [true, null, null, null, null, null, null],
  );
});

test('the user, and each tag, must be one token of a subject', () => {
  const identity = (user: string, tenant: string) => ({ identity: { user, tenant } });
  const tags: Tags = { tenant: ['t-', { value: 'tenant' }] };
  assert.equal(login(tags, identity('a.b', 'acme')), 'unusable');
  assert.equal(login(tags, identity('alice', 'a.b')), 'unusable');
  assert.equal(login(tags, identity('alice', 'x'.repeat(127))), 'unusable');
  assert.notEqual(login(tags, identity('alice', 'x'.repeat(126))), 'unusable');
  assert.equal(login(tags, { identity: { user: 'alice', tenant: undefined } }), 'unusable', 'not t-');
  // What is in no tag goes nowhere.
  assert.notEqual(login({}, identity('alice', 'a.b')), 'unusable');
});

test('a user or tenant that is called as replies, or as what nats-server keeps for itself, has no login', () => {
  const tags: Tags = { tenant: [{ value: 'tenant' }] };
  for (const name of ['$JS', '$SYS', '_INBOX', '_INBOX_bob', '_R_', '_GR_'])
    for (const identity of [
      { user: name, tenant: 'acme' },
      { user: 'alice', tenant: name },
    ])
      assert.equal(login(tags, { identity }), 'unusable', name);
  // As random names may begin.
  for (const name of ['_inbox', '_R_x', '_x', 'a$', 'R_'])
    assert.notEqual(login(tags, { identity: { user: name, tenant: name } }), 'unusable', name);
});

test('a seed that cannot mint is refused, and not quoted', () => {
  for (const [content, key, problem] of [
    [seedOf(KIND.user), account, /not that of an account; write the seed of a signing key/],
    [seed, signerOf(seed).publicKey, /that of the account itself/],
    ['nothing', account, /no nkey seed/],
  ] as const) {
    const reading = mintLogin(Buffer.from(content), key, {});
    assert.match(reading.ok ? '' : reading.problem, problem);
    assert.ok(!JSON.stringify(reading).includes(content.slice(2, 12)) || content === 'nothing');
  }
});

test('the public key of an account is known by its checksum', () => {
  assert.ok(isAccountKey(account));
  for (const other of [
    newKey(KIND.user).publicKey,
    account.slice(0, -1),
    account.toLowerCase(),
    `${account.slice(0, 20)}${account[20] === 'A' ? 'B' : 'A'}${account.slice(21)}`,
    seed,
    '',
  ])
    assert.equal(isAccountKey(other), false, other);
});
