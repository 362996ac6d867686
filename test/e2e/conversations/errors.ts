import assert from 'node:assert/strict';
import { AuthorizationError, errors } from '@nats-io/nats-core';
import { type Conversation, DEADLINE_MS, errorsOf, inTime, LIMITED, take } from './conversation.ts';

const RETURN = { reconnect: true, reconnectTimeWait: 10, maxReconnectAttempts: -1 } as const;

export const ERRORS: Readonly<Record<string, Conversation>> = {
  'a publish that is not permitted: the client is told, and goes on': async ({ connect, name }) => {
    const client = await connect(LIMITED);
    const seen = errorsOf(client);
    const subscription = client.subscribe(name);
    client.publish('secret.a');
    await seen.until(/Permissions Violation for Publish to "secret.a"/);
    client.publish(name, 'still here');
    assert.equal((await take(subscription, 1))[0]?.string(), 'still here');
  },

  'a subscription that is not permitted ends with its error, and nothing else does': async ({
    connect,
    name,
  }) => {
    const client = await connect(LIMITED);
    const refused = client.subscribe('secret.a');
    assert.ok((await inTime(refused.closed)) instanceof errors.PermissionViolationError);
    const subscription = client.subscribe(name);
    client.publish(name, 'still here');
    assert.equal((await take(subscription, 1))[0]?.string(), 'still here');
  },

  'a request that is not permitted fails at once': async ({ connect }) => {
    const client = await connect(LIMITED);
    await assert.rejects(client.request('secret.a', '', { timeout: DEADLINE_MS }), (error: Error) => {
      const cause = error instanceof errors.PermissionViolationError ? error : error.cause;
      assert.ok(cause instanceof errors.PermissionViolationError, String(error));
      return true;
    });
  },

  'a subject that is none: the client is told, and goes on': async ({ connect, name }) => {
    const client = await connect();
    const seen = errorsOf(client);
    const subscription = client.subscribe(name);
    client.subscribe(`${name}..x`);
    await seen.until(/Invalid Subject/);
    client.publish(name, 'still here');
    assert.equal((await take(subscription, 1))[0]?.string(), 'still here');
  },

  'too large a payload: the server says so, and the client returns with its subscriptions': async ({
    connect,
    name,
  }) => {
    const [client, other] = [await connect(RETURN), await connect()];
    const seen = errorsOf(client);
    const subscription = client.subscribe(name);
    await client.flush();
    // The client checks first; a stale limit is how the server gets to see such a message.
    if (client.info !== undefined) client.info.max_payload = 10_000_000;
    client.publish(`${name}.large`, new Uint8Array(300_000));
    await seen.until(/Maximum Payload Violation/);
    const next = take(subscription, 1);
    let arrived = false;
    void next.then(() => (arrived = true));
    // Nobody hears it until the client is back.
    while (!arrived) {
      other.publish(name, 'back');
      await other.flush();
    }
    assert.equal((await next)[0]?.string(), 'back');
  },

  'a wrong password: the client is told why': async ({ connect }) => {
    await assert.rejects(connect({ user: 'app', pass: 'looking-glass' }), (error: Error) => {
      assert.ok(error instanceof AuthorizationError, String(error));
      assert.match(error.message, /Authorization Violation/);
      return true;
    });
  },
};
