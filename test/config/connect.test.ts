import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIND, natsJwt, newKey, seedOf, signerOf } from '../support/nkeys.ts';
import { load, REQUIRED } from './support.ts';

const seed = seedOf(KIND.user);
const roleSeed = seedOf(KIND.account);
const account = newKey(KIND.account).publicKey;
const user = signerOf(seed);
const jwt = natsJwt(newKey(KIND.account), user.publicKey, { type: 'user' });
const block = (what: string, text: string): string =>
  `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
const files = {
  pass: 'CANARY-password\n',
  token: 'CANARY-token\n',
  seed,
  role: roleSeed,
  sentinel: natsJwt(newKey(KIND.account), user.publicKey, { type: 'user', bearer_token: true }),
  creds: `${block('NATS USER JWT', jwt)}${block('USER NKEY SEED', seed)}`,
  empty: '',
};
const withConnect = (text: string, more = '') => load(`${REQUIRED}connect: {${text}}\n${more}`, { files });

test('each kind of login is read from its file and needs enforce; nothing secret is in the configuration', async () => {
  for (const [text, kind, who] of [
    ['kind: user, user: web, passwordFile: pass', 'user', 'web'],
    ['kind: token, tokenFile: token', 'token', undefined],
    ['kind: creds, credsFile: creds', 'creds', user.publicKey],
    ['kind: nkey, seedFile: seed', 'nkey', user.publicKey],
  ] as const) {
    const { config, lines, warnings } = await withConnect(text);
    assert.deepEqual([lines, warnings], [[], []], text);
    const { login, clientCredentials } = config!.connect;
    assert.deepEqual([login?.kind, login?.who, clientCredentials], [kind, who, 'drop']);
    assert.equal(config?.inspect, 'enforce');
    assert.doesNotMatch(JSON.stringify(config), new RegExp(`CANARY|${seed}|${jwt}`));
  }
});

test('a login of what the client sends needs no file, and no auth', async () => {
  for (const [text, kind, who] of [
    [
      'kind: user, userCookie: __Host-u, passwordCookie: __Host-p',
      'user',
      'the cookies __Host-u and __Host-p',
    ],
    ['kind: token, tokenCookie: __Host-t', 'token', 'the cookie __Host-t'],
    ['kind: jwt, jwtCookie: __Host-j', 'jwt', 'the cookie __Host-j'],
    ['kind: sentinel, sentinelFile: sentinel, tokenCookie: __Host-t', 'sentinel', 'the cookie __Host-t'],
  ] as const) {
    const { config, lines, warnings } = await withConnect(text);
    assert.deepEqual([lines, warnings], [[], []], text);
    const { login, clientCredentials } = config!.connect;
    assert.deepEqual([login?.kind, login?.who, clientCredentials], [kind, `of ${who}`, 'drop']);
    assert.equal(config?.inspect, 'enforce');
  }
  const { warnings } = await withConnect('kind: user, userCookie: u, passwordCookie: __Host-p');
  assert.deepEqual(warnings, ['cookie_prefix 3:35 connect.userCookie']);
});

const AUTH =
  'auth: {from: [{header: authorization}], jwt: [{issuer: a, audience: b, keys: {url: https://a/b}}]}\n';

test('kind sentinel has a bearer JWT, and a token of the client', async () => {
  const { config, lines } = await withConnect('kind: sentinel, sentinelFile: sentinel', AUTH);
  assert.deepEqual([lines, config?.connect.login?.who], [[], 'of the token that auth verified']);
  for (const [text, expected] of [
    ['kind: sentinel, sentinelFile: sentinel', 'login_without_auth 3:17 connect.kind'],
    ['kind: sentinel, tokenCookie: __Host-t', 'login_incomplete 3:17 connect.kind'],
    ['kind: sentinel, tokenCookie: __Host-t, sentinelFile: creds', 'login 3:64 connect.sentinelFile'],
    ['kind: sentinel, tokenCookie: __Host-t, sentinelFile: token', 'login 3:64 connect.sentinelFile'],
  ] as const)
    assert.deepEqual((await withConnect(text)).problems, [expected], text);
});

test('kind token without a key is the token that auth verified', async () => {
  const { config, lines } = await withConnect('kind: token', AUTH);
  assert.deepEqual([lines, config?.connect.login?.who], [[], 'of the token that auth verified']);
  assert.deepEqual((await withConnect('kind: token')).problems, ['login_without_auth 3:17 connect.kind']);
  const route = await withConnect('kind: token', `${AUTH}routes: [{path: /a, auth: off}]\n`);
  assert.deepEqual(route.problems, ['login_without_auth 5:27 routes[0].auth']);
});

test('two identities of one session, and an end that cannot be moved, are warned about', async () => {
  const cookie = await withConnect('kind: token, tokenCookie: __Host-t', AUTH);
  assert.deepEqual(cookie.warnings, ['two_identities 3:37 connect.tokenCookie']);
  const mint = `kind: mint, seedFile: role, account: ${account}`;
  const rechecked = AUTH.replace(/jwt: .*\]/, 'webhook: {url: https://a.example, recheck: 5m}');
  const { lines, warnings } = await withConnect(mint, rechecked);
  assert.deepEqual([lines, warnings], [[], ['mint_and_recheck 3:17 connect.kind']]);
});

test('kind mint has its seed, its account and its tags, and needs to know who clients are', async () => {
  const mint = `kind: mint, seedFile: role, account: ${account}`;
  const tenant = AUTH.replace('{from', '{identity: {tenant: org}, from');
  const { config, lines, warnings } = await withConnect(`${mint}, tags: {tenant: "t-{tenant}"}`, tenant);
  assert.deepEqual([lines, warnings], [[], []]);
  assert.deepEqual([config?.connect.login?.kind, config?.inspect], ['mint', 'enforce']);
  assert.match(config?.connect.login?.who ?? '', new RegExp(`^for each session, account ${account}`));
  assert.doesNotMatch(JSON.stringify(config), new RegExp(roleSeed));
  assert.deepEqual((await withConnect(mint)).problems, ['login_without_auth 3:17 connect.kind']);
  for (const [text, ...expected] of [
    ['kind: mint', 'login_incomplete 3:17 connect.kind', 'login_incomplete 3:17 connect.kind'],
    [mint.replace(account, 'ABC'), 'account_key 3:48 connect.account'],
    [mint.replace('role', 'seed'), 'login 3:33 connect.seedFile'],
    [`${mint}, tags: {tenant: "{tenant}"}`, 'tag_without_claim 3:121 connect.tags.tenant'],
    [`${mint}, tags: {Tenant: a}`, 'tag_name 3:121 connect.tags.Tenant'],
    [`${mint}, tags: {tenant: "{name}"}`, 'unknown_placeholder 3:121 connect.tags.tenant'],
    [`${mint}, tags: {tenant: "a.{user}"}`, 'tag_value 3:121 connect.tags.tenant'],
    ['kind: token, tags: {tenant: a}', 'login_of_other_kind 3:24 connect.tags'],
  ] as const)
    assert.deepEqual((await withConnect(text, AUTH)).problems, expected, text);
});

test('cookies of connect are judged beside origins as those of auth are', async () => {
  const jwt = 'connect: {kind: jwt, jwtCookie: __Host-j';
  const problemsOf = async (origins: string, more = ''): Promise<readonly string[]> =>
    (await load(`origins: ${origins}\nupstream: nats://nats:4222\n${jwt}${more}}\n`)).problems;
  assert.deepEqual(await problemsOf("'*'"), ['cookie_with_star 1:10 origins']);
  for (const [origins, code, key] of [
    [
      '{allow: https://a.example, missing: allow}',
      'cookie_without_origin 1:46 origins.missing',
      'cookieWithoutOrigin',
    ],
    ['https://*.a.example', 'cookie_from_wildcard 1:10 origins', 'cookieFromWildcards'],
  ] as const) {
    assert.deepEqual(await problemsOf(origins), [code]);
    assert.deepEqual(await problemsOf(origins, `, ${key}: on`), []);
  }
  const route = `${REQUIRED}routes: [{path: /a, ${jwt}}, origins: '*'}]\n`;
  assert.deepEqual((await load(route)).problems, ['cookie_with_star 3:73 routes[0].origins']);
});

