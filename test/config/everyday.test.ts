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
        const { config, problems } = await load(`${REQUIRED}${text(value)}`);
        assert.deepEqual(problems, [], value);
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
        const { problems } = await load(`${REQUIRED}${text('true')}`);
        assert.equal(problems.length, 1);
        assert.match(problems[0] ?? '', /^(unknown_word|not_a_number|not_a_duration) /);
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
    const { problems } = await load(
      'origins:\n  # - https://app.example.com\nupstream: nats\nlimits:\nlimits: {sessions: 5}\n',
    );
    assert.deepEqual(problems, ['duplicate_key 5:1 limits']);
    const { problems: missing } = await load('origins:\n  # - https://app.example.com\nupstream: nats\n');
    assert.deepEqual(missing, ['missing 1:1 origins.allow']);
    const flagged = await load('origins:\nupstream:\n', { flags: { origin: ['self'], upstream: ['nats'] } });
    assert.deepEqual(flagged.problems, []);
  });

  test('a key without its value is still a mistake', async () => {
    const { problems } = await load(`${REQUIRED}timeouts:\n  ping:\n`);
    assert.deepEqual(problems, ['empty 4:3 timeouts.ping']);
  });
});

test('keys that begin with x- are for others, at any depth, and so is $schema at the top', async () => {
  const plain = await load(REQUIRED);
  const text = `x-team: [a, {b: c}]\n${REQUIRED}x-note: \${NOT_SET}\ntimeouts: {x-why: slow}\n`;
  assert.deepEqual(await load(text), plain);
  const json =
    '{"$schema": "./config.schema.json", "origins": "https://app.example.com", "upstream": "nats://nats:4222"}';
  assert.deepEqual(await load(json), plain);
  assert.deepEqual((await load(`${REQUIRED}limits: {$schema: a}\n`)).problems, [
    'unknown_key 3:10 limits.$schema',
  ]);
});

describe('a first try that fails', () => {
  for (const [name, text, ...expected] of [
    [
      'a line that is indented too deep',
      `${REQUIRED}limits:\n  sessions: 5\n   frameBytes: 8MiB\n`,
      'yaml_block_as_implicit_key 5:4 ',
    ],
    [
      'a value that goes on in the next line',
      `${REQUIRED}log:\n  level: info\n    or debug\n`,
      'unknown_word 4:10 log.level',
    ],
    ['a no-break space after the colon', `${REQUIRED}listen:\u00a00.0.0.0:80\n`, 'yaml_missing_char 3:8 '],
    [
      'no-break spaces as indentation',
      `${REQUIRED}timeouts:\n\u00a0\u00a0ping: 25s\n`,
      'unknown_key 4:1 \\u{a0}\\u{a0}ping',
    ],
    [
      'a no-break space after the value',
      `${REQUIRED}timeouts:\n  ping: 25s\u00a0\n`,
      'strange_character 4:9 timeouts.ping',
    ],
    ['a zero-width space', `${REQUIRED}log: {level: in\u200bfo}\n`, 'control_character 3:14 log.level'],
    ['a fullwidth colon', `${REQUIRED}listen\uff1a 80\n`, 'yaml_missing_char 3:7 '],
    [
      'typographic quotes',
      'origins: [\u201chttps://app.example.com\u201d]\nupstream: \u2018nats\u2019\n',
      'strange_character 1:11 origins[0]',
      'strange_character 2:11 upstream',
    ],
    ['a typographic dash', `${REQUIRED}engine: cut\u2013through\n`, 'strange_character 3:9 engine'],
    [
      'a variable as in a shell',
      'origins: self\nupstream: $NATS_URL\n',
      'variable_without_braces 2:11 upstream',
    ],
    [
      'a part of a value as in a shell, which may be a password',
      'origins: self\nupstream: nats://$CANARY:4222\n',
      'variable_without_braces 2:11 upstream',
    ],
    ['a route for /', `${REQUIRED}routes:\n  - path: /\n`, 'route_is_default 4:11 routes[0].path'],
    [
      'a bracket that is never closed',
      'origins: [https://app.example.com\nupstream: nats\n',
      'yaml_bad_indent 2:1 ',
    ],
    ['nats.conf', 'port: 4222\nwebsocket {\n  port: 8080\n}\n', 'yaml_multiline_implicit_key 2:1 '],
    ['a Caddyfile', ':8080\n\nreverse_proxy 127.0.0.1:9000\n', 'not_a_map 1:1 '],
    ['a Caddyfile with blocks', '# gw\nexample.com {\n  reverse_proxy :9000\n}\n', 'not_a_map 2:1 '],
    ['TOML', 'listen = "0.0.0.0:8080"\n[upstream]\n', 'not_a_map 1:1 '],
  ] as readonly (readonly [string, string, ...string[]])[]) {
    test(name, async () => {
      const { problems, text: said } = await load(text);
      assert.deepEqual(problems, expected, said.join('\n'));
      assert.doesNotMatch(said.join(), /CANARY/);
    });
  }

  test('strange characters in flags and variables are named too, and a $ there is no variable', async () => {
    const { problems, text } = await load(undefined, {
      flags: { origin: ['self'], listen: '0.0.0.0:80\u00a0', upstream: ['$NATS_URL'] },
      env: { NATSGATE_ADMIN: '127.0.0.1:81\u200b' },
    });
    assert.deepEqual(problems, [
      'server_url --upstream upstream',
      'strange_character --listen listen',
      'strange_character NATSGATE_ADMIN admin',
    ]);
    assert.match(text.join(), /U\+00A0.*U\+200B/);
  });

  test('strange characters in comments, and in names of files, are nobody’s mistake', async () => {
    const text = `# a\u00a0note \u201cquoted\u201d\n${REQUIRED}admin: {tokenFile: "to\u00a0ken"} # and\u00a0so on\n`;
    const { problems } = await load(text, { files: { 'to\u00a0ken': '0123456789abcdef0123456789abcdef' } });
    assert.deepEqual(problems, []);
  });
});

describe('variables of the environment that are none of ours', () => {
  const file = 'origins: ["https://${NATSGATE_HOST}"]\nupstream: ${NATSGATE_SERVER:-nats}\n';

  test('are warned about, with the one that was meant', async () => {
    const env = { NATSGATE_HOST: 'a.example', NATSGATE_UPSTREM: 'CANARY', NATSGATE_XYZZY: '1', PATH: '/bin' };
    const { problems, warnings, text } = await load(file, { env });
    assert.deepEqual(problems, []);
    assert.deepEqual(warnings, ['unknown_variable NATSGATE_UPSTREM ', 'unknown_variable NATSGATE_XYZZY ']);
    assert.match(text.join('\n'), /did you mean NATSGATE_UPSTREAM\?/);
    assert.doesNotMatch(text.join('\n'), /CANARY/);
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
    assert.deepEqual(typed.warnings, ['unknown_variable NATSGATE_ADMIN_PORT ']);
  });
});
