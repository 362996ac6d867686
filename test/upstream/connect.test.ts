import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { connect } from '../../src/upstream/connect.ts';

test('a server that resets in the middle of its INFO has one connect, and no failed one beside it', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const outcomes: string[] = [];
  const dialled = connect(
    { name: 'nats', host: '127.0.0.1', address: '127.0.0.1', port, opaque: false },
    {
      buffers: new BufferPool(),
      signal: new AbortController().signal,
      observer: {
        onConnect: (outcome) => outcomes.push(outcome),
        onFirstByte: () => void accepted.then(([socket]) => socket.resetAndDestroy()),
      },
      tls: undefined,
      proxy: undefined,
      signs: false,
      connectTimeoutMs: 5000,
      dialTimeoutMs: 5000,
    },
  );
  const [socket] = await accepted;
  socket.write('INFO {');
  await assert.rejects(dialled, { outcome: 'upstream_refused' });
  assert.deepEqual(outcomes, ['ok']);
});