test('without connect nothing is rewritten, and nothing is inspected', async () => {
  for (const content of [
    REQUIRED,
    `${REQUIRED}connect:\n`,
    `${REQUIRED}connect: {clientCredentials: keep}\n`,
  ]) {
    const { config } = await load(content);
    assert.deepEqual(config?.connect, {
      login: undefined,
      clientCredentials: 'keep',
      name: undefined,
      stamp: undefined,
    });
    assert.equal(config?.inspect, 'off');
  }
});

test('what cannot be, has its place', async () => {
  for (const [text, ...expected] of [
    ['kind: jwks', 'unknown_word 3:17 connect.kind'],
    ['kind: user, user: web', 'login_incomplete 3:17 connect.kind'],
    ['kind: user, passwordFile: pass', 'login_incomplete 3:17 connect.kind'],
    ['kind: user', 'login_incomplete 3:17 connect.kind', 'login_incomplete 3:17 connect.kind'],
    ['kind: user, userCookie: __Host-u', 'login_incomplete 3:17 connect.kind'],
    ['kind: jwt', 'login_incomplete 3:17 connect.kind'],
    [
      'kind: user, user: a, passwordFile: pass, passwordCookie: __Host-p',
      'two_logins 3:68 connect.passwordCookie',
    ],
    ['kind: token, tokenFile: token, tokenCookie: __Host-t', 'two_logins 3:55 connect.tokenCookie'],
    ['jwtCookie: __Host-j', 'login_of_other_kind 3:22 connect.jwtCookie'],
    ['kind: jwt, jwtCookie: "a b"', 'cookie_name 3:33 connect.jwtCookie'],
    ['kind: nkey', 'login_incomplete 3:17 connect.kind'],
    ['kind: nkey, seedFile: seed, tokenFile: token', 'login_of_other_kind 3:50 connect.tokenFile'],
    ['tokenFile: token', 'login_of_other_kind 3:22 connect.tokenFile'],
    ['kind: token, tokenFile: token, clientCredentials: keep', 'mixed_login 3:61 connect.clientCredentials'],
    ['kind: token, tokenFile: none', 'unreadable 3:35 connect.tokenFile'],
    ['kind: token, tokenFile: empty', 'login 3:35 connect.tokenFile'],
    ['kind: nkey, seedFile: token', 'login 3:33 connect.seedFile'],
    ['kind: creds, credsFile: seed', 'login 3:35 connect.credsFile'],
    ['name: "{nme}"', 'unknown_placeholder 3:17 connect.name'],
  ] as const) {
    const { problems, text: said } = await withConnect(text);
    assert.deepEqual(problems, expected, said.join('\n'));
    assert.doesNotMatch(said.join('\n'), /CANARY/);
  }
});

