import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const FRAME_BYTES = 64 * MiB;
const WRITE_BYTES = KiB;
const MAX_GROWTH_BYTES = MiB;
const TIMEOUT_MS = 180_000;
const MASK = randomBytes(4);
/** Writes of the test take these in turn; their length keeps the mask in step. */
const BLOCKS = Array.from({ length: 64 }, () => randomBytes(WRITE_BYTES));
const MASKED = BLOCKS.map((block) => Buffer.from(block.map((byte, index) => byte ^ MASK[index & 3]!)));

test('memory does not depend on the size of frames: 64 MiB in one frame, written 1 KiB at a time', {
  skip: process.platform !== 'linux' && 'memory is read from /proc',
  timeout: 300_000,
}, async (t) => {
  await using upstream = await FakeUpstream.start();
  const settings = { engine: 'cut-through', limits: { frameBytes: '64MiB' } };
  await using gateway = await GatewayProcess.start(upstream.port, settings, { exactMemory: true });

  // The same bytes in frames of 1 KiB, so that code and buffers of a busy process are paid for.
  {
    await using client = await RawClient.open(gateway.port);
    const small = frame(Opcode.binary, BLOCKS[0]!, { mask: MASK });
    for (let sent = 0; sent < FRAME_BYTES; sent += WRITE_BYTES) await write(client, small);
    await (await upstream.connection(1)).until((one) => one.byteCount === FRAME_BYTES, TIMEOUT_MS);
  }

  await using client = await RawClient.open(gateway.port);
  const connection = await upstream.connection(2);
  const expected = createHash('sha256');
  const before = await gateway.rssInUse(TIMEOUT_MS);
  using peak = gateway.watchRss();

  client.send(frame(Opcode.binary, '', { announce: BigInt(FRAME_BYTES), mask: MASK }));
  const growth: number[] = [];
  for (let quarter = 1; quarter <= 4; quarter++) {
    for (let sent = 0; sent < FRAME_BYTES / 4; sent += WRITE_BYTES) {
      const turn = (sent / WRITE_BYTES) % BLOCKS.length;
      expected.update(BLOCKS[turn]!);
      await write(client, MASKED[turn]!);
    }
    const due = (quarter * FRAME_BYTES) / 4;
    await connection.until((one) => one.byteCount === due, TIMEOUT_MS);
    if (quarter % 2 === 0) growth.push((await gateway.rssInUse(TIMEOUT_MS)) - before);
  }
  assert.equal(connection.sha256, expected.digest('hex'));

  const inKiB = (bytes: number): string => `${Math.round(bytes / KiB)} KiB`;
  t.diagnostic(
    `RSS ${inKiB(before)}; growth in the middle and at the end of the frame ${growth.map(inKiB).join(', ')}; ` +
      `peak, with garbage, ${inKiB(peak.bytes - before)}`,
  );
  for (const bytes of growth) assert.ok(bytes < MAX_GROWTH_BYTES, `RSS grew by ${inKiB(bytes)}`);
  assert.equal(gateway.errors, '');
});

async function write(client: RawClient, bytes: Buffer): Promise<void> {
  if (!client.socket.write(bytes)) await once(client.socket, 'drain');
}
