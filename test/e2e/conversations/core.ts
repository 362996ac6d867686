import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createInbox, errors, headers } from '@nats-io/nats-core';
import { connect as tcpConnect } from '@nats-io/transport-node';
import {
  type Conversation,
  DEADLINE_MS,
  inTime,
  MAX_PAYLOAD,
  numbers,
  sha256,
  take,
} from './conversation.ts';

export const CORE: Readonly<Record<string, Conversation>> = {
  'publish and subscribe: 1,000 messages in order, to a wildcard': async ({ connect, name }) => {
    const [publisher, subscriber] = [await connect(), await connect()];
    const subscription = subscriber.subscribe(`${name}.*.new`, { max: 1000 });
    await subscriber.flush();
    for (const n of numbers(1000)) publisher.publish(`${name}.${n % 7}.new`, `order ${n}`);
    const messages = await take(subscription, 1000);
    messages.forEach((message, n) => {
      assert.equal(message.subject, `${name}.${n % 7}.new`);
      assert.equal(message.string(), `order ${n}`);
    });
  },

  'a queue group: each of 100 messages goes to one of three clients': async ({ connect, name }) => {
    const publisher = await connect();
    const workers = [await connect(), await connect(), await connect()];
    const seen: number[] = [];
    const done = Promise.withResolvers<void>();
    for (const worker of workers) {
      worker.subscribe(name, {
        queue: 'workers',
        callback: (_error, message) => {
          if (seen.push(Number(message.string())) === 100) done.resolve();
        },
      });
      await worker.flush();
    }
    for (const n of numbers(100)) publisher.publish(name, String(n));
    await inTime(done.promise);
    // A copy that went to a second member would arrive before the answer to this flush.
    await Promise.all(workers.map((worker) => worker.flush()));
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      numbers(100),
    );
  },

  'requests, 100 at once, over one inbox and each with its own': async ({ connect, name }) => {
    const [requester, replier] = [await connect(), await connect()];
    replier.subscribe(name, {
      callback: (_error, message) => void message.respond(String(2 * Number(message.string()))),
    });
    await replier.flush();
    for (const noMux of [false, true]) {
      const replies = await Promise.all(
        numbers(100).map((n) =>
          requester.request(name, String(n), {
            timeout: DEADLINE_MS,
            ...(noMux ? { noMux, reply: createInbox() } : {}),
          }),
        ),
      );
      assert.deepEqual(
        replies.map((reply) => Number(reply.string())),
        numbers(100).map((n) => 2 * n),
      );
    }
  },

  'a request with many replies': async ({ connect, name }) => {
    const requester = await connect();
    for (const replier of [await connect(), await connect(), await connect()]) {
      replier.subscribe(name, { callback: (_error, message) => void message.respond('here') });
      await replier.flush();
    }
    const replies = await requester.requestMany(name, '', {
      strategy: 'count',
      maxMessages: 3,
      maxWait: 5000,
    });
    assert.equal((await take(replies as never, 3)).length, 3);
  },

  'a request that nobody listens to fails at once: no responders': async ({ connect, name }) => {
    const client = await connect();
    for (const noMux of [false, true])
      await assert.rejects(
        client.request(name, '', { timeout: DEADLINE_MS, ...(noMux ? { noMux, reply: createInbox() } : {}) }),
        (error: Error) =>
          error instanceof errors.NoRespondersError || error.cause instanceof errors.NoRespondersError,
      );
  },

  'headers arrive as they were sent, with a payload and without': async ({ connect, name }) => {
    const [publisher, subscriber] = [await connect(), await connect()];
    const subscription = subscriber.subscribe(name, { max: 3 });
    await subscriber.flush();
    const sent = headers();
    sent.append('Trace', 'one');
    sent.append('Trace', 'two');
    sent.append('Text', 'Grüße, 世界');
    publisher.publish(name, 'payload', { headers: sent, reply: `${name}.reply` });
    publisher.publish(name, '', { headers: sent });
    publisher.publish(name, 'none', { headers: headers() });
    const [full, empty, none] = await take(subscription, 3);
    for (const message of [full, empty]) {
      assert.deepEqual(message?.headers?.values('Trace'), ['one', 'two']);
      assert.equal(message?.headers?.get('Text'), 'Grüße, 世界');
    }
    assert.deepEqual(
      [full?.string(), full?.reply, empty?.data.length, none?.string()],
      ['payload', `${name}.reply`, 0, 'none'],
    );
  },

  'payloads of max_payload, of one byte less and of none': async ({ connect, name }) => {
    const [publisher, subscriber] = [await connect(), await connect()];
    assert.equal(publisher.info?.max_payload, MAX_PAYLOAD);
    const payloads = [MAX_PAYLOAD, 0, MAX_PAYLOAD - 1, 1, MAX_PAYLOAD].map((size) => randomBytes(size));
    const subscription = subscriber.subscribe(name, { max: payloads.length });
    await subscriber.flush();
    for (const payload of payloads) publisher.publish(name, payload);
    const messages = await take(subscription, payloads.length);
    assert.deepEqual(
      messages.map(({ data }) => sha256(data)),
      payloads.map(sha256),
    );
  },

  'subjects that are no ASCII, and long ones': async ({ connect, name }) => {
    const client = await connect();
    const subjects = ['größe', '世界.*', 'a\u00a0b', 'x'.repeat(3000)].map((one) => `${name}.${one}`);
    const subscription = client.subscribe(`${name}.>`, { max: subjects.length });
    for (const subject of subjects) client.publish(subject, subject);
    for (const message of await take(subscription, subjects.length))
      assert.equal(message.subject, message.string());
  },

  'wildcards and empty tokens in what is published, and in reply subjects': async ({ connect, name }) => {
    const client = await connect();
    const subscription = client.subscribe(`${name}.>`);
    for (const subject of ['a..b', 'a.', '.', 'a.*', '>', '*.b'])
      client.publish(`${name}.${subject}`, '', { reply: `${name}..r.*` });
    client.publish(`${name}.last`);
    // The server drops those with an empty token.
    const seen = (await take(subscription, 4)).map((message) => message.subject);
    assert.deepEqual(
      seen,
      ['a.*', '>', '*.b', 'last'].map((one) => `${name}.${one}`),
    );
  },

  'subscriptions that the server refuses starve no other one': async ({ connect, name }) => {
    const [publisher, page] = [await connect(), await connect()];
    const subscription = page.subscribe(name, { max: 400 });
    for (const subject of ['user..x', 'a.', 'a.>.b', '.a', '>.a']) page.subscribe(subject);
    await page.flush();
    for (const n of numbers(400)) publisher.publish(name, String(n));
    const messages = await take(subscription, 400);
    assert.deepEqual(
      messages.map((message) => Number(message.string())),
      numbers(400),
    );
  },

  'subscriptions with a maximum: reached, raised, and no number at all': async ({ connect, name }) => {
    const client = await connect();
    const few = client.subscribe(name, { max: 2 });
    const gone = [-1, 1.5, 4_000_000_000].map((max) => {
      const subscription = client.subscribe(name);
      subscription.unsubscribe(max);
      return subscription;
    });
    const raised = client.subscribe(name);
    raised.unsubscribe(3);
    for (const n of numbers(5)) client.publish(name, String(n));
    await client.flush();
    assert.deepEqual(
      [few, ...gone, raised].map((one) => one.getReceived()),
      [2, 0, 0, 0, 3],
    );
  },

  'a verbose client, a pedantic one, and one that does not want to hear itself': async ({
    connect,
    name,
  }) => {
    const clients = [
      await connect({ verbose: true }),
      await connect({ pedantic: true }),
      await connect({ noEcho: true }),
    ];
    const subscriptions = clients.map((client) => client.subscribe(name));
    await Promise.all(clients.map((client) => client.flush()));
    for (const client of clients) {
      client.publish(`${name}..x`);
      client.publish(name, 'x');
      await client.flush();
    }
    await Promise.all(clients.map((client) => client.flush()));
    assert.deepEqual(
      subscriptions.map((one) => one.getReceived()),
      [3, 3, 2],
    );
  },

  'drain: everything that was published is delivered': async ({ connect, name }) => {
    const [publisher, subscriber] = [await connect(), await connect()];
    const subscription = subscriber.subscribe(name, { max: 500 });
    await subscriber.flush();
    const own = publisher.subscribe(`${name}.own`);
    for (const n of numbers(500)) publisher.publish(name, String(n));
    publisher.publish(`${name}.own`, 'to myself');
    await inTime(publisher.drain());
    assert.equal(await inTime(publisher.closed()), undefined);
    assert.deepEqual(
      (await take(subscription, 500)).map((message) => Number(message.string())),
      numbers(500),
    );
    assert.deepEqual(
      (await take(own, 1)).map((message) => message.string()),
      ['to myself'],
    );
  },

  'a WebSocket client and a TCP client of the same server': async ({ connect, name, server }) => {
    const web = await connect();
    await using tcp = await tcpConnect({
      servers: `127.0.0.1:${server.port}`,
      timeout: DEADLINE_MS,
      user: 'app',
      pass: 'p',
      // The server offers it.
      tls: null,
    });
    for (const [from, to] of [
      [web, tcp],
      [tcp, web],
    ] as const) {
      const subscription = to.subscribe(`${name}.bytes`, { max: 100 });
      to.subscribe(`${name}.service`, {
        max: 1,
        callback: (_error, message) => void message.respond(message.data),
      });
      await to.flush();
      const payloads = numbers(100).map((n) => randomBytes(n * 100));
      for (const payload of payloads) from.publish(`${name}.bytes`, payload);
      const messages = await take(subscription, payloads.length);
      assert.deepEqual(
        messages.map(({ data }) => sha256(data)),
        payloads.map(sha256),
      );
      const reply = await from.request(`${name}.service`, 'echo', { timeout: DEADLINE_MS });
      assert.equal(reply.string(), 'echo');
    }
  },
};
