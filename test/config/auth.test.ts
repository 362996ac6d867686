import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signingKey } from '../support/issuer.ts';
import { load, REQUIRED } from './support.ts';

const JWT = 'jwt: [{issuer: https://id.example, audience: nats-web, keys: {url: https://id.example/jwks}}]';
const withAuth = (auth: string, top = REQUIRED): string => `${top}auth: ${auth}\n`;
const FROM_HEADER = 'from: [{header: authorization}]';
const jwt = (issuer: string): string => withAuth(`{${FROM_HEADER}, jwt: [{${issuer}}]}`);
const webhook = (keys: string): string => withAuth(`{${FROM_HEADER}, webhook: {${keys}}}`);
const ISSUER = 'issuer: https://id.example, audience: nats-web';
const FROM_COOKIE = `{from: [{cookie: __Host-a}], ${JWT}}`;
const origins = (text: string): string => `origins: ${text}\nupstream: nats://nats:4222\n`;

test('a short section has its defaults, and raises inspection so that the end can be announced', async () => {
  const { config, problems, warnings } = await load(withAuth(`{${FROM_HEADER}, ${JWT}}`));
  assert.deepEqual([problems, warnings], [[], []]);
  assert.equal(config?.inspect, 'observe');
  assert.ok(config?.auth !== undefined);
  const { issuers, ...auth } = config.auth;
  assert.deepEqual(auth, {
    required: true,
    from: [{ kind: 'header' }],
    identity: { user: ['sub'], tenant: undefined, groups: undefined },
    graceMs: 30_000,
    explain: false,
  });
  const { algorithms, ...issuer } = issuers[0]!;
  assert.ok(algorithms.includes('ES256') && !algorithms.includes('HS256'));
  assert.deepEqual(issuer, {
    issuer: 'https://id.example',
    audience: ['nats-web'],
    keys: {
      kind: 'url',
      url: 'https://id.example/jwks',
      refreshMs: 600_000,
      staleForMs: 3_600_000,
      cooldownMs: 30_000,
      timeoutMs: 2000,
    },
    typ: undefined,
    claims: [],
    toleranceMs: 30_000,
    maxAgeMs: 0,
  });
});

test('without auth, or with off, nobody is asked', async () => {
  for (const text of [REQUIRED, withAuth('off')]) {
    const { config, problems } = await load(text);
    assert.deepEqual(problems, []);
    assert.equal(config?.inspect, 'off');
    assert.ok(config !== undefined && !('auth' in config));
  }
});

test('auth without a key below it is no off: what was commented out, or came from an empty template, is missed', async () => {
  const { problems } = await load(withAuth(''));
  assert.deepEqual(problems, ['missing 3:1 auth.from']);
});

test('a route has the auth of the top, the very object, or its own whole, or none', async () => {
  const { config, problems } = await load(`${withAuth(`{${FROM_HEADER}, ${JWT}}`)}routes:
  - path: /same
  - path: /none
    auth: off
  - path: /own
    auth:
      required: off
      from: [{header: authorization}]
      ${JWT.replace('id.example,', 'own.example,')}
`);
  assert.deepEqual(problems, []);
  const [same, none, own] = config?.routes ?? [];
  assert.equal(same?.auth, config?.auth);
  assert.equal(none?.auth, undefined);
  assert.deepEqual([none?.inspect, own?.inspect], ['off', 'observe']);
  assert.deepEqual([own?.auth?.required, own?.auth?.issuers[0]?.issuer], [false, 'https://own.example']);
});

