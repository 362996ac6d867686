import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { connect as connectTcp } from '@nats-io/transport-node';
import { build } from 'esbuild';
import mqtt, { type MqttClient } from 'mqtt';
import { parse } from 'yaml';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { realNatsServer } from '../support/nats.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const options = { timeout: 300_000 } as const;
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');
const example = (file: string): string => readFileSync(join(EXAMPLES, file), 'utf8');
const [MQTT_ROUTE] = parse(example('mqtt/natsgate.yaml')).routes;
const [LEAF_ROUTE] = parse(example('leaf-node/natsgate.yaml')).routes;

/** A nats-server with a port for MQTT, a gateway with a route to it, and a NATS client that sees both sides. */
async function startMqtt(origins: unknown) {
  const mqttPort = await freePort();
  const config = example('mqtt/nats-server.conf').replace('1883', String(mqttPort));
  const server = await realNatsServer({ jetstream: true, config });
  const gateway = await ReloadableGateway.start(server.port, {
    origins: { allow: 'https://app.example.com', missing: 'allow' },
    routes: [{ ...MQTT_ROUTE, upstream: `tcp://127.0.0.1:${mqttPort}`, origins }],
  });
  const nats = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}` });
  return {
    server,
    gateway,
    nats,
    async [Symbol.asyncDispose]() {
      await nats.close();
      await gateway[Symbol.asyncDispose]();
      await server.close();
    },
  };
}

test(
  'MQTT.js in Node speaks to the MQTT port of nats-server through a route, and with NATS clients',
  options,
  async () => {
    await using parts = await startMqtt({ missing: 'allow' });
    const { gateway, nats } = parts;
    for (const protocolVersion of [4, 5] as const) {
      // nats-server 2.15 speaks MQTT 3.1.1; with 5 it is the server's own refusal that must come through.
      const client = mqtt.connect(`ws://127.0.0.1:${gateway.port}/mqtt`, {
        protocolVersion,
        reconnectPeriod: 0,
      });
      if (protocolVersion === 5) {
        const [error] = (await eventOf(client, 'error')) as [Error];
        assert.match(error.message, /Connection refused|Unsupported/i);
        await client.endAsync(true);
        continue;
      }
      await eventOf(client, 'connect');
      await client.subscribeAsync('to/mqtt', { qos: 1 });
      const arrived = eventOf(client, 'message');
      nats.publish('to.mqtt', 'from a NATS client');
      const [topic, payload] = (await arrived) as [string, Buffer];
      assert.deepEqual([topic, payload.toString()], ['to/mqtt', 'from a NATS client']);

      const big = 'x'.repeat(300_000);
      const subscription = nats.subscribe('to.nats', { max: 1 });
      await nats.flush();
      await client.publishAsync('to/nats', big, { qos: 1 });
      for await (const message of subscription) assert.equal(message.string(), big);
      await client.endAsync();
    }
    const { body } = await gateway.gateway.metrics(false);
    assert.match(body, /^natsgate_route_handshakes_total\{route="\/mqtt",outcome_class="accepted"\} 2$/m);
    assert.match(
      body,
      /^natsgate_upstream_dials_total\{upstream="\/mqtt",server="127.0.0.1:\d+",outcome="ok"\} 2$/m,
    );
    assert.match(body, /^natsgate_upstream_connects_total\{upstream="\/mqtt",outcome="ok"\} 2$/m);
    const ended = await gateway.log.find(
      (line) => line['route'] === '/mqtt' && line.message === 'session ended',
    );
    assert.equal(ended['reason'], 'client_closed');
  },
);

test('examples/mqtt: MQTT.js in Chromium, with the origin that its route alone allows', options, async () => {
  const entryPoints = [join(EXAMPLES, 'mqtt', 'page.js')];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'esm', write: false });
  let script = '';
  const pages = createServer((request, response) => {
    const isScript = request.url === '/built/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : example('mqtt/index.html'));
  }).listen(0, '127.0.0.1');
  await once(pages, 'listening');
  const page = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  await using parts = await startMqtt({ allow: page });
  script = outputFiles[0]?.text.replace(':8080', `:${parts.gateway.port}`) ?? '';
  const browser = await launchChromium();
  try {
    const subscription = parts.nats.subscribe('sensors.kitchen', { max: 1 });
    await parts.nats.flush();
    const tab = await browser.newPage();
    await tab.goto(page);
    await tab.getByText('Connected to ws://').waitFor();
    await tab.getByRole('button').click();
    for await (const message of subscription) assert.match(message.string(), /^\d+\.\d °C$/);
    await tab.getByText('sensors/kitchen: ').waitFor();
    parts.nats.publish('sensors.cellar', 'hello from NATS');
    await tab.getByText('sensors/cellar: hello from NATS').waitFor();
    // The same page is a stranger at the default route.
    const refused = await tab.evaluate(
      (url) =>
        new Promise<string>((resolve) => {
          const socket = new WebSocket(url);
          socket.onopen = () => resolve('open');
          socket.onerror = () => resolve('refused');
        }),
      `ws://127.0.0.1:${parts.gateway.port}/`,
    );
    assert.equal(refused, 'refused');
    const line = await parts.gateway.log.find(({ message }) => message === 'handshake refused');
    assert.deepEqual([line['outcome'], line['origin']], ['origin_not_listed', page]);
  } finally {
    await browser.close();
    pages.close();
  }
});

test(
  'examples/leaf-node: a nats-server joins the hub through a route, and again after the hub was away',
  options,
  async () => {
    const leafPort = await freePort();
    const hubConfig = example('leaf-node/hub.conf').replace('7422', String(leafPort));
    await using hub = await realNatsServer({ config: hubConfig });
    await using gateway = await ReloadableGateway.start(hub.port, {
      routes: [{ ...LEAF_ROUTE, upstream: `tcp://127.0.0.1:${leafPort}` }],
    });
    const leafConfig = example('leaf-node/leaf.conf')
      .replace('8080', String(gateway.port))
      .replace('leafnodes {', 'leafnodes {\n  reconnect: 100ms');
    await using leaf = await realNatsServer({ config: leafConfig });
    const below = await connectTcp({ servers: `127.0.0.1:${leaf.port}` });
    for (let round = 0; round < 2; round++) {
      const above = await connectTcp({ servers: `127.0.0.1:${hub.port}` });
      const subscription = above.subscribe('across', { max: 1 });
      await above.flush();
      // The interest travels to the leaf by itself; requests find out when it is there.
      const echo = above.subscribe('ask', { callback: (_error, message) => void message.respond('answer') });
      await above.flush();
      assert.equal(await firstAnswer(below), 'answer');
      echo.unsubscribe();
      below.publish('across', `round ${round}`);
      for await (const message of subscription) assert.equal(message.string(), `round ${round}`);
      await above.close();
      if (round === 0) await hub.restart();
    }
    await below.close();
  },
);

/** MQTT.js has emitters of its own kind, which node:events does not take. */
const eventOf = (client: MqttClient, name: 'connect' | 'error' | 'message'): Promise<unknown[]> =>
  new Promise((resolve) => client.once(name, (...values: unknown[]) => resolve(values)));

/** The leaf has joined when a request finds its way to the other side. Each try waits for an answer of a server. */
async function firstAnswer(client: NatsConnection): Promise<string> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; ) {
    try {
      return (await client.request('ask', '', { timeout: 1000 })).string();
    } catch {
      // Nobody answers yet: no responders, or a connection of before that is about to end.
    }
  }
  throw new Error('the leaf did not join');
}
