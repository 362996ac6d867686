import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { wsconnect } from '@nats-io/nats-core';
import { connect as natsWsConnect } from 'nats.ws';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { rulesOf } from '../policy/support.ts';
import { freePort } from '../support/free-port.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

/**
 * What an application sees of a denial: of nats-server's own WebSocket listener with permissions, and of a gateway whose
 * policy says the same, in front of a user who may do all.
 */

const SUBSCRIBE = { allow: ['ok.>', 'jobs workers'], deny: ['ok.secret'] };
const PUBLISH = { deny: ['secret.>'] };
const PERMISSIONS = JSON.stringify({
  publish: PUBLISH,
  subscribe: { ...SUBSCRIBE, allow: [...SUBSCRIBE.allow, '_INBOX.>'] },
});

let server: RunningNatsServer;
let gateway: TestGateway;
/** Where to connect, and as whom. */
const places: Record<'own' | 'gateway', { port: number; user: string }> = {
  own: { port: 0, user: 'limited' },
  gateway: { port: 0, user: 'admin' },
};
before(async () => {
  places.own.port = await freePort();
  server = await realNatsServer({
    config: `authorization { users: [
  { user: limited, password: p, permissions: ${PERMISSIONS} }
  { user: admin, password: p }
] }
websocket { host: "127.0.0.1", port: ${places.own.port}, no_tls: true }
`,
  });
  const role = rulesOf({ publish: PUBLISH, subscribe: SUBSCRIBE, prefix: '_INBOX', replies: 'any' });
  gateway = await startTestGateway(server.port, {
    policy: { mode: 'enforce', roles: [role], onDeny: 'error', denialsBeforeClose: undefined },
  });
  places.gateway.port = gateway.port;
});
after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await server?.close();
});

/** What both libraries have. */
type Client = {
  publish(subject: string, payload: string): void;
  subscribe(subject: string, options?: { queue?: string }): AsyncIterable<{ readonly subject: string }>;
  request(subject: string, payload: string, options: { timeout: number }): Promise<unknown>;
  flush(): Promise<void>;
  status(): AsyncIterable<Readonly<Record<string, unknown>>>;
  isClosed(): boolean;
  close(): Promise<void>;
};
const LIBRARIES: Readonly<Record<string, (servers: string, user: string) => Promise<Client>>> = {
  'nats.js': async (servers, user) =>
    (await wsconnect({ servers, user, pass: 'p', reconnect: false })) as unknown as Client,
  'nats.ws': async (servers, user) =>
    (await natsWsConnect({ servers, user, pass: 'p', reconnect: false })) as unknown as Client,
};

