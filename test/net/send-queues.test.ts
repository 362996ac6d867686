import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { SendQueues } from '../../src/net/send-queues.ts';
import { type SocketPair, socketPair } from '../support/socket-pair.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A connected pair, whose server side has filled all buffers of a client that reads nothing. */
async function stoppedPair(host: string): Promise<SocketPair> {
  const pair = await socketPair(false, host);
  while (pair.near.write(Buffer.alloc(65_536)));
  return pair;
}

for (const host of ['127.0.0.1', '::1']) {
  test(`what a peer at ${host} has not taken is known, and falls as it reads though the socket is not writable`, async () => {
    await using pair = await stoppedPair(host);
    const queues = new SendQueues(undefined, 1);
    let full = 0;
    // The kernel of the other side takes a little more for a moment.
    for (let before = -1; full !== before; ) {
      before = full;
      full = (await queues.unacknowledged(pair.near)) ?? 0;
    }
    assert.ok(full > 65_536, `${full} bytes`);
    let read = 0;
    let drained = false;
    pair.near.once('drain', () => (drained = true));
    let now = full;
    while (now === full && !drained) {
      await once(pair.far, 'readable');
      read += (pair.far.read(16_384) as Buffer | null)?.length ?? 0;
      now = (await queues.unacknowledged(pair.near)) ?? 0;
    }
    assert.ok(now < full, `${now} of ${full} bytes after ${read} were read`);
    assert.equal(drained, false, 'the kernel has not said that it takes more');
  });
}

test('all who ask at once are answered by one reading; who is not there gets no number', async () => {
  await using folder = await temporaryFolder();
  const table = join(folder.path, 'tcp');
  const sockets = [1, 2, 3].map(
    (port) =>
      ({ localAddress: '10.1.2.3', localPort: 8080, remoteAddress: '192.0.2.7', remotePort: port }) as Socket,
  );
  const row = (port: number, queue: string): string =>
    `   ${port}: 0302010A:1F90 070200C0:000${port} 01 ${queue}:00000000 01:00000014 00000000 65532        0 ${port} 2 0 20 4 30 10 -1\n`;
  await writeFile(
    table,
    `  sl  local_address rem_address   st tx_queue\n${row(1, '0000ABCD')}${row(3, '00000000')}`,
  );
  const queues = new SendQueues([table]);
  const [one, two, three] = sockets as [Socket, Socket, Socket];
  assert.deepEqual(await Promise.all([one, two, three, one].map((socket) => queues.unacknowledged(socket))), [
    0xabcd,
    undefined,
    0,
    0xabcd,
  ]);
  assert.equal(await queues.unacknowledged({} as Socket), undefined, 'not connected');
});

test('where there is no table nobody waits for one', async () => {
  const queues = new SendQueues(['/nowhere/tcp']);
  await using pair = await stoppedPair('127.0.0.1');
  assert.equal(await queues.unacknowledged(pair.near), undefined);
  assert.equal(await queues.unacknowledged(pair.near), undefined);
});

test('a table that came late once, as in a flood of connections, is read again after that', async () => {
  await using folder = await temporaryFolder();
  const table = join(folder.path, 'tcp');
  execFileSync('mkfifo', [table]);
  const queues = new SendQueues([table], 1, 0);
  const socket = {
    localAddress: '10.1.2.3',
    localPort: 8080,
    remoteAddress: '192.0.2.7',
    remotePort: 1,
  } as Socket;
  // Nobody writes it, so a reading waits for ever, and the answer comes without it.
  assert.equal(await queues.unacknowledged(socket), undefined);
  assert.equal(await queues.unacknowledged(socket), undefined);
  await (await open(table, 'w')).close();
  // Opened when somebody reads it again. Until then who asks is answered at once.
  const again = open(table, 'w');
  const waits = Symbol();
  const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve, waits));
  let answer: Promise<number | undefined>;
  do {
    await turn();
    answer = queues.unacknowledged(socket);
  } while ((await Promise.race([answer, turn()])) !== waits);
  const file = await again;
  await file.write('   1: 0302010A:1F90 070200C0:0001 01 0000ABCD:00000000 01:00000014\n');
  await file.close();
  assert.equal(await answer, 0xabcd);
});
