import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

type Result = { readonly code: number | null; readonly out: string; readonly err: string };

/** Runs the program to its end, at most 20 s. */
async function natsgate(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

describe('usage', () => {
  test('--version and --help', async () => {
    assert.deepEqual(await natsgate(['--version']), { code: 0, out: `natsgate ${VERSION}\n`, err: '' });
    const help = await natsgate(['--help']);
    assert.equal(help.code, 0);
    for (const word of [
      'check',
      'probe URL',
      'dev',
      '--config',
      '--upstream',
      '--origin',
      '--listen',
      '--admin',
    ]) {
      assert.ok(help.out.includes(word), word);
    }
  });

  for (const [args, what] of [
    [['chekc'], /^natsgate: unknown command "chekc"; see natsgate --help$/m],
    [['chek'], /^natsgate: unknown command "chek" \(did you mean check\?\); see natsgate --help$/m],
    [
      ['--upstraem', 'x'],
      /^natsgate: unknown option "--upstraem" \(did you mean --upstream\?\); see natsgate --help$/m,
    ],
    [['-config', 'x'], /^natsgate: unknown option "-config" \(did you mean --config\?\); see/m],
    [['--tls=SECRET'], /^natsgate: unknown option "--tls"; see natsgate --help$/m],
    [['--toString'], /^natsgate: unknown option "--toString"; see natsgate --help$/m],
    [['--a\u009b\u202e\n'], /^natsgate: unknown option "--a\\x9b\\u202e\\x0a"; see natsgate --help$/m],
    [['check', '--config'], /^natsgate: --config wants a value; see natsgate --help$/m],
    [['check', '--config='], /^natsgate: --config wants a value; see natsgate --help$/m],
    [
      ['--config', '--listen', '1'],
      /^natsgate: --config wants a value; one that begins with a dash is written --config=VALUE; see/m,
    ],
    [['--version=1'], /^natsgate: --version takes no value; see natsgate --help$/m],
    [['probe'], /probe wants one URL/],
    [['serve', 'x'], /unexpected argument "x"/],
    [['probe', 'ws://127.0.0.1:1', '--timeout', 'soon'], /--timeout wants seconds/],
  ] as const) {
    test(`natsgate ${args.join(' ')}: exit 2, one line`, async () => {
      const { code, out, err } = await natsgate(args);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, what);
      assert.equal(err.trim().split('\n').length, 1);
    });
  }
});

describe('a start that cannot be', () => {
  test('without a configuration: says what two things are needed, exit 1', async () => {
    const { code, err } = await natsgate([]);
    assert.equal(code, 1);
    assert.match(err, /origins: /);
    assert.match(err, /upstream: /);
  });

  test('port in use: says which, exit 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { code, out } = await natsgate([
      '--upstream',
      'nats://127.0.0.1:4222',
      '--origin',
      'https://a.example',
      '--listen',
      `127.0.0.1:${port}`,
      '--admin',
      '127.0.0.1:0',
    ]);
    taken.close();
    assert.equal(code, 1);
    assert.match(out, new RegExp(`127\\.0\\.0\\.1:${port} is in use by another program`));
  });
});

describe('check', () => {
  test('the example file passes', async () => {
    const { code, err } = await natsgate([
      'check',
      '--config',
      join(import.meta.dirname, '..', '..', 'config.example.yaml'),
    ]);
    assert.deepEqual([code, err], [0, '']);
  });

  test('eight different mistakes: eight positions with what to write, exit 1', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'natsgate.yaml');
    await writeFile(
      file,
      `listen: 0.0.0.0:99999
orgins: [https://app.example.com]
origins: [https://app.example.com/, 'https://*.com']
upstream: http://nats:4222
timeouts:
  ping: 25
  stall: soon
limits:
  frameBytes: -1
`,
    );
    const { code, err } = await natsgate(['check', '--config', file]);
    assert.equal(code, 1);
    const positions = err.split('\n').filter((line) => /natsgate\.yaml:\d+:\d+: /.test(line));
    assert.equal(positions.length, 8, err);
    const lines = positions.map((line) => Number(/yaml:(\d+):/.exec(line)?.[1]));
    assert.deepEqual(lines, [1, 2, 3, 3, 4, 6, 7, 9]);
    assert.match(err, /orgins.*did you mean.*origins/i);
    assert.match(err, /timeouts\.ping.*25s/);
  });
});

describe('probe', () => {
  test('a real nats-server behind a gateway: ok, exit 0', async () => {
    await using server = await realNatsServer();
    await using gateway = await startTestGateway(server.port, { origins: { missing: 'deny' } });
    const url = `ws://127.0.0.1:${gateway.port}`;
    const good = await natsgate(['probe', url, '--origin', 'https://app.example.com']);
    assert.equal(good.code, 0, good.out);
    assert.match(good.out, /^probe: ok, .* answered in \d+ ms\n$/);
    const refused = await natsgate(['probe', url]);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /HTTP 403 origin_missing: /);
  });

  test('a server that wants a login is alive', async () => {
    await using server = await realNatsServer({
      config: ['authorization { user: a, password: b }'].join('\n'),
    } as never);
    await using gateway = await startTestGateway(server.port);
    const { code, out } = await natsgate(['probe', `ws://127.0.0.1:${gateway.port}`]);
    assert.equal(code, 0, out);
    assert.match(out, /asks for a login/);
  });

  test('no server behind the gateway, nobody at the address, a silent peer, no URL: exit 1 and why', async () => {
    await using silent = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(1);
    for (const [args, what] of [
      [[`ws://127.0.0.1:${gateway.port}`], /HTTP 502 upstream_refused/],
      [['ws://127.0.0.1:1'], /ECONNREFUSED/],
      [[`ws://127.0.0.1:${silent.port}`, '--timeout', '0.5'], /within 500 ms|timed out/],
      [['gateway.example.com'], /is not a WebSocket URL/],
    ] as const) {
      const { code, out } = await natsgate(['probe', ...args]);
      assert.equal(code, 1, out);
      assert.match(out, what);
    }
  });

  test('what a server calls itself moves no cursor of a terminal', async () => {
    const name = 'n\u009b31m\u202e\u001b[2J';
    const greeting = `INFO {"server_id":"S","server_name":${JSON.stringify(name)},"version":"2","max_payload":1}\r\n`;
    await using upstream = await FakeUpstream.start({
      greeting,
      onConnection: (connection) =>
        void connection
          .until((one) => one.received.includes('PING'))
          .then(() => connection.socket.write('PONG\r\n')),
    });
    await using gateway = await startTestGateway(upstream.port);
    const { code, out } = await natsgate(['probe', `ws://127.0.0.1:${gateway.port}`]);
    assert.equal(code, 0, out);
    assert.match(out, /^probe: ok, n\\u\{9b\}31m\\u\{202e\}\\u\{1b\}\[2J 2 answered in \d+ ms\n$/);
  });
});