/** Text, and what is found: `code line:column key`. */
const PROBLEMS: readonly [text: string, ...problems: string[]][] = [
  [withAuth('{}'), 'missing 3:1 auth.from'],
  [withAuth(`{${FROM_HEADER}}`), 'no_verifier 3:1 auth'],
  [webhook(''), 'missing 3:41 auth.webhook.url'],
  [withAuth(`{from: [], ${JWT}}`), 'empty_list 3:14 auth.from'],
  [withAuth(`{from: [{}], ${JWT}}`), 'one_source 3:15 auth.from[0]'],
  [withAuth(`{from: [{cookie: __Host-a, query: b}], ${JWT}}`), 'one_source 3:15 auth.from[0]'],
  [withAuth(`{from: [{header: cookie}], ${JWT}}`), 'unknown_word 3:24 auth.from[0].header'],
  [withAuth(`{from: [{cookie: "a b"}], ${JWT}}`), 'cookie_name 3:24 auth.from[0].cookie'],
  [withAuth(`{from: [{cookies: a}], ${JWT}}`), 'unknown_key 3:16 auth.from[0].cookies'],
  [withAuth(`{hook: {}, ${FROM_HEADER}, ${JWT}}`), 'unknown_key 3:8 auth.hook'],
  [webhook('url: login'), 'webhook_url 3:56 auth.webhook.url'],
  [webhook('url: "ftp://login/a"'), 'webhook_url 3:56 auth.webhook.url'],
  [webhook('url: "http://user:pass@login/a"'), 'webhook_url 3:56 auth.webhook.url'],
  [webhook('url: http://login/a, urls: b'), 'unknown_key 3:72 auth.webhook.urls'],
  [webhook('url: http://login/a, timeout: 10s'), 'webhook_too_slow 3:81 auth.webhook.timeout'],
  [webhook('url: http://login/a, headers: "a b"'), 'header_name 3:81 auth.webhook.headers'],
  [webhook('url: http://login/a, secretFile: short'), 'secret_short 3:84 auth.webhook.secretFile'],
  [webhook('url: http://login/a, inFlight: 0'), 'too_small 3:82 auth.webhook.inFlight'],
  [
    withAuth(`{${FROM_HEADER}, webhook: {url: http://login/a}, identity: {user: sub}}`),
    'identity_without_jwt 3:73 auth.identity',
  ],
  [`${REQUIRED}connect: {kind: webhook}\n`, 'login_without_webhook 3:17 connect.kind'],
  [`${withAuth(FROM_COOKIE)}connect: {kind: webhook}\n`, 'login_without_webhook 4:17 connect.kind'],
  [jwt('audience: a, keys: {url: https://a/b}'), 'missing 3:47 auth.jwt[0].issuer'],
  [jwt('issuer: a, keys: {url: https://a/b}'), 'missing 3:47 auth.jwt[0].audience'],
  [jwt('issuer: a, audience: b'), 'missing 3:47 auth.jwt[0].keys'],
  [jwt(`${ISSUER}, keys: {}`), 'one_kind_of_keys 3:96 auth.jwt[0].keys'],
  [jwt(`${ISSUER}, keys: {url: https://a/b, file: c}`), 'one_kind_of_keys 3:96 auth.jwt[0].keys'],
  [jwt(`${ISSUER}, keys: {url: http://id.example/b}`), 'keys_url 3:108 auth.jwt[0].keys.url'],
  [jwt(`${ISSUER}, keys: {url: https://user:secret@a/b}`), 'keys_url 3:108 auth.jwt[0].keys.url'],
  [jwt(`${ISSUER}, algorithms: none, keys: {url: https://a/b}`), 'unknown_word 3:108 auth.jwt[0].algorithms'],
  [
    jwt(`${ISSUER}, algorithms: [ES256, HS256], keys: {url: https://a/b}`),
    'algorithm_of_secret 3:108 auth.jwt[0].algorithms',
  ],
  [jwt(`${ISSUER}, keys: {secretFile: good}`), 'algorithm_missing 3:47 auth.jwt[0]'],
  [
    jwt(`${ISSUER}, algorithms: [HS256, ES256], keys: {secretFile: good}`),
    'algorithm_of_pair 3:108 auth.jwt[0].algorithms',
  ],
  [
    jwt(`${ISSUER}, algorithms: HS256, keys: {secretFile: short}`),
    'secret_short 3:134 auth.jwt[0].keys.secretFile',
  ],
  [jwt(`${ISSUER}, keys: {file: short}`), 'key_set 3:109 auth.jwt[0].keys.file'],
  [jwt(`${ISSUER}, keys: {file: none}`), 'unreadable 3:109 auth.jwt[0].keys.file'],
  [
    jwt(`${ISSUER}, clockTolerance: 6m, keys: {url: https://a/b}`),
    'too_large 3:112 auth.jwt[0].clockTolerance',
  ],
  [
    jwt(`${ISSUER}, require: {claims: {a..b: c}}, keys: {url: https://a/b}`),
    'claim_path 3:121 auth.jwt[0].require.claims.a..b',
  ],
  [withAuth(`{${FROM_HEADER}, identity: {user: a..b}, ${JWT}}`), 'claim_path 3:58 auth.identity.user'],
  [withAuth(FROM_COOKIE, origins("'*'")), 'cookie_with_star 1:10 origins'],
  [
    withAuth(FROM_COOKIE, origins('{allow: https://a.example, missing: allow}')),
    'cookie_without_origin 1:46 origins.missing',
  ],
  [
    withAuth(FROM_COOKIE, origins('{allow: https://a.example, opaque: allow}')),
    'cookie_with_opaque 1:45 origins.opaque',
  ],
  [withAuth(FROM_COOKIE, origins('https://*.a.example')), 'cookie_from_wildcard 1:10 origins'],
  [`${REQUIRED}limits: {sessionsPerIdentity: 5}\n`, 'identity_without_auth 3:31 limits.sessionsPerIdentity'],
  [
    `${REQUIRED}limits: {handshakesPerSecondPerIdentity: 5}\n`,
    'identity_without_auth 3:42 limits.handshakesPerSecondPerIdentity',
  ],
  [`${REQUIRED}connect: {name: "{user}"}\n`, 'name_without_auth 3:17 connect.name'],
  [withAuth(`{${FROM_HEADER}, ${JWT}}`, `inspect: off\n${REQUIRED}`), 'level_too_low 1:10 inspect'],
  [
    withAuth(
      `{${FROM_HEADER}, expiry: {end: off}, webhook: {url: http://login/a, recheck: 1m}}`,
      `inspect: off\n${REQUIRED}`,
    ),
    'level_too_low 1:10 inspect',
  ],
];
for (const [text, ...expected] of PROBLEMS)
  test(`${expected.join()}: ${text.replace(REQUIRED, '').trim()}`, async () => {
    const { problems } = await load(text, { files: { good: 'x'.repeat(32), short: `${'x'.repeat(31)}\n` } });
    assert.deepEqual(problems, expected);
  });

