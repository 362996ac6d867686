import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stripVTControlCharacters, styleText } from 'node:util';
import { completion } from '../../src/cli/completion.ts';
import { helpPage } from '../../src/cli/help.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { natsgate } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

const FORCED = { validateStream: false };

describe('usage', { concurrency: 2 }, () => {
  test('the version: by option, by its letters, by command', async () => {
    for (const word of ['--version', '-v', '-V', 'version'])
      assert.deepEqual(await natsgate([word]), { code: 0, out: `natsgate ${VERSION}\n`, err: '' }, word);
  });

  test('--help and help are the page of the program', async () => {
    const help = await natsgate(['--help']);
    assert.equal(help.code, 0);
    assert.equal(help.out, helpPage());
    assert.deepEqual(await natsgate(['help']), help);
  });

  test('help of one command, both ways', async () => {
    const page = await natsgate(['help', 'probe']);
    assert.deepEqual(page, { code: 0, out: helpPage('probe'), err: '' });
    assert.deepEqual(await natsgate(['probe', '--help']), page);
  });

  test('colours at a terminal, unless NO_COLOR is set; what a file holds brings none of its own', async () => {
    const args = ['check', '--origin', 'http://localhost:1', '--upstream', '\u001b[5mx'];
    const plain = await natsgate(args);
    const coloured = await natsgate(args, { FORCE_COLOR: '1' });
    assert.equal(stripVTControlCharacters(coloured.err), plain.err);
    assert.ok(
      coloured.err.trim().endsWith(styleText('red', plain.err.trim().split('\n').at(-1) ?? '', FORCED)),
      coloured.err,
    );
    assert.ok(!coloured.err.includes('[5m'));
    assert.equal((await natsgate(args, { FORCE_COLOR: '0' })).err, plain.err);
    const help = await natsgate(['help', 'check'], { FORCE_COLOR: '1' });
    assert.ok(help.out.includes(styleText('bold', 'Exit codes', FORCED)));
  });

  test('a completion script is printed as it is', async () => {
    assert.deepEqual(await natsgate(['completion', 'zsh']), { code: 0, out: completion('zsh'), err: '' });
  });

  test('wrong usage: exit 2, one line that says where there is help', async () => {
    const { code, out, err } = await natsgate(['check', '--timeout', '5s']);
    assert.deepEqual([code, out], [2, '']);
    assert.equal(err, 'natsgate: check takes no --timeout; see natsgate check --help\n');
  });
});

describe('a start that cannot be', { concurrency: 2 }, () => {
  test('without a configuration: says what two things are needed, exit 1', async () => {
    const { code, err } = await natsgate([]);
    assert.equal(code, 1);
    assert.match(err, /origins: /);
    assert.match(err, /upstream: /);
  });

  test('port in use: says which before all else, exit 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'natsgate.yaml');
    // Warned about when the start works: the origin, and a server whose name does not exist.
    const config = {
      listen: `127.0.0.1:${port}`,
      admin: '127.0.0.1:0',
      origins: '*',
      upstream: { servers: 'nats.invalid', readiness: 'upstream' },
    };
    await writeFile(file, JSON.stringify(config));
    const { code, out } = await natsgate(['--config', file]);
    taken.close();
    assert.equal(code, 1);
    const lines = out.trim().split('\n');
    assert.equal(lines.length, 1, out);
    assert.match(out, new RegExp(`127\\.0\\.0\\.1:${port} is in use by another program`));
  });

  test('a misspelt variable is said beside what is missing for it', async () => {
    const { code, err } = await natsgate(['--origin', 'self'], { NATSGATE_UPSTREM: 'nats' });
    assert.equal(code, 1);
    assert.match(err, /^--upstream: upstream: the key is missing/);
    assert.match(
      err,
      /^warning: NATSGATE_UPSTREM: natsgate has no such variable; did you mean NATSGATE_UPSTREAM\?$/m,
    );
  });
});

describe('check', { concurrency: 2 }, () => {
  test('takes the file with -c, --config, or alone', async () => {
    const example = join(import.meta.dirname, '..', '..', 'config.example.yaml');
    const alone = await natsgate(['check', example]);
    assert.deepEqual([alone.code, alone.err], [0, '']);
    assert.deepEqual(await natsgate(['check', '-c', example]), alone);
    assert.deepEqual(await natsgate(['check', '--config', example]), alone);
    assert.deepEqual(await natsgate(['check', example, '--quiet']), { code: 0, out: '', err: '' });
    const json = await natsgate(['check', example, '--json']);
    assert.deepEqual(JSON.parse(json.out), { valid: true, problems: [], warnings: [], advice: [] });
  });

  test('takes standard input as -', async () => {
    const good = await natsgate(
      ['check', '-', '--quiet'],
      {},
      'origins: self\nupstream: n\nlisten: {hosts: g.example}\n',
    );
    assert.deepEqual(good, { code: 0, out: '', err: '' });
    const bad = await natsgate(['check', '-'], {}, 'orgins: self\nupstream: n\n');
    assert.equal(bad.code, 1);
    assert.match(bad.err, /^configuration:1:1: orgins: not a known key; did you mean origins\?$/m);
  });

  test('--allow-missing-files wants the configuration itself, and does not dial', async () => {
    assert.equal((await natsgate(['check', '/no/such.yaml', '--allow-missing-files'])).code, 1);
    assert.equal((await natsgate(['check', 'x.yaml', '--allow-missing-files', '--dial'])).code, 2);
  });

  test('the count of problems has one form, here and at a start', async () => {
    const check = await natsgate(['check', '--origin', 'self']);
    assert.match(check.err, /^natsgate: 1 problem in the configuration$/m);
    const serve = await natsgate(['--origin', 'self']);
    assert.match(serve.err, /^natsgate: 1 problem in the configuration; not started$/m);
  });

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
    const refused = await natsgate(['probe', url, '--timeout', '5s']);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /HTTP 403 origin_missing: /);
  });

  test('what is no URL, no time and no authority is wrong usage: exit 2, one line', async () => {
    for (const [args, what] of [
      [['gateway.example.com'], /"gateway\.example\.com" is no URL; write ws:\/\/host:port/],
      [['http://127.0.0.1:1'], /http:\/\/ opens no WebSocket; write ws:\/\/; see natsgate probe --help$/m],
      [
        ['ws://127.0.0.1:1', '--timeout', 'soon'],
        /--timeout: "soon" is not a duration; write a duration from/,
      ],
      [
        ['ws://127.0.0.1:1', '--ca', '/nonexistent'],
        /--ca: "\/nonexistent" cannot be read: there is no such file/,
      ],
    ] as const) {
      const { code, out, err } = await natsgate(['probe', ...args]);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, what);
      assert.equal(err.trim().split('\n').length, 1);
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
