import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfSigned } from './self-signed.ts';
import { load, REQUIRED } from './support.ts';

const TOP = `origins: {allow: https://app.example.com, missing: allow}
upstream: {servers: nats://nats:4222, order: first, tls: {mode: first}}
info: {connectUrls: drop, hide: [host]}
limits: {sessions: 7, frameBytes: 4MiB, sessionAge: 1h}
compression: {enabled: on, threshold: 2KiB, concurrency: 2}
`;

test('a route has from the top what it does not say itself, key by key', async () => {
  const { config, problems, warnings } = await load(`${TOP}routes:
  - path: /a
  - host: B.example.com
    origins: https://b.example.com
    limits: {sessions: 3, sessionAge: off}
    compression: off
    info: {hide: []}
    inspect: enforce
`);
  assert.deepEqual([problems, warnings], [[], []]);
  const [a, b] = config?.routes ?? [];
  assert.ok(config && a && b);
  assert.deepEqual(
    { ...a, limits: undefined },
    {
      name: '/a',
      host: undefined,
      path: '/a',
      subprotocols: [],
      origins: config.origins,
      upstream: config.upstream,
      connect: config.connect,
      compression: config.compression,
      inspect: 'enforce',
      info: config.info,
      limits: undefined,
    },
  );
  assert.equal(a.upstream, config.upstream, 'the very object: one pool for both');
  // The cap on all sessions is none on those of a route.
  assert.deepEqual(a.limits, {
    sessions: 0,
    maxFrameBytes: 4 * 1024 * 1024,
    maxSentFrameBytes: 65_535,
    maxControlLineBytes: 4096,
    sessionAgeMs: 3_600_000,
  });
  assert.deepEqual([b.name, b.host, b.path], ['b.example.com/', 'b.example.com', '/']);
  assert.deepEqual(b.origins, { allow: ['https://b.example.com'], missing: 'allow', opaque: 'deny' });
  assert.deepEqual(b.compression, { enabled: false, thresholdBytes: 2048, sessions: 500, concurrency: 2 });
  assert.deepEqual(b.info, { connectUrls: 'drop', hide: [] });
  assert.deepEqual([b.limits.sessions, b.limits.sessionAgeMs], [3, 0]);
  assert.ok(Object.isFrozen(b.limits));
});

test('an upstream of a route is taken whole, and flags change that of the top alone', async () => {
  const { config, problems } = await load(
    `${TOP}routes:
  - {path: /own, upstream: "nats://other"}
  - {path: /mqtt, upstream: "tcp://mqtt:1883", subprotocols: mqtt}
  - {path: /same}
`,
    { flags: { upstream: ['nats://flag:1'] } },
  );
  assert.deepEqual(problems, []);
  const [own, mqtt, same] = config?.routes ?? [];
  assert.deepEqual(own?.upstream.servers, [{ host: 'other', port: 4222, name: 'other:4222' }]);
  assert.deepEqual([own?.upstream.order, own?.upstream.tls], ['random', undefined]);
  assert.deepEqual([own?.inspect, same?.inspect], ['enforce', 'enforce']);
  assert.deepEqual(same?.upstream.servers, [{ host: 'flag', port: 1, name: 'flag:1' }]);
  assert.equal(same?.upstream.tls?.mode, 'first');
  // What INFO rules ask for has no meaning for bytes that are not read.
  assert.deepEqual([mqtt?.inspect, mqtt?.subprotocols], ['off', ['mqtt']]);
  assert.deepEqual(mqtt?.upstream.servers, [{ host: 'mqtt', port: 1883, name: 'mqtt:1883', opaque: true }]);
});

test('the level of a route is what its own keys need', async () => {
  const { config } = await load(`${REQUIRED}routes:
  - {path: /a, info: {connectUrls: drop}}
  - {path: /b, upstream: {servers: "nats://b", tls: {mode: after-info}}}
  - {path: /c, inspect: observe}
`);
  assert.equal(config?.inspect, 'off');
  assert.deepEqual(
    config.routes.map(({ inspect }) => inspect),
    ['enforce', 'enforce', 'observe'],
  );
});