const WARNINGS: readonly [text: string, ...warnings: string[]][] = [
  [withAuth(`{from: [{cookie: sid}], ${JWT}}`), 'cookie_prefix 3:24 auth.from[0].cookie'],
  [withAuth(`{from: [{query: token}], ${JWT}}`), 'token_in_url 3:23 auth.from[0].query'],
  [
    withAuth(
      `{${FROM_HEADER}, ${JWT}}`,
      `limits: {sessions: 9, sessionsPerIdentity: 10, handshakesPerSecondPerIdentity: 301}\n${REQUIRED}`,
    ),
    'identity_cap_above_total 1:44 limits.sessionsPerIdentity',
    'identity_cap_above_total 1:80 limits.handshakesPerSecondPerIdentity',
  ],
  [
    withAuth(`{from: [{subprotocol: natsgate.bearer}], ${JWT}}`),
    'nothing_to_confirm 3:29 auth.from[0].subprotocol',
  ],
  [
    withAuth(`{from: [{header: authorization}, {header: authorization}], ${JWT}}`),
    'repeated 3:40 auth.from[1]',
  ],
  [webhook('url: http://login.example.com/a'), 'webhook_in_clear 3:56 auth.webhook.url'],
  [webhook('url: http://192.0.2.1/a'), 'webhook_in_clear 3:56 auth.webhook.url'],
  [webhook('url: http://login/a, headers: [cookie, Cookie]'), 'repeated 3:90 auth.webhook.headers'],
  [jwt('issuer: a, audience: any, keys: {url: https://a/b}'), 'audience_any 3:69 auth.jwt[0].audience'],
  [
    withAuth(
      `{${FROM_HEADER}, ${JWT.replace(/\]$/, ', {issuer: https://id.example/, audience: b, keys: {url: https://a/b}}]')}}`,
    ),
    'users_of_several_issuers 3:46 auth.jwt',
    'issuer_twin 3:144 auth.jwt[1].issuer',
  ],
];
for (const [text, ...expected] of WARNINGS)
  test(`a warning: ${expected.join()}`, async () => {
    const { problems, warnings } = await load(text);
    assert.deepEqual([problems, warnings], [[], expected]);
  });

