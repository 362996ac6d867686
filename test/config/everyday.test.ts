import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { load, REQUIRED } from './support.ts';

/** What people write every day, and what they get wrong at their first try. */

describe('a switch means the same however it is written', () => {
  /** A key, and what it is when it is on and off; undefined: it has no `on`. */
  const SWITCHES = [
    ['compression', (value: string) => `compression: ${value}\n`, true],
    ['compression.enabled', (value: string) => `compression: {enabled: ${value}}\n`, true],
    ['inspect', (value: string) => `inspect: ${value}\n`, false],
    ['limits.sessionsPerAddress', (value: string) => `limits: {sessionsPerAddress: ${value}}\n`, false],
    [
      'limits.handshakesPerSecondPerAddress',
      (value: string) => `limits: {handshakesPerSecondPerAddress: ${value}}\n`,
      false,
    ],
    ['limits.sessionAge', (value: string) => `limits: {sessionAge: ${value}}\n`, false],
    ['drain.budget', (value: string) => `drain: {budget: ${value}}\n`, false],
    ['routes.compression', (value: string) => `routes: [{path: /x, compression: ${value}}]\n`, true],
    ['routes.inspect', (value: string) => `routes: [{path: /x, inspect: ${value}}]\n`, false],
    [
      'routes.limits.sessions',
      (value: string) => `routes: [{path: /x, limits: {sessions: ${value}}}]\n`,
      false,
    ],
  ] as const;

  for (const [key, text, hasOn] of SWITCHES) {
    test(key, async () => {
      const configOf = async (value: string) => {
        const { config, lines } = await load(`${REQUIRED}${text(value)}`);
        assert.deepEqual(lines, [], value);
        return config;
      };
      const off = await configOf('off');
      for (const value of ['false', 'no', 'Off', 'FALSE', 'No', '"false"'])
        assert.deepEqual(await configOf(value), off, value);
      if (hasOn) {
        const on = await configOf('on');
        assert.notDeepEqual(on, off);
        for (const value of ['true', 'yes', 'ON', 'True', 'YES', '"true"'])
          assert.deepEqual(await configOf(value), on, value);
      } else {
        const { lines } = await load(`${REQUIRED}${text('true')}`);
        assert.equal(lines.length, 1);
        assert.match(lines[0] ?? '', /"true" is not /);
      }
    });
  }

  test('upstream.tls.mode and upstream.proxyProtocol', async () => {
    const [off] = await Promise.all([load(REQUIRED)]);
    for (const value of ['off', 'false', 'no']) {
      const text = `origins: https://app.example.com\nupstream: {servers: nats://nats:4222, tls: {mode: ${value}}, proxyProtocol: ${value}}\n`;
      assert.deepEqual((await load(text)).config, off.config, value);
    }
  });

  test('JSON, with its own booleans', async () => {
    const { config } = await load(
      '{"origins": "self", "upstream": "nats", "compression": true, "inspect": false}',
    );
    assert.deepEqual([config?.compression.enabled, config?.inspect], [true, 'off']);
  });
});

describe('what is empty is absent', () => {
  test('sections and lists whose keys are all comments', async () => {
    const plain = await load(REQUIRED);
    const sections = [
      'listen',
      'admin',
      'compression',
      'info',
      'limits',
      'timeouts',
      'drain',
      'log',
      'routes',
    ];
    const empty = sections.map((name) => `${name}:\n  # key: value\n`).join('');
    assert.deepEqual(await load(REQUIRED + empty), plain);
    assert.deepEqual(
      await load(`${REQUIRED}listen:\n  tls:\n    # certFile: a\n  hosts:\n  trustedProxies: ~\n`),
      plain,
    );
    assert.deepEqual(await load(`${REQUIRED}limits: null\n`), plain);
  });

  test('a route inherits what it has commented out', async () => {
    const route = (more: string) => `${REQUIRED}limits: {frameBytes: 4MiB}\nroutes:\n  - path: /x\n${more}`;
    assert.deepEqual(await load(route('    origins:\n    upstream:\n    limits:\n')), await load(route('')));
  });

  test('but not what is required, and nothing twice', async () => {
    const { lines } = await load(
      'origins:\n  # - https://app.example.com\nupstream: nats\nlimits:\nlimits: {sessions: 5}\n',
    );
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.match(
      lines[0] ?? '',
      /^gateway\.yaml:1:1: origins: no value stands here; write a list of origins/,
    );
    assert.match(lines[1] ?? '', /^gateway\.yaml:5:1: limits: the key stands here a second time/);
    const flagged = await load('origins:\nupstream:\n', { flags: { origin: ['self'], upstream: ['nats'] } });
    assert.deepEqual(flagged.lines, []);
  });

  test('a key without its value is still a mistake', async () => {
    const { lines } = await load(`${REQUIRED}timeouts:\n  ping:\n`);
    assert.match(lines.join(), /^gateway\.yaml:4:3: timeouts\.ping: no value stands here; write a duration/);
  });
});

