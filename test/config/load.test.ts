// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the file's own syntax for variables
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { load, REQUIRED } from './support.ts';

const DEFAULTS = {
  listen: {
    address: { host: '0.0.0.0', port: 8080 },
    tls: undefined,
    trustedProxies: [],
    proxyProtocol: [],
    hosts: [],
  },
  admin: {
    address: { host: '127.0.0.1', port: 8081 },
    hosts: [],
    page: true,
    payloads: false,
    subjects: 'full',
    token: undefined,
    tls: undefined,
  },
  origins: { allow: ['https://app.example.com'], missing: 'deny', opaque: 'deny' },
  upstream: {
    servers: [{ host: 'nats', port: 4222, name: 'nats:4222' }],
    connectTimeoutMs: 1000,
    dialTimeoutMs: 1800,
    tls: undefined,
    proxyProtocol: 'off',
    order: 'random',
    health: { urls: [], intervalMs: 5000 },
    readiness: 'process',
    proxySigner: undefined,
  },
  connect: { login: undefined, clientCredentials: 'keep', name: undefined, stamp: undefined },
  engine: 'cut-through',
  compression: { enabled: false, thresholdBytes: 1024, sessions: 500, concurrency: 4 },
  inspect: 'off',
  info: { connectUrls: 'keep', hide: [] },
  limits: {
    sessions: undefined,
    memory: 'auto',
    sessionsPerAddress: 0,
    handshakesInFlight: 512,
    handshakesPerSecond: 300,
    handshakesPerSecondPerAddress: 0,
    sessionsPerIdentity: 0,
    handshakesPerSecondPerIdentity: 0,
    headBytes: 8192,
    headLines: 64,
    maxFrameBytes: 8_388_608,
    maxSentFrameBytes: 65_535,
    maxControlLineBytes: 4096,
    sessionAgeMs: 0,
    readiness: 'process',
  },
  timeouts: { handshakeMs: 5000, pingMs: 25_000, silenceMs: 300_000, stallMs: 30_000, closeMs: 2000 },
  drain: { delayMs: 5000, timeoutMs: 30_000, budgetMs: 0 },
  captures: {
    directory: undefined,
    concurrent: 8,
    maxBytes: 4 * 1024 * 1024,
    maxMs: 600_000,
    totalBytes: 64 * 1024 * 1024,
    ringBytes: 0,
    keep: [],
  },
  log: { level: 'info', format: 'auto' },
  routes: [],
};

test('two keys are a configuration, complete and frozen', async () => {
  const { config, warnings } = await load(REQUIRED);
  assert.deepEqual(config, DEFAULTS);
  assert.deepEqual(warnings, []);
  assert.ok(config !== undefined);
  for (const part of [
    config,
    config.listen,
    config.listen.address,
    config.origins.allow,
    config.upstream.servers[0],
  ]) {
    assert.ok(Object.isFrozen(part));
  }
});

test('short and long forms mean the same', async () => {
  const long = await load(
    'listen: {address: "[::1]:9000"}\nadmin: {address: 127.0.0.1:9001}\norigins: {allow: [https://a.example]}\nupstream: {servers: [nats://n:1]}\n',
  );
  assert.ok(long.config !== undefined, long.problems.join('\n'));
  for (const short of [
    'listen: "[::1]:9000"\nadmin: 9001\norigins: https://a.example\nupstream: nats://n:1\n',
    'listen: "[::1]:9000"\nadmin: 127.0.0.1:9001\norigins: [https://a.example]\nupstream: [nats://n:1]\n',
    'listen:\n  address: "[::1]:9000"\nadmin: 9001\norigins:\n  allow: https://a.example\nupstream:\n  servers: nats://n:1\n',
    '{"listen": "[::1]:9000", "admin": 9001, "origins": ["https://a.example"], "upstream": "nats://n:1"}',
    'listen:\n  "[::1]:9000"\nadmin: "9001"\norigins:\n- https://a.example\nupstream:\n- nats://n:1',
    '\ufefflisten: "[::1]:9000"\r\nadmin: 9001\r\norigins: https://a.example\r\nupstream: nats://n:1\r\n',
  ]) {
    const { config, problems } = await load(short);
    assert.deepEqual(config, long.config, problems.join('\n') || short);
  }
});

