import assert from 'node:assert/strict';
import { RequestStrategy } from 'nats.ws';
import { all, type Conversation, DEADLINE_MS, numbers, take } from './conversation.ts';

/** With nats.ws: the newer libraries have services in a package of their own. */
export const SERVICES: Readonly<Record<string, Conversation>> = {
  'a service: found, asked, and its counts': async ({ connectNatsWs, name }) => {
    const [host, client] = [await connectNatsWs(), await connectNatsWs()];
    const service = await host.services.add({ name, version: '1.2.3', queue: 'q' });
    service
      .addGroup(name)
      .addEndpoint('double', (_error, message) => void message.respond(String(2 * Number(message.string()))));
    await host.flush();
    for (const n of numbers(20)) {
      const reply = await client.request(`${name}.double`, String(n), { timeout: DEADLINE_MS });
      assert.equal(Number(reply.string()), 2 * n);
    }
    const control = client.services.client({
      strategy: RequestStrategy.Count,
      maxMessages: 1,
      maxWait: DEADLINE_MS,
    });
    assert.deepEqual(
      (await all(await control.ping(name))).map((one) => [one.name, one.version]),
      [[name, '1.2.3']],
    );
    const [stats] = await all(await control.stats(name));
    assert.equal(stats?.endpoints?.[0]?.num_requests, 20);
    const [info] = await all(await control.info(name));
    assert.equal(info?.endpoints[0]?.subject, `${name}.double`);
    await service.stop();
  },

  'the older library: messages, requests and a watched bucket': async ({ connectNatsWs, name }) => {
    const client = await connectNatsWs();
    const subscription = client.subscribe(`${name}.*`, { max: 20 });
    for (const n of numbers(20)) client.publish(`${name}.${n}`, String(n));
    const messages = await take(subscription as never, 20);
    assert.deepEqual(
      messages.map((message) => Number(message.string())),
      numbers(20),
    );
    const bucket = await client.jetstream({ timeout: DEADLINE_MS }).views.kv(name);
    await bucket.put('a.one', '1');
    assert.deepEqual(await all(await bucket.keys('a.>')), ['a.one']);
    for await (const entry of await bucket.watch()) {
      assert.equal(entry.key, 'a.one');
      break;
    }
  },
};