test('keys that begin with x- are for others, at any depth, and so is $schema at the top', async () => {
  const plain = await load(REQUIRED);
  const text = `x-team: [a, {b: c}]\n${REQUIRED}x-note: \${NOT_SET}\ntimeouts: {x-why: slow}\n`;
  assert.deepEqual(await load(text), plain);
  const json =
    '{"$schema": "./config.schema.json", "origins": "https://app.example.com", "upstream": "nats://nats:4222"}';
  assert.deepEqual(await load(json), plain);
  assert.match(
    (await load(`${REQUIRED}limits: {$schema: a}\n`)).lines.join(),
    /limits\.\$schema: not a known key/,
  );
});

describe('a first try that fails', () => {
  for (const [name, text, ...expected] of [
    [
      'a line that is indented too deep',
      `${REQUIRED}limits:\n  sessions: 5\n   frameBytes: 8MiB\n`,
      /^5:4: the line is indented by 3, its neighbours by 2; indent lines that belong together alike$/,
    ],
    [
      'a value that goes on in the next line',
      `${REQUIRED}log:\n  level: info\n    or debug\n`,
      /^5:5: .*the value of the line above goes on here; write it in one line$/,
    ],
    [
      'a no-break space after the colon',
      `${REQUIRED}listen:\u00a00.0.0.0:80\n`,
      /^3:1: U\+00A0, a no-break space, stands in this line; write an ordinary space/,
    ],
    [
      'no-break spaces as indentation',
      `${REQUIRED}timeouts:\n\u00a0\u00a0ping: 25s\n`,
      /^4:1: \\xa0\\xa0ping: the key holds U\+00A0, a no-break space; write an ordinary space/,
    ],
    [
      'a no-break space after the value',
      `${REQUIRED}timeouts:\n  ping: 25s\u00a0\n`,
      /^4:9: timeouts\.ping: the value holds U\+00A0, a no-break space; write/,
    ],
    [
      'a zero-width space',
      `${REQUIRED}log: {level: in\u200bfo}\n`,
      /^3:14: log\.level: the value holds U\+200B, an invisible/,
    ],
    [
      'a fullwidth colon',
      `${REQUIRED}listen\uff1a 80\n`,
      /^3:1: U\+FF1A, a fullwidth character, stands in this line/,
    ],
    [
      'typographic quotes',
      'origins: [\u201chttps://app.example.com\u201d]\nupstream: \u2018nats\u2019\n',
      /^1:11: origins: the value begins with U\+201C, a typographic quotation mark; write " or ' in its place$/,
      /^2:11: upstream: the value begins with U\+2018, a typographic quotation mark/,
    ],
    [
      'a typographic dash',
      `${REQUIRED}engine: cut\u2013through\n`,
      /^3:9: engine: the value holds U\+2013, a typographic dash; write -/,
    ],
    [
      'a variable as in a shell',
      'origins: self\nupstream: $NATS_URL\n',
      /^2:11: upstream: a variable stands in braces here; write \$\{NATS_URL\}$/,
    ],
    [
      'a part of a value as in a shell, which may be a password',
      'origins: self\nupstream: nats://$CANARY:4222\n',
      /^2:11: upstream: a variable stands in braces here; write \$\{NAME\}$/,
    ],
    [
      'a route for /',
      `${REQUIRED}routes:\n  - path: /\n`,
      /^4:11: routes\[0\]\.path: the keys at the top already serve path \/; write another path here, or a host$/,
    ],
    [
      'an anchor',
      `${REQUIRED}log: &a {level: info}\n`,
      /^3:6: log: & begins a YAML anchor, which is not supported; remove/,
    ],
    [
      'a bracket that is never closed',
      'origins: [https://app.example.com\nupstream: nats\n',
      /^1:10: the bracket is never closed; write \] at its end$/,
    ],
    [
      'nats.conf',
      'port: 4222\nwebsocket {\n  port: 8080\n}\n',
      /^2:1: this is not YAML: blocks such as "name \{" are of other programs/,
    ],
    ['a Caddyfile', ':8080\n\nreverse_proxy 127.0.0.1:9000\n', /^1:1: no line of this file has a key/],
    [
      'a Caddyfile with blocks',
      '# gw\nexample.com {\n  reverse_proxy :9000\n}\n',
      /^2:1: this is not YAML: blocks/,
    ],
    [
      'TOML',
      'listen = "0.0.0.0:8080"\n[upstream]\n',
      /^1:1: this is not YAML but looks like TOML or INI; write "key: value"/,
    ],
  ] as readonly (readonly [string, string, ...RegExp[]])[]) {
    test(name, async () => {
      const { lines } = await load(text);
      assert.equal(lines.length, expected.length, lines.join('\n'));
      for (const [index, pattern] of expected.entries())
        assert.match((lines[index] ?? '').replace(/^gateway\.yaml:/, ''), pattern);
      assert.doesNotMatch(lines.join(), /CANARY/);
    });
  }

  test('strange characters in flags and variables are named too, and a $ there is no variable', async () => {
    const { lines } = await load(undefined, {
      flags: { origin: ['self'], listen: '0.0.0.0:80\u00a0', upstream: ['$NATS_URL'] },
      env: { NATSGATE_ADMIN: '127.0.0.1:81\u200b' },
    });
    assert.deepEqual(lines, [
      '--upstream: upstream: the host of the URL is neither a name nor an IP address; write a URL such as nats://host:4222',
      '--listen: listen: the value holds U+00A0, a no-break space; write an ordinary space or nothing in its place',
      'NATSGATE_ADMIN: admin: the value holds U+200B, an invisible character; write nothing in its place',
    ]);
  });

  test('strange characters in comments, and in names of files, are nobody’s mistake', async () => {
    const text = `# a\u00a0note \u201cquoted\u201d\n${REQUIRED}admin: {tokenFile: "to\u00a0ken"} # and\u00a0so on\n`;
    const { lines } = await load(text, { files: { 'to\u00a0ken': '0123456789abcdef0123456789abcdef' } });
    assert.deepEqual(lines, []);
  });
});

