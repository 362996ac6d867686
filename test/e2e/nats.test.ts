import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import {
  AuthorizationError,
  createInbox,
  type NatsConnection,
  type Status,
  wsconnect,
} from '@nats-io/nats-core';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { testConfig } from '../support/config.ts';
import { LogCapture } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { DEADLINE_MS, take } from './conversations/conversation.ts';

const options = { timeout: 300_000 } as const;

test(
  'a killed server that comes back on its port: the client reconnects and its subscriptions live on',
  options,
  async () => {
    await using server = await realNatsServer();
    await using edge = await Edge.start(server.port);
    await using client = await edge.connect({
      reconnect: true,
      reconnectTimeWait: 50,
      maxReconnectAttempts: -1,
    });
    const statuses = new StatusLog(client);
    const clientId = client.info?.client_id;
    const subscription = client.subscribe('after', { max: 1 });
    await client.flush();

    assert.equal(server.kill('SIGKILL'), true);
    await statuses.seen('disconnect');
    const ended = await edge.ended(clientId);
    assert.ok(
      ['upstream_closed', 'upstream_reset'].includes(String(ended['reason'])),
      String(ended['reason']),
    );
    await server.restart();
    await statuses.seen('reconnect');
    client.publish('after', 'the restart');
    assert.deepEqual(
      (await take(subscription, 1)).map((message) => message.string()),
      ['the restart'],
    );
    const types = statuses.types;
    assert.ok(types.indexOf('disconnect') < types.indexOf('reconnecting'), types.join(', '));
    assert.ok(types.indexOf('reconnecting') < types.indexOf('reconnect'), types.join(', '));
  },
);

describe('login', () => {
  const config = 'authorization { users: [ { user: "alice", password: "wonderland" } ] }';

  test('user and password go through', options, async () => {
    await using server = await realNatsServer({ config });
    await using edge = await Edge.start(server.port);
    await using client = await edge.connect({ user: 'alice', pass: 'wonderland' });
    assert.equal(await roundTrip(client), 'there and back');
  });

  test('a wrong password: the client is told why and the session ends', options, async () => {
    await using server = await realNatsServer({ config });
    await using edge = await Edge.start(server.port);
    await assert.rejects(edge.connect({ user: 'alice', pass: 'looking-glass' }), (error) => {
      assert.ok(error instanceof AuthorizationError, String(error));
      assert.match(error.message, /Authorization Violation/i);
      return true;
    });
    // Who is first to close after the -ERR, client or server, is a race of theirs.
    const ended = await edge.log.ended();
    assert.ok(['upstream_closed', 'client_closed'].includes(String(ended['reason'])), JSON.stringify(ended));
    assert.equal(edge.log.text.join('').includes('looking-glass'), false, 'no password in the log');
  });

  test('a wrong password on the wire: the -ERR line, then close 1001 upstream_closed', options, async () => {
    await using server = await realNatsServer({ config });
    await using edge = await Edge.start(server.port);
    await using client = await RawClient.open(edge.port);
    client.send(frame(Opcode.binary, 'CONNECT {"user":"alice","pass":"looking-glass"}\r\nPING\r\n'));
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'upstream_closed' });
    assert.match(client.data.toString(), /^INFO \{.*\} *\r\n-ERR 'Authorization Violation'\r\n$/);
  });
});

test('lame duck: the client is told, then sees close 1001 upstream_closed', options, async () => {
  const config = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"';
  await using server = await realNatsServer({ config });
  await using edge = await Edge.start(server.port);
  let socket: WebSocket | undefined;
  await using client = await edge.connect({
    wsFactory: (url) => {
      socket = new WebSocket(url);
      return Promise.resolve({ socket, encrypted: false });
    },
  });
  assert.ok(socket !== undefined);
  const closing = once(socket, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) });
  const statuses = new StatusLog(client);
  const clientId = client.info?.client_id;
  assert.equal(await roundTrip(client), 'there and back');

  server.kill('SIGUSR2');
  await statuses.seen('ldm');
  const [{ code, reason, wasClean }] = (await closing) as [CloseEvent];
  assert.deepEqual({ code, reason, wasClean }, { code: 1001, reason: 'upstream_closed', wasClean: true });
  const ended = await edge.ended(clientId);
  assert.deepEqual([ended['reason'], ended['code']], ['upstream_closed', 1001]);
});

/** A gateway in this process with real time, in front of a real server. */
class Edge implements AsyncDisposable {
  readonly log = new LogCapture();
  #gateway: Gateway | undefined;

  static async start(upstreamPort: number): Promise<Edge> {
    const edge = new Edge();
    const config = testConfig(upstreamPort);
    edge.#gateway = await startGateway(config, { log: createLog(config.log, edge.log) });
    return edge;
  }

  get port(): number {
    return this.#gateway?.address.port ?? 0;
  }

  connect(more: Parameters<typeof wsconnect>[0] = {}): Promise<NatsConnection> {
    return wsconnect({
      servers: `ws://127.0.0.1:${this.port}`,
      timeout: DEADLINE_MS,
      reconnect: false,
      ...more,
    });
  }

  /** The log line of the session whose client has this id at the server. */
  ended(natsClientId: number | undefined): Promise<Readonly<Record<string, unknown>>> {
    assert.notEqual(natsClientId, undefined);
    return this.log.find((line) => line.message === 'session ended' && line['natsClientId'] === natsClientId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway?.stop();
  }
}

/** What a client says about its connection. */
class StatusLog {
  readonly types: Status['type'][] = [];
  readonly #log = new LogCapture();

  constructor(client: NatsConnection) {
    void this.#read(client);
  }

  async seen(type: Status['type']): Promise<void> {
    await this.#log.find((line) => line.message === type);
  }

  async #read(client: NatsConnection): Promise<void> {
    for await (const status of client.status()) {
      this.types.push(status.type);
      this.#log.write(JSON.stringify({ message: status.type }));
    }
  }
}

async function roundTrip(client: NatsConnection): Promise<string> {
  const inbox = createInbox();
  const subscription = client.subscribe(inbox, { max: 1 });
  client.publish(inbox, 'there and back');
  const [message] = await take(subscription, 1);
  return message?.string() ?? '';
}