test('a cookie of a route is judged beside the origins that it inherits, at the cookie', async () => {
  const { problems } = await load(`${origins("'*'")}routes:
  - path: /a
    auth: ${FROM_COOKIE}
  - path: /b
    origins: https://b.example
    auth: ${FROM_COOKIE}
`);
  assert.deepEqual(problems, ['cookie_with_star 5:19 routes[0].auth.from[0]']);
});

test('what a cookie needs may be waived in words', async () => {
  const waived = `{cookieWithoutOrigin: on, cookieFromWildcards: on, ${FROM_COOKIE.slice(1)}`;
  const { problems } = await load(withAuth(waived, origins('{allow: https://*.a.example, missing: allow}')));
  assert.deepEqual(problems, []);
});

test('keys over http from inside: loopback, and names without public DNS', async () => {
  for (const url of [
    'http://127.0.0.1:9/a',
    'http://localhost/a',
    'http://keycloak:8080/a',
    'http://id.auth.svc/a',
  ])
    assert.deepEqual((await load(jwt(`${ISSUER}, keys: {url: "${url}"}`))).problems, [], url);
  for (const url of ['http://10.0.0.1/a', 'http://svc.example/a', 'ftp://a/b', 'https://a/b#c'])
    assert.equal((await load(jwt(`${ISSUER}, keys: {url: "${url}"}`))).problems.length, 1, url);
});

test('a secret is in no message, and in nothing that writes the configuration out', async () => {
  const secret = 'correct horse battery staple 12345';
  const text = jwt(`${ISSUER}, algorithms: HS256, keys: {secretFile: good}`);
  const { config } = await load(text, { files: { good: `${secret}\n` } });
  assert.ok(!JSON.stringify(config).includes('horse'));
  const { keys } = config?.auth?.issuers[0] ?? {};
  assert.ok(keys?.kind === 'secret');
  assert.equal(Buffer.from(keys.secret()).toString(), secret);
});

test('of a key set only public keys that verify signatures are taken, without their addresses', async () => {
  const good = signingKey('a', 'RS256').jwk;
  const keys = [
    { ...good, x5u: 'https://evil.example', key_ops: ['verify'] },
    { ...signingKey('b').jwk, use: 'enc' },
    { ...signingKey('c').jwk, d: 'AA' },
    { ...signingKey('d').jwk, use: undefined, key_ops: ['deriveKey'] },
    { ...signingKey('e').jwk, key_ops: 'verify' },
    { ...signingKey('f').jwk, alg: ['ES256'] },
    { ...signingKey('g').jwk, alg: '' },
    { kty: 'oct', k: 'AAAA' },
    { ...good, n: String(good['n']).slice(0, 100) },
    { ...good, n: String(good['n']).repeat(3) },
    'none',
  ];
  const text = jwt(`${ISSUER}, keys: {file: set}`);
  const { config, problems } = await load(text, { files: { set: JSON.stringify({ keys }) } });
  assert.deepEqual(problems, []);
  const { keys: found } = config?.auth?.issuers[0] ?? {};
  assert.ok(found?.kind === 'set');
  assert.deepEqual(found.keys(), [good]);
});

test('a webhook alone has its defaults; its secret is in nothing that writes the configuration out', async () => {
  const { config, problems, warnings } = await load(
    webhook('url: http://10.1.2.3:9000/a, secretFile: good'),
    {
      files: { good: 'correct horse battery staple 12345\n' },
    },
  );
  assert.deepEqual([problems, warnings], [[], []]);
  assert.deepEqual(config?.auth?.issuers, []);
  const { secret, ...rest } = config?.auth?.webhook ?? {};
  assert.deepEqual(rest, {
    url: 'http://10.1.2.3:9000/a',
    timeoutMs: 1000,
    headers: [],
    cacheMs: 10_000,
    inFlight: 64,
    recheckMs: 0,
  });
  assert.equal(Buffer.from(secret?.() ?? []).toString(), 'correct horse battery staple 12345');
  assert.ok(!JSON.stringify(config).includes('horse'));
});

test('over http, private addresses and names without public DNS are no warning', async () => {
  for (const url of [
    'http://login/a',
    'http://login.auth.svc/a',
    'http://localhost:9/',
    'http://172.16.0.9/',
    'http://[fd00::1]:9/a',
  ])
    assert.deepEqual((await load(webhook(`url: "${url}"`))).warnings, [], url);
});