test('compression: what contradicts it, and what it would do nothing for', async () => {
  const huge = await load(`${REQUIRED}limits: {frameBytes: 65MiB}\ncompression: on\n`);
  assert.deepEqual(huge.problems, ['frame_too_large_to_inflate 3:22 limits.frameBytes']);
  assert.deepEqual((await load(`${REQUIRED}limits: {frameBytes: 65MiB}\n`)).problems, []);
  const idle = await load(
    `${REQUIRED}limits: {sentFrameBytes: 1KiB, sessions: 10}\ncompression: {enabled: on, threshold: 2KiB}\n`,
  );
  assert.deepEqual(idle.warnings, ['nothing_to_compress 4:39 compression.threshold']);
});

test('every key arrives in the unit of the code', async () => {
  const { config, problems } = await load(`
listen: {address: ":1", trustedProxies: 10.0.0.0/8, proxyProtocol: [10.1.0.0/16], hosts: [GW.example.com], health: /healthz}
admin: {address: 2, hosts: natsgate, page: false, subjects: hashed}
origins: {allow: [self, "*"], missing: allow, opaque: allow}
upstream: {servers: [nats://a, nats://b:1], connectTimeout: 2s, dialTimeout: 3s, order: least-sessions, health: {url: ["http://{host}:1/h", "http://b/h"], interval: 1m}, readiness: upstream, tls: {mode: first, serverName: "[::1]", minVersion: TLSv1.3}, proxyProtocol: v1}
limits: {sessions: 5, memory: 512MiB, sessionsPerAddress: 4, handshakesInFlight: 3, handshakesPerSecond: 2, handshakesPerSecondPerAddress: 1, headBytes: 64KiB, headLines: 256, frameBytes: 16MiB, sentFrameBytes: 1KiB, controlLineBytes: 8KiB, sessionAge: 12h, readiness: capacity}
timeouts: {handshake: 4s, ping: 100ms, silence: 200ms, stall: 10ms, close: 20ms}
drain: {delay: 0, timeout: 0s}
captures: {directory: /var/captures, concurrent: 2, bytes: 1MiB, time: 90s, totalBytes: 3MiB, ring: 8KiB, keep: [{reason: overload}]}
connect: {clientCredentials: refuse, name: 'a {name}', stamp: {X-Via: edge}}
engine: buffered
compression: {enabled: on, threshold: 512B, sessions: 4, concurrency: 2}
inspect: enforce
info: {connectUrls: [GW.example.com:443], hide: [host, go]}
log: {level: silent, format: text}
`);
  assert.deepEqual(
    config,
    {
      listen: {
        address: { host: '0.0.0.0', port: 1 },
        tls: undefined,
        trustedProxies: ['10.0.0.0/8'],
        proxyProtocol: ['10.1.0.0/16'],
        hosts: ['gw.example.com'],
        health: '/healthz',
      },
      admin: {
        address: { host: '127.0.0.1', port: 2 },
        hosts: ['natsgate'],
        page: false,
        payloads: false,
        subjects: 'hashed',
        token: undefined,
        tls: undefined,
      },
      origins: { allow: ['self', '*'], missing: 'allow', opaque: 'allow' },
      upstream: {
        servers: [
          { host: 'a', port: 4222, name: 'a:4222' },
          { host: 'b', port: 1, name: 'b:1' },
        ],
        connectTimeoutMs: 2000,
        dialTimeoutMs: 3000,
        tls: {
          mode: 'first',
          material: config?.upstream.tls?.material,
          serverName: '::1',
          minVersion: 'TLSv1.3',
        },
        proxyProtocol: 'v1',
        order: 'least-sessions',
        health: { urls: ['http://{host}:1/h', 'http://b/h'], intervalMs: 60_000 },
        readiness: 'upstream',
        proxySigner: undefined,
      },
      connect: {
        login: undefined,
        clientCredentials: 'refuse',
        name: ['a ', { value: 'name' }],
        stamp: { 'X-Via': ['edge'] },
      },
      engine: 'buffered',
      compression: { enabled: true, thresholdBytes: 512, sessions: 4, concurrency: 2 },
      inspect: 'enforce',
      info: { connectUrls: ['gw.example.com:443'], hide: ['host', 'go'] },
      limits: {
        sessions: 5,
        memory: 536_870_912,
        sessionsPerAddress: 4,
        handshakesInFlight: 3,
        handshakesPerSecond: 2,
        handshakesPerSecondPerAddress: 1,
        sessionsPerIdentity: 0,
        handshakesPerSecondPerIdentity: 0,
        headBytes: 65_536,
        headLines: 256,
        maxFrameBytes: 16_777_216,
        maxSentFrameBytes: 1024,
        maxControlLineBytes: 8192,
        sessionAgeMs: 43_200_000,
        readiness: 'capacity',
      },
      timeouts: { handshakeMs: 4000, pingMs: 100, silenceMs: 200, stallMs: 10, closeMs: 20 },
      drain: { delayMs: 0, timeoutMs: 0, budgetMs: 0 },
      captures: {
        directory: '/var/captures',
        concurrent: 2,
        maxBytes: 1024 * 1024,
        maxMs: 90_000,
        totalBytes: 3 * 1024 * 1024,
        ringBytes: 8192,
        keep: [{ reason: 'overload' }],
      },
      log: { level: 'silent', format: 'text' },
      routes: [],
    },
    problems.join('\n'),
  );
});