const ROWS: readonly [name: string, routes: string, lines: readonly string[]][] = [
  ['no list', '/mqtt', ['single_value 3:9 routes']],
  ['a value in the list', '[/mqtt]', ['single_value 3:10 routes']],
  ['an unknown key', '[{path: /a, orgins: x}]', ['unknown_key 3:21 routes[0].orgins']],
  [
    'a key of the whole gateway',
    '[{path: /a, timeouts: {ping: 1s}}]',
    ['unknown_key 3:21 routes[0].timeouts'],
  ],
  [
    'a wrong value in the second route',
    '[{path: /a}, {path: /b, limits: {frameBytes: 1}}]',
    ['too_small 3:54 routes[1].limits.frameBytes'],
  ],
  ['a path without slash', '[{path: mqtt}]', ['request_path 3:17 routes[0].path']],
  ['a path with a query', '[{path: "/a?b"}]', ['request_path 3:17 routes[0].path']],
  [
    'paths that no browser asks for',
    '[{path: /a/../b}, {path: "/a{b}"}, {path: /%2E%2e/c}]',
    [
      'request_path 3:17 routes[0].path',
      'request_path 3:34 routes[1].path',
      'request_path 3:51 routes[2].path',
    ],
  ],
  ['the default route again', '[{origins: https://b.example.com}]', ['route_is_default 3:10 routes[0].path']],
  [
    'one route twice',
    '[{host: a.example.com, path: /x}, {path: /x, host: A.example.com}]',
    ['route_repeated 3:60 routes[1].host'],
  ],
  [
    'two schemes in one list',
    '[{path: /a, upstream: ["tcp://a:1", "nats://a:2"]}]',
    ['mixed_servers 3:31 routes[0].upstream'],
  ],
  [
    'what tcp:// cannot have',
    '[{path: /a, inspect: observe, info: {hide: host}, upstream: {servers: "tcp://a:1", tls: {mode: after-info}}}]',
    [
      'opaque 3:30 routes[0].inspect',
      'opaque 3:52 routes[0].info.hide',
      'opaque 3:104 routes[0].upstream.tls.mode',
    ],
  ],
  ['tcp:// without port', '[{path: /a, upstream: "tcp://a"}]', ['server_url 3:31 routes[0].upstream']],
  ['mqtt://', '[{path: /a, upstream: "mqtt://a:1883"}]', ['server_url 3:31 routes[0].upstream']],
  [
    'a subprotocol that is none',
    '[{path: /a, subprotocols: ["mq tt"]}]',
    ['subprotocol 3:36 routes[0].subprotocols'],
  ],
  ['a bad origin', '[{path: /a, origins: "https://*.com"}]', ['origin 3:30 routes[0].origins']],
  [
    'a dial that takes longer than the handshake may',
    '[{path: /a, upstream: {servers: "nats://a", dialTimeout: 6s}}]',
    ['handshake_not_above_dial 3:66 routes[0].upstream.dialTimeout'],
  ],
  [
    'a file that is not there',
    '[{path: /a, upstream: {servers: "nats://a", tls: {mode: first, caFile: ca.pem}}}]',
    ['unreadable 3:80 routes[0].upstream.tls.caFile'],
  ],
];

for (const [name, routes, expected] of ROWS) {
  test(`routes with ${name}`, async () => {
    const { problems } = await load(`${REQUIRED}routes: ${routes}\n`);
    assert.deepEqual(problems, expected);
  });
}

test('a level of the top that is too low for what a route adds is no silent login of the client itself', async () => {
  const auth =
    'auth: {from: [{header: authorization}], jwt: [{issuer: a, audience: b, keys: {url: https://a.example}}]}';
  for (const [level, added] of [
    ['off', 'connect: {name: x}'],
    ['observe', 'connect: {clientCredentials: refuse}'],
    ['observe', 'info: {hide: go}'],
    ['off', auth],
  ] as const) {
    const { problems } = await load(`${REQUIRED}inspect: ${level}\nroutes:\n  - path: /a\n    ${added}\n`);
    assert.deepEqual(problems, ['level_too_low 5:5 routes[0].inspect'], added);
  }
});

test('what is wrong at the top is reported once, however many routes inherit it', async () => {
  const { problems } = await load(`origins: {allow: nonsense, missing: perhaps}
limits: {frameBytes: 1}
routes: [{path: /a}, {path: /b, origins: {opaque: allow}}]
`);
  assert.deepEqual(problems, [
    'missing 1:1 upstream',
    'origin 1:18 origins.allow',
    'unknown_word 1:37 origins.missing',
    'too_small 2:22 limits.frameBytes',
  ]);
});

test('the files of a route are read, checked and named by the route', async () => {
  const pair = selfSigned(30);
  const files = { 'a.crt': pair.certificate, 'a.key': pair.key, 'b.key': selfSigned(30).key };
  const route = (key: string): string => `${REQUIRED}routes:
  - path: /a
    upstream: {servers: "nats://a", tls: {mode: first, certFile: a.crt, keyFile: ${key}}}
`;
  const { config } = await load(route('a.key'), { files });
  assert.match(config?.routes[0]?.upstream.tls?.certFile ?? '', /a\.crt$/);
  assert.equal(config?.upstream.tls, undefined);
  const { problems } = await load(route('b.key'), { files });
  assert.deepEqual(problems, ['tls_file 5:82 routes[0].upstream.tls.keyFile']);
});
