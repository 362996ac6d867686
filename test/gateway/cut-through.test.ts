import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkCutThrough } from '../../src/websocket/loopback-check.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { type LogLine, startTestGateway } from '../support/gateway.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const MiB = 1024 * 1024;
const TIMEOUT_MS = 30_000;
/** So few sessions that the descriptor limit of this machine is no second reason for a warning, and a quick end. */
const SETTINGS = { limits: { sessions: 10 }, drain: { delay: '0s', timeout: '10s' } } as const;
const support = (file: string): string => join(import.meta.dirname, '..', 'support', file);

describe('a frame is forwarded as it arrives', () => {
  test('its first byte reaches the upstream before its last one was sent', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: 'cut-through' });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const payload = randomBytes(MiB);
    const bytes = frame(Opcode.binary, payload);
    const header = bytes.length - payload.length;
    client.send(bytes.subarray(0, header + 1));
    await connection.until((one) => one.byteCount === 1);
    client.send(bytes.subarray(header + 1, -1));
    await connection.until((one) => one.byteCount === MiB - 1);
    client.send(bytes.subarray(-1));
    await connection.until((one) => one.byteCount === MiB);
    assert.ok(connection.received.equals(payload));
  });

  test('a fragment is forwarded before the next one was sent', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: 'cut-through' });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    client.send(frame(Opcode.binary, 'one ', { fin: false }));
    await connection.until((one) => one.byteCount === 4);
    client.send(frame(Opcode.continuation, 'two ', { fin: false }));
    await connection.until((one) => one.byteCount === 8);
    client.send(frame(Opcode.continuation, 'three'));
    await connection.until((one) => one.byteCount === 13);
    assert.equal(connection.received.toString(), 'one two three');
  });

  test('a text frame is refused at its header, its payload unsent', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: 'cut-through' });
    await using client = await RawClient.open(gateway.port);
    client.send(frame(Opcode.text, randomBytes(1000)).subarray(0, 2));
    assert.deepEqual(await client.closeReceived(), { code: 1003, reason: 'not_binary' });
    assert.equal((await upstream.connection()).byteCount, 0);
  });
});

test('this Node and this ws have all that cut-through needs, direct reads included', async () => {
  assert.deepEqual(await checkCutThrough(), { usable: true, directReads: true });
});

describe('where something that cut-through needs is gone', () => {
  const cases = [
    {
      name: 'ws hands sockets over in another way',
      preload: 'ws-without-seam.ts',
      warning: /the buffered engine took over/,
      problem: /setSocket/,
      engine: 'buffered',
    },
    {
      name: 'ws hands sockets over without asking us',
      preload: 'ws-with-closed-seam.ts',
      warning: /the buffered engine took over/,
      problem: /loopback/,
      engine: 'buffered',
    },
    {
      name: 'Node does not read accepted sockets into our memory',
      preload: 'node-without-direct-reads.ts',
      warning: /cannot be read directly/,
      problem: /cannot be read directly/,
      engine: 'cut-through',
    },
  ] as const;

  for (const { name, preload, warning, problem, engine } of cases) {
    test(`${name}: ${engine}, with one warning`, async () => {
      await using upstream = await FakeUpstream.start({ echo: true });
      await using gateway = await GatewayProcess.start(
        upstream.port,
        { ...SETTINGS, engine: 'cut-through' },
        { preload: support(preload) },
      );
      await assertEcho(gateway);
      assert.equal(await gateway.metric('natsgate_engine_info', { engine }), 1);
      assert.equal(await gateway.metric('natsgate_engine_fallback'), engine === 'buffered' ? 1 : 0);
      const [line, ...more] = await warningsAtEnd(gateway);
      assert.match(line?.message ?? '', warning);
      assert.match(String(line?.['problem']), problem);
      assert.deepEqual(more, []);
    });
  }

  test('with all of it in place there is no warning, and an engine that was chosen is no fallback', async () => {
    await using upstream = await FakeUpstream.start();
    for (const engine of ['cut-through', 'buffered']) {
      await using gateway = await GatewayProcess.start(upstream.port, { ...SETTINGS, engine });
      assert.equal(await gateway.metric('natsgate_engine_info', { engine }), 1);
      assert.equal(await gateway.metric('natsgate_engine_fallback'), 0);
      assert.deepEqual(await warningsAtEnd(gateway), []);
    }
  });

  async function assertEcho(gateway: GatewayProcess): Promise<void> {
    await using client = await RawClient.open(gateway.port);
    const greeting = client.data;
    const payload = randomBytes(MiB);
    client.send(frame(Opcode.binary, payload));
    await client.until(() => client.data.length === greeting.length + payload.length);
    assert.ok(client.data.subarray(greeting.length).equals(payload));
  }

  /** All that there have been; lines leave in batches, and none is missing at the end. */
  async function warningsAtEnd(gateway: GatewayProcess): Promise<LogLine[]> {
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.ended(TIMEOUT_MS), { code: 0, signal: null });
    assert.equal(gateway.errors, '');
    return gateway.log.lines.filter((line) => line['level'] === 'warn');
  }
});