test('flag over environment over file, each for its own key', async () => {
  const file =
    'listen: {address: ":1", hosts: gw}\norigins: {allow: [https://file.example], missing: allow}\nupstream: {servers: nats://file, dialTimeout: 3s}\n';
  const env = {
    NATSGATE_LISTEN: ':2',
    NATSGATE_ADMIN: ':3',
    NATSGATE_ORIGINS: 'https://env.example, https://*.env.example\thttp://x',
    NATSGATE_UPSTREAM: 'nats://env:1,nats://env:2',
  };
  const flags = {
    listen: ':4',
    admin: ':5',
    origin: ['https://flag.example', 'self'],
    upstream: ['nats://flag'],
  };
  const picture = async (...[content, given]: Parameters<typeof load>) => {
    const { config, problems } = await load(content, given);
    assert.ok(config !== undefined, problems.join('\n'));
    const { listen, admin, origins, upstream } = config;
    return [
      listen.address.port,
      listen.hosts.join(),
      admin.address.port,
      origins.allow.join(),
      origins.missing,
      upstream.servers.map(({ name }) => name).join(),
      upstream.dialTimeoutMs,
    ];
  };
  assert.deepEqual(await picture(file), [1, 'gw', 8081, 'https://file.example', 'allow', 'file:4222', 3000]);
  assert.deepEqual(await picture(file, { env }), [
    2,
    'gw',
    3,
    'https://env.example,https://*.env.example,http://x',
    'allow',
    'env:1,env:2',
    3000,
  ]);
  assert.deepEqual(await picture(file, { env, flags }), [
    4,
    'gw',
    5,
    'https://flag.example,self',
    'allow',
    'flag:4222',
    3000,
  ]);
  assert.deepEqual(await picture(undefined, { flags }), [
    4,
    '',
    5,
    'https://flag.example,self',
    'deny',
    'flag:4222',
    1800,
  ]);
  assert.deepEqual(await picture(undefined, { env }), [
    2,
    '',
    3,
    'https://env.example,https://*.env.example,http://x',
    'deny',
    'env:1,env:2',
    1800,
  ]);
  const empty = { NATSGATE_LISTEN: '', NATSGATE_ORIGINS: '', NATSGATE_CONFIG: '' };
  assert.deepEqual(await picture(undefined, { env: empty, flags: { ...flags, listen: ':6' } }), [
    6,
    '',
    5,
    'https://flag.example,self',
    'deny',
    'flag:4222',
    1800,
  ]);
});

test('problems of flags and variables carry their name', async () => {
  const { problems } = await load(REQUIRED, {
    env: {
      NATSGATE_LISTEN: '[::1',
      NATSGATE_ORIGINS: 'https://a.example nonsense',
      NATSGATE_UPSTREAM: ' , ',
    },
    flags: { admin: '' },
  });
  assert.deepEqual(problems, [
    'empty_list NATSGATE_UPSTREAM upstream',
    'origin NATSGATE_ORIGINS origins',
    'address NATSGATE_LISTEN listen',
    'address --admin admin',
  ]);
});

