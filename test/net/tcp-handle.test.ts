import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { drop, takenBytes } from '../../src/net/tcp-handle.ts';
import { socketPair } from '../support/socket-pair.ts';

const CHUNK = Buffer.alloc(65_536);

/** Writes until bytes wait in this process; resolves with how many were written. */
async function fill(near: Socket): Promise<number> {
  let written = 0;
  for (let before = -1; takenBytes(near) !== before; ) {
    before = takenBytes(near);
    near.write(CHUNK);
    written += CHUNK.length;
    // What TLS has encrypted is with the kernel in the next turn.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return written;
}

for (const secure of [false, true]) {
  describe(secure ? 'over TLS' : 'in clear', () => {
    test('what the kernel has taken is counted in bytes, not in chunks', async () => {
      await using ends = await socketPair(secure);
      const before = takenBytes(ends.near);
      const written = await fill(ends.near);
      const taken = takenBytes(ends.near) - before;
      assert.ok(taken > 0 && taken < written, `${taken} of ${written}`);
      // The chunk at the border is taken in part.
      assert.notEqual(taken % CHUNK.length, 0);
    });

    test('a socket whose bytes wait is dropped by a reset', async () => {
      await using ends = await socketPair(secure);
      await fill(ends.near);
      const broken = once(ends.far, 'error');
      drop(ends.near);
      assert.equal(ends.near.destroyed, true);
      ends.far.resume();
      const [error] = (await broken) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
    });

    test('one whose bytes are with the kernel is not: they still arrive', async () => {
      await using ends = await socketPair(secure);
      ends.near.write('last words');
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      drop(ends.near);
      let received = '';
      ends.far.on('data', (chunk: Buffer) => (received += chunk.toString())).resume();
      await once(ends.far, 'close');
      assert.equal(received, 'last words');
    });
  });
}

test('where Node keeps none of it the public numbers answer', () => {
  const socket = Object.assign(new Socket(), { _handle: {} });
  Object.defineProperties(socket, { bytesWritten: { value: 1000 }, writableLength: { value: 300 } });
  assert.equal(takenBytes(socket), 700);
});
