import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EngineName } from '../../src/config/config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const MiB = 1024 * 1024;
const SESSIONS = 64;
const BYTES = 2 * MiB;
/** 2 MiB, then one read of 64 KiB for each that has not waited yet, and for those that had their turn. */
const MOST_OF_A_TURN = 2 * MiB + 2 * SESSIONS * 64 * 1024;

/** The most bytes that all sessions carried between two looks at the other events. */
async function mostOfATurn(carried: () => number, whole: number): Promise<number> {
  let most = 0;
  for (let before = carried(); before < whole; ) {
    await nextTurn();
    const now = carried();
    most = Math.max(most, now - before);
    before = now;
  }
  return most;
}

for (const engine of ['cut-through', 'buffered'] as const satisfies EngineName[])
  test(`${engine}: many busy sessions do not keep a turn of the event loop for themselves`, {
    timeout: 300_000,
  }, async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine });
    await using clients = new AsyncDisposableStack();
    const pairs: { client: RawClient; server: Awaited<ReturnType<FakeUpstream['connection']>> }[] = [];
    for (let count = 0; count < SESSIONS; count++) {
      const client = clients.use(await RawClient.open(gateway.port));
      client.socket.removeAllListeners('data').resume();
      pairs.push({ client, server: await upstream.connection() });
    }
    const rows = () => gateway.gateway.status.openSessions();
    const sum = (key: 'toClient' | 'toUpstream'): number =>
      rows().reduce((total, row) => total + row.bytes[key], 0);

    const down = sum('toClient') + SESSIONS * BYTES;
    for (const { server } of pairs) server.socket.write(Buffer.alloc(BYTES));
    const mostDown = await mostOfATurn(() => sum('toClient'), down);
    assert.ok(mostDown <= MOST_OF_A_TURN, `${mostDown} bytes to clients in one turn`);
    assert.equal(sum('toClient'), down);

    const up = SESSIONS * BYTES;
    const message = frame(Opcode.binary, Buffer.alloc(BYTES));
    for (const { client } of pairs) client.socket.write(message);
    const mostUp = await mostOfATurn(() => sum('toUpstream'), up);
    if (engine === 'cut-through')
      assert.ok(mostUp <= MOST_OF_A_TURN, `${mostUp} bytes to the server in one turn`);
    assert.equal(sum('toUpstream'), up);
  });