test('what is required and missing', async () => {
  assert.deepEqual((await load(undefined)).problems, [
    'missing --origin origins',
    'missing --upstream upstream',
  ]);
  const { problems } = await load(
    'origins: {missing: allow}\nupstream: {dialTimeout: 2s}\nlisten: {tls: {minVersion: 1.3}}\n',
  );
  assert.deepEqual(problems, [
    'missing 1:1 origins.allow',
    'missing 2:1 upstream.servers',
    'missing 3:10 listen.tls.certFile',
    'missing 3:10 listen.tls.keyFile',
    'unknown_word 3:28 listen.tls.minVersion',
  ]);
});

test('the file: named by flag or variable, and read only when it can be', async () => {
  for (const [source, where] of [
    [{ file: '/nonexistent/gateway.yaml', flags: {}, env: {} }, '--config'],
    [{ flags: {}, env: { NATSGATE_CONFIG: '/nonexistent' } }, 'NATSGATE_CONFIG'],
    [{ file: import.meta.dirname, flags: {}, env: {} }, '--config'],
    [{ file: '/dev/null', flags: {}, env: {} }, '--config'],
    [{ file: 'a\0b', flags: {}, env: {} }, '--config'],
    [{ file: '', flags: {}, env: {} }, '--config'],
    [{ file: `${import.meta.filename}/x`, flags: {}, env: {} }, '--config'],
  ] as const) {
    const loaded = await loadConfig(source);
    assert.ok(!loaded.ok);
    assert.deepEqual(
      loaded.problems.map((problem) => [problem.code, problem.where, problem.key]),
      [['unreadable', where, '']],
    );
  }
});

test('variables in the file', async () => {
  const { config, problems } = await load(
    'listen: ${PORT}\norigins: ["https://${HOST:-app.example.com}"]\nupstream: nats://${NATS}\nlimits: {sessions: "${N}", frameBytes: "${SIZE:-2}MiB"}\n',
    { env: { PORT: '9000', NATS: 'nats:1', N: '77' } },
  );
  assert.ok(config !== undefined, problems.join('\n'));
  assert.equal(config.listen.address.port, 9000);
  assert.deepEqual(config.origins.allow, ['https://app.example.com']);
  assert.equal(config.upstream.servers[0]?.name, 'nats:1');
  assert.equal(config.limits.sessions, 77);
  assert.equal(config.limits.maxFrameBytes, 2_097_152);
});

test('a value from a variable never appears in a message', async () => {
  const value = 'CANARY';
  const content = `
listen: \${V}
admin: {address: "\${V}", tokenFile: "\${V}", hosts: ["\${V} x"]}
origins: {allow: ["\${V}"], missing: '\${V}'}
upstream:
  - nats://\${V}:\${V}
  - \${V}/path
  - tls://\${V}
limits: {sessions: "\${V}", frameBytes: "\${V}", sessionAge: "5\${V}"}
timeouts:
  ping: \${V}
log: {level: "\${V}", format: "\${LINE}"}
`;
  const { problems, text } = await load(content, { env: { V: value, LINE: 'a\nb' } });
  assert.doesNotMatch(text.join('\n'), /CANARY/);
  assert.deepEqual(problems, [
    'address 2:9 listen',
    'address 3:18 admin.address',
    'host_name 3:53 admin.hosts',
    'origin 4:19 origins.allow',
    'unknown_word 4:37 origins.missing',
    'server_url 6:5 upstream',
    'server_url 7:5 upstream',
    'server_url 8:5 upstream',
    'not_a_number 9:20 limits.sessions',
    'not_a_size 9:40 limits.frameBytes',
    'not_a_duration 9:60 limits.sessionAge',
    'not_a_duration 11:9 timeouts.ping',
    'unknown_word 12:14 log.level',
    'control_character 12:30 log.format',
  ]);
  for (const line of text) assert.match(line, /the value of \$\{(V|LINE)\}/);
});