test('a level below enforce, and a server that is not NATS, cannot be asked to write CONNECT', async () => {
  const token = 'kind: token, tokenFile: token';
  for (const text of [token, 'name: "{name}"', 'clientCredentials: refuse']) {
    const { problems } = await withConnect(text, 'inspect: observe\n');
    assert.deepEqual(problems, ['level_too_low 4:10 inspect']);
  }
  const opaque = `${REQUIRED.replace('nats://', 'tcp://')}connect: {${token}}\n`;
  assert.deepEqual((await load(opaque, { files })).problems, ['opaque 3:1 connect']);
});

test('a route has the login of the top, or one of its own, never a mixture', async () => {
  const { config, lines } = await withConnect(
    'kind: token, tokenFile: token',
    'routes:\n  - path: /a\n  - {path: /b, connect: {kind: nkey, seedFile: seed}}\n  - {path: /c, connect: {kind: none}}\n',
  );
  assert.deepEqual(lines, []);
  assert.deepEqual(
    config?.routes.map(({ connect, inspect }) => [connect.login?.kind, inspect]),
    [
      ['token', 'enforce'],
      ['nkey', 'enforce'],
      [undefined, 'off'],
    ],
  );
});

test('a stamp: headers with templates of who the client is, and what cannot be one', async () => {
  const auth =
    'auth: {from: [{cookie: __Host-a}], jwt: [{issuer: a, audience: b, keys: {url: https://id.example/keys}}]}\n';
  const { config } = await load(
    `${REQUIRED}${auth}connect: {stamp: {Natsgate-User: "{user}", X-Via: edge}}\n`,
  );
  assert.deepEqual(config?.connect.stamp, { 'Natsgate-User': [{ value: 'user' }], 'X-Via': ['edge'] });
  assert.equal(config?.inspect, 'enforce');
  for (const [stamp, code] of [
    ['Nats-User: "{user}"', 'stamp_name'],
    ['"a b": x', 'stamp_name'],
    ['A: "{name}"', 'stamp_value'],
    ['A: "ä"', 'stamp_value'],
    ['A: x, a: y', 'stamp_headers'],
  ] as const) {
    const { problems } = await load(`${REQUIRED}${auth}connect: {stamp: {${stamp}}}\n`);
    assert.deepEqual(
      problems.map((one) => one.split(' ')[0]),
      [code],
      stamp,
    );
  }
  const { problems } = await load(`${REQUIRED}connect: {stamp: {A: "{user}"}}\n`);
  assert.deepEqual(
    problems.map((one) => one.split(' ')[0]),
    ['stamp_without_auth'],
  );
});
