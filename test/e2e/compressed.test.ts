/** The conversations with real clients and the drain once more with permessage-deflate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';

process.env['COMPRESSION'] = 'on';

test('nats-core in Node offers it and gets it', async () => {
  const server = await realNatsServer();
  try {
    await using edge = await startTestGateway(server.port);
    const client = await wsconnect({ servers: `ws://127.0.0.1:${edge.port}`, reconnect: false });
    const { body } = await edge.gateway.metrics(false);
    assert.match(body, /^natsgate_compressed_sessions_active\{listener="default"\} 1$/m);
    await client.close();
  } finally {
    await server.close();
  }
});

await import('./nats.test.ts');
await import('./drain.test.ts');
