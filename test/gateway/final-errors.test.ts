import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { connect as natsWsConnect } from 'nats.ws';
import { CLOSE_REASONS, type CloseReason, RETURN_ERROR } from '../../src/close-reason.ts';
import { PARSE_PROBLEMS, serverText } from '../../src/nats/protocol.ts';
import { CLIENT_READINGS, type ImitatedClient, type Reading } from '../support/client-reading.ts';
import { FakeUpstream, type UpstreamConnection } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';

/** Every `-ERR` that the gateway writes, and who connects no more after it. */
const STOPS: Readonly<Record<string, readonly ImitatedClient[]>> = {
  'Stale Connection': [],
  'Unknown Protocol Operation': ['nats.go', 'nats.c', 'nats.py'],
  'maximum control line exceeded': ['nats.go', 'nats.c', 'nats.py'],
  'Maximum Payload Violation': ['nats.go', 'nats.c', 'nats.py'],
};

/**
 * Errors of a login: a client asks for another token or password and comes back once; the same again without a login
 * between them ends most for ever. A token that is refused is answered by HTTP, so that after `auth_expired` there is
 * always one between them.
 */
const OF_LOGIN: readonly string[] = [
  CLOSE_REASONS.auth_expired.finalError,
  CLOSE_REASONS.auth_revoked.finalError,
  CLOSE_REASONS.forbidden.finalError,
];

/** The client sent what it must not send, and would do so again. nats-server ends it with the same words. */
const ITS_OWN_FAULT: readonly CloseReason[] = [
  'not_binary',
  'frame_violation',
  'message_too_big',
  'nats_violation',
];

const REASONS = Object.keys(CLOSE_REASONS) as CloseReason[];
const CLIENTS = Object.keys(CLIENT_READINGS) as ImitatedClient[];

const stoppedBy = (text: string): ImitatedClient[] =>
  CLIENTS.filter((client) => CLIENT_READINGS[client](text) === ('stops' satisfies Reading));

test('the table has a row for every text that the gateway writes, and no other', () => {
  const finalErrors = REASONS.flatMap((reason) => CLOSE_REASONS[reason].finalError ?? []);
  const written = new Set([...finalErrors, RETURN_ERROR, ...PARSE_PROBLEMS.map(serverText)]);
  assert.deepEqual([...written].sort(), [...Object.keys(STOPS), ...OF_LOGIN].sort());
});

for (const [text, stops] of Object.entries(STOPS))
  test(`-ERR '${text}' ends for ever: ${stops.join(', ') || 'no client'}`, () => {
    assert.deepEqual(stoppedBy(text), stops);
    // And not the second time either.
    for (const client of CLIENTS)
      assert.equal(CLIENT_READINGS[client](text, text), stops.includes(client) ? 'stops' : 'returns');
    assert.doesNotMatch(text, /['\r\n]/);
  });

test('an error of a login ends one client the first time, and most of the others the second', () => {
  for (const text of OF_LOGIN) {
    assert.deepEqual(stoppedBy(text), ['nats.py']);
    const second = CLIENTS.filter((client) => CLIENT_READINGS[client](text, text) === 'stops');
    assert.ok(second.length > 3, second.join());
  }
});

test('an end that is not the fault of the client has an error after which every client returns, or none', () => {
  for (const reason of REASONS) {
    const { finalError } = CLOSE_REASONS[reason];
    if (finalError !== undefined && !OF_LOGIN.includes(finalError) && !ITS_OWN_FAULT.includes(reason))
      assert.deepEqual(stoppedBy(finalError), [], reason);
  }
});

test('the words of earlier versions would have ended clients for ever', () => {
  for (const text of [
    'Session Expired',
    'Connection throttling is active. Please try again later.',
    'Invalid Subject',
  ])
    assert.deepEqual(stoppedBy(text), ['nats.go', 'nats.c', 'nats.py']);
});

type Client = {
  flush(): Promise<void>;
  subscribe(subject: string): AsyncIterable<unknown>;
  close(): Promise<void>;
};
const OPTIONS = { reconnectTimeWait: 10, reconnectJitter: 0, maxReconnectAttempts: 5 } as const;
const REAL: Readonly<Record<string, (servers: string) => Promise<Client>>> = {
  'nats.js': (servers) => wsconnect({ servers, ...OPTIONS }),
  'nats.ws': (servers) => natsWsConnect({ servers, ...OPTIONS }) as Promise<Client>,
};

/** Answers PING, as far as a client needs it to be connected. */
function answerPings(connection: UpstreamConnection): void {
  let answered = 0;
  connection.on('change', () => {
    const pings = connection.received.toString('latin1').split('PING\r\n').length - 1;
    if (pings > answered) connection.socket.write('PONG\r\n'.repeat(pings - answered));
    answered = pings;
  });
}

for (const [name, connect] of Object.entries(REAL))
  describe(`${name} itself`, () => {
    for (const text of Object.keys(STOPS))
      test(`returns after -ERR '${text}', each time`, { timeout: 300_000 }, async () => {
        await using upstream = await FakeUpstream.start({ onConnection: answerPings });
        await using gateway = await startTestGateway(upstream.port);
        const client = await connect(`ws://127.0.0.1:${gateway.port}`);
        for (const round of [0, 1, 2]) {
          const connection = await upstream.connection(round);
          await connection.until(({ received }) => received.includes('PING\r\n'));
          await client.flush();
          connection.socket.end(`-ERR '${text}'\r\n`);
        }
        await upstream.connection(3);
        await client.close();
      });

    test('returns when the gateway ends its session, and its subscriptions live on', {
      timeout: 300_000,
    }, async () => {
      await using server = await realNatsServer();
      const limits = { sessionAgeMs: 60_000 };
      await using gateway = await startTestGateway(server.port, { inspect: 'observe', limits });
      const client = await connect(`ws://127.0.0.1:${gateway.port}`);
      const messages = client.subscribe('after')[Symbol.asyncIterator]();
      await client.flush();
      gateway.advance(70_000);
      assert.equal((await gateway.log.ended())['reason'], 'session_expired');
      await using publisher = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}` });
      const next = messages.next();
      let got = false;
      void next.then(() => (got = true));
      // Until the client is back nobody hears: a request tells.
      while (!got) {
        publisher.publish('after', 'the end');
        await publisher.flush();
      }
      await next;
      await client.close();
    });
  });