test('contradictions between keys', async () => {
  for (const [content, expected] of [
    ['timeouts: {silence: 20s}', 'silence_not_above_ping 3:21 timeouts.silence'],
    ['timeouts: {ping: 10m}', 'silence_not_above_ping 3:18 timeouts.ping'],
    ['timeouts: {handshake: 1s}', 'handshake_not_above_dial 3:23 timeouts.handshake'],
    ['listen: 8081', 'same_port 3:9 listen'],
    ['listen: {health: /}', 'health_at_route 3:18 listen.health'],
    ['listen: {health: /a}\nroutes: [{path: /a}]', 'health_at_route 3:18 listen.health'],
    ['admin: 127.0.0.1:8080', 'same_port 3:8 admin'],
    // Spellings of one address, as the kernel sees them.
    ['listen: "[0:0::1]:8081"\nadmin: "[::1]:8081"', 'same_port 4:8 admin'],
    ['listen: "[::ffff:127.0.0.1]:8081"', 'same_port 3:9 listen'],
    ['listen: "[::]:8081"', 'same_port 3:9 listen'],
  ] as const) {
    assert.deepEqual((await load(`${REQUIRED}${content}\n`)).problems, [expected]);
  }
  const dial = await load('origins: self\nupstream: {servers: nats://n, dialTimeout: 500ms}\n');
  assert.deepEqual(dial.problems, ['dial_below_connect 2:44 upstream.dialTimeout']);
  for (const [url, code] of [
    ['http://h:8222/healthz', 'health_url_without_host 2:57'],
    ['[http://a/h, http://b/h, http://c/h]', 'health_url_count 2:57'],
  ] as const) {
    const { problems } = await load(
      `origins: self\nupstream: {servers: [nats://a, nats://b], health: {url: ${url}}}\n`,
    );
    assert.deepEqual(problems, [`${code} upstream.health.url`]);
  }
  const one = await load('origins: self\nupstream: {servers: nats://a, health: {url: http://h/healthz}}\n');
  assert.deepEqual(one.config?.upstream.health.urls, ['http://h/healthz'], one.problems.join('\n'));
  const block =
    'upstream:\n  servers: [nats://a, nats://b]\n  health:\n    url: http://{host}:8222/healthz\n';
  assert.deepEqual((await load(`origins: self\n${block}`)).config?.upstream.health.urls, [
    'http://{host}:8222/healthz',
  ]);
  // A start put the address into this URL, and failed with "Invalid URL".
  const zone = await load(
    'origins: self\nupstream: {servers: "nats://[fe80::1%eth0]", health: {url: "http://{host}:8222/healthz"}}\n',
  );
  assert.deepEqual(zone.problems, ['health_url_with_zone 2:60 upstream.health.url']);
  for (const listen of ['127.0.0.2:8081', '0.0.0.0:8081\nadmin: "[::1]:8081"']) {
    const apart = await load(`${REQUIRED}listen: ${listen}\n`);
    assert.ok(apart.config !== undefined, apart.problems.join('\n'));
  }
  const free = await load(`${REQUIRED}listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n`);
  assert.ok(free.config !== undefined);
});

test('what is allowed but probably not meant is a warning', async () => {
  const { config, warnings } = await load(`
origins: [self, '*', https://a.example, https://A.example:443, app://a, app://A]
upstream: [nats://n, nats://n:4222]
listen: {trustedProxies: ["::ffff:0.0.0.0/96"]}
limits: {frameBytes: 1MiB, sessions: 10, sessionsPerAddress: 11, handshakesPerSecondPerAddress: 301}
`);
  assert.ok(config !== undefined);
  assert.deepEqual(warnings, [
    'self_without_hosts 2:11 origins',
    'broad_origin 2:17 origins',
    'star_beside_others 2:17 origins',
    'repeated 2:41 origins',
    'repeated 3:22 upstream',
    'trusts_everybody 4:27 listen.trustedProxies',
    'frame_below_max_payload 5:22 limits.frameBytes',
    'address_cap_above_total 5:62 limits.sessionsPerAddress',
    'address_cap_above_total 5:97 limits.handshakesPerSecondPerAddress',
  ]);
});

test('localhost is one word, alone or in a list, and warned about; applications beside * are no mistake', async () => {
  for (const origins of ['localhost', '[https://app.example.com, localhost]']) {
    const { config, warnings } = await load(`origins: ${origins}\nupstream: nats://n\n`);
    assert.equal(config?.origins.allow.at(-1), 'localhost');
    assert.match(warnings.join('\n'), /^broad_origin 1:\d+ origins$/);
  }
  const ported = await load('origins: [http://localhost:*]\nupstream: nats://n\n');
  assert.deepEqual(ported.problems, ['origin 1:11 origins']);
  assert.match(ported.text.join('\n'), /write localhost alone/);
  const any = await load(`origins: ['*', 'moz-extension://*', qrc://]\nupstream: nats://n\n`);
  assert.deepEqual(any.warnings, ['broad_origin 1:11 origins', 'broad_origin 1:16 origins']);
});