describe('variables of the environment that are none of ours', () => {
  const file = 'origins: ["https://${NATSGATE_HOST}"]\nupstream: ${NATSGATE_SERVER:-nats}\n';

  test('are warned about, with the one that was meant', async () => {
    const env = { NATSGATE_HOST: 'a.example', NATSGATE_UPSTREM: 'CANARY', NATSGATE_XYZZY: '1', PATH: '/bin' };
    const { lines, warnings } = await load(file, { env });
    assert.deepEqual(lines, []);
    assert.deepEqual(warnings, [
      'NATSGATE_UPSTREM: natsgate has no such variable; did you mean NATSGATE_UPSTREAM?',
      'NATSGATE_XYZZY: natsgate has no such variable; the known ones are NATSGATE_CONFIG, NATSGATE_UPSTREAM, NATSGATE_ORIGINS, NATSGATE_LISTEN, NATSGATE_ADMIN, NATSGATE_DRAIN_BUDGET, NATSGATE_LOG_LEVEL, NATSGATE_LOG_FORMAT',
    ]);
  });

  test('but not what the file refers to, what is empty, and what Kubernetes sets for a Service of our name', async () => {
    const env = {
      NATSGATE_HOST: 'a.example',
      NATSGATE_SERVER: 'nats',
      NATSGATE_OLD: '',
      NATSGATE_SERVICE_HOST: '10.0.0.1',
      NATSGATE_SERVICE_PORT: '8080',
      NATSGATE_SERVICE_PORT_WS: '8080',
      NATSGATE_PORT: 'tcp://10.0.0.1:8080',
      NATSGATE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      NATSGATE_PORT_8080_TCP_ADDR: '10.0.0.1',
      NATSGATE_ADMIN_SERVICE_HOST: '10.0.0.2',
      NATSGATE_ADMIN_PORT: 'tcp://10.0.0.2:8081',
      NATSGATE_LOG_LEVEL: 'debug',
    };
    assert.deepEqual((await load(file, { env })).warnings, []);
    const typed = await load(file, { env: { ...env, NATSGATE_ADMIN_PORT: '8081' } });
    assert.match(typed.warnings.join(), /^NATSGATE_ADMIN_PORT: natsgate has no such variable/);
  });
});
