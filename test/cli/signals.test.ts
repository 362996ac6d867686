import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, watch } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { BARE_ENVIRONMENT } from '../support/program.ts';
import { RawClient } from '../support/raw-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'bin', 'natsgate.js');
const preload = (name: string): string[] => [
  '--import',
  pathToFileURL(join(ROOT, 'test', 'support', name)).href,
];
const NUMBERS = { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3, SIGUSR2: 12, SIGHUP: 1 } as const;
const DRAINS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGUSR2'] as const;
const SERVE = [
  '--upstream',
  'nats://127.0.0.1:1',
  '--origin',
  'https://a.example',
  '--listen',
  '127.0.0.1:0',
];

/** A process of the program, killed when it is disposed of. */
class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
  out = '';
  errors = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...BARE_ENVIRONMENT, HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.exited = once(this.child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  }

  async said(what: string): Promise<void> {
    const signal = AbortSignal.timeout(180_000);
    while (!this.out.includes(what)) {
      if (this.child.exitCode !== null) throw new Error(`ended before it said ${what}: ${this.errors}`);
      await Promise.race([
        once(this.child.stdout!, 'data', { signal }),
        // An end without a word would be waited for until the deadline.
        once(this.child, 'exit', { signal }),
      ]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

describe('a gateway that runs', { concurrency: 2 }, () => {
  for (const signal of DRAINS) {
    test(`${signal} drains, and a second one ends it with ${128 + NUMBERS[signal]}`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await GatewayProcess.start(upstream.port, {
        drain: { delay: '0s', timeout: '5m' },
      });
      await using client = await RawClient.open(gateway.port);
      client.endsToo = false;
      gateway.signal(signal);
      assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'draining' });
      gateway.signal(signal);
      assert.deepEqual(await gateway.ended(30_000), { code: 128 + NUMBERS[signal], signal: null });
    });
  }

  test('SIGUSR1 opens no debugger, and nothing ends', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await GatewayProcess.start(upstream.port, { drain: { delay: '0s' } });
    gateway.signal('SIGUSR1');
    gateway.signal('SIGHUP');
    // Signals are served in the order of their numbers; this one is the lower.
    await gateway.log.find((line) => line.message === 'configuration unchanged');
    await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.ended(30_000), { code: 0, signal: null });
    assert.equal(gateway.errors, '');
  });

  test('Ctrl-C without sessions ends at once, whatever drain.delay says', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await GatewayProcess.start(upstream.port, { drain: { delay: '60s' } });
    gateway.signal('SIGINT');
    assert.deepEqual(await gateway.ended(30_000), { code: 0, signal: null });
    assert.equal(gateway.errors, '');
  });

  test('Ctrl-C with a session says what a second one does, and the delay ends with the session', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await GatewayProcess.start(upstream.port, { drain: { delay: '60s' } });
    const client = await RawClient.open(gateway.port);
    gateway.signal('SIGINT');
    await gateway.log.find((line) => line.message === 'draining');
    await client[Symbol.asyncDispose]();
    assert.deepEqual(await gateway.ended(30_000), { code: 0, signal: null });
    assert.match(gateway.errors, /press Ctrl-C again to end at once\n$/);
  });

  test('SIGTERM without sessions keeps the delay that balancers need', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await GatewayProcess.start(upstream.port, { drain: { delay: '60s' } });
    gateway.signal('SIGTERM');
    await gateway.log.find((line) => line.message === 'draining');
    await using late = await RawClient.open(gateway.port);
    assert.equal(late.closed, false);
  });
});

describe('a start that is interrupted', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
    test(`${signal} before the ports listen: an orderly end, exit code 0`, async () => {
      await using program = new Program([...preload('held-start.ts'), BIN, ...SERVE]);
      await program.said('held');
      program.child.kill(signal);
      assert.deepEqual(await program.exited, [0, null]);
      assert.equal(program.errors, `natsgate: ended by ${signal} before it was ready\n`);
    });
  }

  test('SIGHUP before there is a configuration to read again does nothing', async () => {
    await using program = new Program([...preload('held-start.ts'), BIN, ...SERVE]);
    await program.said('held');
    program.child.kill('SIGHUP');
    program.child.kill('SIGTERM');
    assert.deepEqual(await program.exited, [0, null]);
  });

  test('SIGTERM while the program is still read from the disk is not lost', async () => {
    const env = { SIGNAL_WHILE_LOADING: 'SIGTERM' };
    const args = [...preload('signal-while-loading.ts'), BIN];
    await using program = new Program([...args, ...SERVE], env);
    assert.deepEqual(await program.exited, [0, null]);
    assert.doesNotMatch(program.out, /ready/);
    // What never happened must not look like something that went well.
    await using silent = await FakeUpstream.start({ greeting: '' });
    await using probe = new Program([...args, 'probe', `ws://127.0.0.1:${silent.port}`], env);
    assert.deepEqual(await probe.exited, [128 + NUMBERS.SIGTERM, null]);
  });

  test('a command that holds nothing ends at once, with the code of the signal', async () => {
    await using silent = await FakeUpstream.start({ greeting: '' });
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      await using probe = new Program([BIN, 'probe', `ws://127.0.0.1:${silent.port}`, '--timeout', '60s']);
      const connection = await silent.connection(silent.connections.length);
      probe.child.kill(signal);
      assert.deepEqual(await probe.exited, [128 + NUMBERS[signal], null]);
      await connection.until((one) => one.ended || one.closed);
    }
  });
});

describe('natsgate dev', { concurrency: 2 }, () => {
  for (const signal of ['SIGINT', 'SIGHUP'] as const) {
    test(`${signal} leaves no nats-server and no folder`, { timeout: 300_000 }, async () => {
      await using folder = await temporaryFolder();
      await using program = new Program([BIN, 'dev'], { TMPDIR: folder.path });
      await program.said('Press Ctrl-C to end.');
      const port = Number(/nats-server +nats:\/\/127\.0\.0\.1:(\d+)/.exec(program.out)?.[1]);
      program.child.kill(signal);
      assert.deepEqual(await program.exited, [0, null]);
      assert.deepEqual(await readdir(folder.path), []);
      await assert.rejects(RawClient.connect(port), { code: 'ECONNREFUSED' });
    });
  }

  test('a start that is interrupted leaves nothing either', { timeout: 300_000 }, async () => {
    await using folder = await temporaryFolder();
    const changes = watch(folder.path, { signal: AbortSignal.timeout(180_000) });
    await using program = new Program([BIN, 'dev'], { TMPDIR: folder.path });
    // The folder of nats-server, which is about to be started.
    for await (const { filename } of changes) if (filename?.startsWith('natsgate-nats-server-')) break;
    program.child.kill('SIGHUP');
    assert.deepEqual(await program.exited, [0, null]);
    assert.deepEqual(await readdir(folder.path), []);
  });
});
