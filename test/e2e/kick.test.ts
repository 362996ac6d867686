import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { WebSocket } from 'ws';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { startTestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';

test('a real client is ended by a kick, stays out with 403 for that time, and is back by itself after it', {
  timeout: 300_000,
}, async (t) => {
  await using server = await realNatsServer();
  await using issuer = await Issuer.start(signingKey('one'));
  await using gateway = await startTestGateway(server.port, {
    auth: testAuth(testIssuer(keysAt(issuer.url))),
  });
  const token = issuer.token({ exp: seconds(7200) });
  await using client = await wsconnect({
    servers: `ws://127.0.0.1:${gateway.port}`,
    reconnectTimeWait: 20,
    reconnectJitter: 0,
    maxReconnectAttempts: -1,
    wsFactory: (url) => {
      const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } });
      return Promise.resolve({ socket: socket as unknown as globalThis.WebSocket, encrypted: false });
    },
  });
  const statuses = client.status()[Symbol.asyncIterator]();
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions/kick`, {
    method: 'POST',
    body: JSON.stringify({ user: 'alice', for: '10m' }),
  });
  assert.equal(((await response.json()) as { ended: number }).ended, 1);
  const refused = (): number => gateway.log.lines.filter((line) => line['detail'] === 'kicked').length;
  await gateway.log.find(() => refused() >= 3);
  assert.equal(gateway.gateway.sessionCount, 0);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 600_001 });
  for (;;) {
    const { value } = await statuses.next();
    if (value?.type === 'reconnect') break;
  }
  await client.flush();
});