const wordsOf = (error: unknown): string => {
  const { name, code, message } = error as Error & { readonly code?: string };
  return `${name} ${code ?? ''}: ${message}`;
};
/** An error, or any other value, as text. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (one instanceof Error ? wordsOf(one) : one));

async function seenBy(client: Client): Promise<readonly string[]> {
  const statuses: string[] = [];
  void (async () => {
    for await (const status of client.status()) statuses.push(textOf(status));
  })();
  const seen: string[] = [];
  const ask = async (name: string, act: () => Promise<unknown>): Promise<void> => {
    seen.push(
      `${name}: ${await act().then(
        (value) => textOf(value ?? 'good'),
        (error: unknown) => wordsOf(error),
      )}`,
    );
  };
  const first = async (subject: string, queue?: string): Promise<unknown> => {
    const messages = client.subscribe(subject, queue === undefined ? {} : { queue })[Symbol.asyncIterator]();
    await client.flush();
    client.publish(subject, 'x');
    const { value, done } = await messages.next();
    return done === true ? 'ended' : value.subject;
  };
  client.publish('secret.a', 'x');
  await client.flush();
  await ask('request to a subject that is denied', () => client.request('secret.ask', '', { timeout: 5000 }));
  await ask('request that nobody answers', () => client.request('ok.nobody', '', { timeout: 5000 }));
  await ask('SUB that deny has', () => first('ok.secret'));
  await ask('SUB that nothing allows', () => first('other'));
  await ask('SUB without its queue', () => first('jobs'));
  await ask('SUB with another queue', () => first('jobs', 'others'));
  await ask('SUB with its queue', () => first('jobs', 'workers'));
  await ask('SUB that is allowed', () => first('ok.a'));
  seen.push(`closed: ${client.isClosed()}`);
  await client.close();
  // The statuses of nats.ws have no end. Those that were told are read by now.
  await turn();
  return [...seen, ...statuses];
}

for (const [name, connect] of Object.entries(LIBRARIES))
  test(`${name} sees of a policy what it sees of the server's permissions`, {
    timeout: 300_000,
  }, async () => {
    const [own = [], ours = []] = await Promise.all(
      Object.values(places).map(async ({ port, user }) =>
        seenBy(await connect(`ws://127.0.0.1:${port}`, user)),
      ),
    );
    assert.deepEqual(ours, own);
    const refused = own.filter((line) => /permissions.violation/i.test(line)) ?? [];
    assert.ok(refused.length >= 6, own.join('\n'));
    assert.ok(own.includes('closed: false'));
  });

const NUID = 'ABCDEFGHIJKLMNOPQRSTUV';
const HEADERS = 'NATS/1.0\r\na: b\r\n\r\n';
/** What clients of other languages say, each part of it before they wait for the PONG: from their sources of 2026. */
const HABITS: Readonly<Record<string, readonly string[]>> = {
  'nats.go': [
    'PUB secret.a 1\r\nx\r\nPING\r\n',
    `SUB _INBOX.${NUID}.*  1\r\nPUB secret.ask _INBOX.${NUID}.abcdefgh 0\r\n\r\nPING\r\n`,
    `HPUB secret.b ${HEADERS.length} ${HEADERS.length + 1}\r\n${HEADERS}x\r\nPING\r\n`,
    'SUB ok.secret  2\r\nPING\r\n',
    'SUB jobs others 3\r\nUNSUB 3 1\r\nPING\r\n',
    'SUB jobs workers 4\r\nPUB ok.a 1\r\nx\r\nPING\r\n',
  ],
  'nats.py': [
    'PUB secret.a  1\r\nx\r\nPING\r\n',
    `SUB _INBOX.${NUID}.*  1\r\n`,
    `PUB secret.ask _INBOX.${NUID}.${NUID} 0\r\n\r\nPING\r\n`,
    'SUB ok.secret  2\r\nPING\r\n',
    'SUB jobs others 3\r\nPING\r\nUNSUB 3 0\r\n',
    'SUB jobs workers 4\r\nPUB ok.a  1\r\nx\r\nPING\r\n',
  ],
  'nats.rs': [
    'PUB secret.a 1\r\nx\r\nSUB ok.secret 1\r\nPUB secret.b 1\r\nx\r\nPING\r\n',
    `SUB _INBOX.${NUID}.* 2\r\nPUB secret.ask _INBOX.${NUID}.abcd 0\r\n\r\nPING\r\n`,
    'SUB jobs others 3\r\nSUB jobs workers 4\r\nPUB ok.a 1\r\nx\r\nPING\r\n',
  ],
};

/** Where each library looks in the error for who must learn of it; the rest goes to the error callback. */
const SUBSCRIPTION = /Subscription to "(\S+)"/;
const QUEUE = /using queue "(\S+)"/;

describe('other clients get, in their order, the bytes that the server itself sends', () => {
  for (const [name, said] of Object.entries(HABITS))
    test(name, { timeout: 300_000 }, async () => {
      const heard = await Promise.all(
        Object.values(places).map(async ({ port, user }) => {
          await using client = await RawClient.open(port);
          const begun = client.frames.length;
          const data = () =>
            Buffer.concat(client.frames.slice(begun).map(({ payload }) => payload)).toString();
          const connect = `CONNECT {"verbose":false,"pedantic":false,"user":"${user}","pass":"p","lang":"${name.slice(5)}","version":"1","protocol":1,"echo":true,"headers":true,"no_responders":true}\r\n`;
          let pongs = 0;
          for (const part of [`${connect}PING\r\n`, ...said]) {
            client.send(frame(Opcode.binary, part));
            pongs += part.split('PING\r\n').length - 1;
            await client.until(() => data().split('PONG\r\n').length - 1 === pongs);
          }
          return data()
            .replaceAll(/^INFO .*\r\n/gm, '')
            .replaceAll(/^PING\r\n/gm, '');
        }),
      );
      assert.equal(heard[1], heard[0]);
      const errors = heard[1]?.match(/^-ERR .*$/gm) ?? [];
      assert.ok(errors.some((line) => SUBSCRIPTION.exec(line)?.[1] === 'ok.secret'));
      const ofQueue = errors.find((line) => SUBSCRIPTION.exec(line)?.[1] === 'jobs');
      assert.equal(QUEUE.exec(ofQueue ?? '')?.[1], 'others');
    });
});