test('inspection rises by itself to what other keys need, and may not be written lower', async () => {
  const start = 'origins: https://a.example\nupstream: {servers: nats://nats, tls: {mode: after-info}}\n';
  assert.equal((await load(start)).config?.inspect, 'enforce');
  assert.equal((await load(`${REQUIRED}info: {hide: go}\n`)).config?.inspect, 'enforce');
  for (const level of ['off', 'observe']) {
    const one = await load(`${start}inspect: ${level}\n`);
    assert.deepEqual(one.problems, ['level_too_low 3:10 inspect']);
    assert.match(one.text[0] ?? '', /upstream\.tls\.mode/);
  }
});

test('everyday YAML means what people expect of it', async () => {
  const limits = async (content: string) => {
    const { config, problems } = await load(`${REQUIRED}${content}`);
    assert.deepEqual(problems, [], content);
    return config;
  };
  assert.equal((await limits('x-mine: &l {frameBytes: 2MiB}\nlimits: *l\n'))?.limits.maxFrameBytes, 2 ** 21);
  const merged = await limits(
    'x-mine: &l {frameBytes: 2MiB, sessionAge: 1h}\nroutes:\n- path: /a\n  limits: {sessionAge: 2h, <<: *l}\n',
  );
  assert.deepEqual(merged?.routes[0]?.limits.maxFrameBytes, 2 ** 21);
  assert.deepEqual(merged?.routes[0]?.limits.sessionAgeMs, 7_200_000, 'its own key wins');
  assert.equal(
    (await limits('limits:\n  # sessions: 5\ntimeouts: ~\nroutes:\n'))?.limits.sessions,
    undefined,
  );
  assert.equal((await limits('timeouts: {ping: 1m30s}\n'))?.timeouts.pingMs, 90_000);
  assert.deepEqual((await limits('listen: {hosts: "gw.\\\n  example.com"}\n'))?.listen.hosts, [
    'gw.example.com',
  ]);
  assert.deepEqual((await limits('listen:\n  hosts: >-\n    gw.example.com\n'))?.listen.hosts, [
    'gw.example.com',
  ]);
  assert.deepEqual((await limits('listen:\n  hosts: |\n    gw.example.com\n'))?.listen.hosts, [
    'gw.example.com',
  ]);
  const json = await load(
    '{"$schema": "x", "origins": "https://a.example", "upstream": "nats://n", "inspect": false}',
  );
  assert.equal(json.config?.inspect, 'off');
});

test('on, true and yes, and off, false and no, mean the same wherever a switch is', async () => {
  for (const word of ['off', 'false', 'no', 'False', 'NO']) {
    const { config, problems } = await load(
      `origins: https://a.example\nupstream: {servers: nats://n, proxyProtocol: ${word}, tls: {mode: ${word}}}\n` +
        `compression: ${word}\ninspect: ${word}\nlimits: {sessionAge: ${word}, sessionsPerAddress: ${word}}\ndrain: {budget: ${word}}\n`,
    );
    assert.deepEqual(problems, [], word);
    assert.equal(config?.compression.enabled, false);
    assert.equal(config.upstream.proxyProtocol, 'off');
    assert.equal(config.upstream.tls, undefined);
    assert.equal(config.inspect, 'off');
    assert.deepEqual(
      [config.limits.sessionAgeMs, config.limits.sessionsPerAddress, config.drain.budgetMs],
      [0, 0, 0],
    );
  }
  for (const word of ['on', 'true', 'yes', 'Yes'])
    assert.equal(
      (await load(`${REQUIRED}compression: {enabled: ${word}}\n`)).config?.compression.enabled,
      true,
    );
});

test('aliases cannot multiply without end, nor lead into themselves', async () => {
  const many = `x-a: &a [${'a,'.repeat(150)}]\nx-b: &b [${'*a,'.repeat(150)}]\n`;
  assert.deepEqual((await load(`${many}origins: [*b]\nupstream: nats://n\n`)).problems, [
    'too_many_values 1:1 ',
  ]);
  const inside = await load('x: &x\n  y: *x\norigins: self\nupstream: nats://n\n');
  assert.ok(
    inside.problems.some((problem) => problem.startsWith('alias 2:6')),
    inside.problems.join(),
  );
});
