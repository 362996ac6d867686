import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { RateLimit, RatesConfig } from '../../src/config/config.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const KiB = 1024;
const CHUNK = randomBytes(32 * KiB);
const FRAME = frame(Opcode.binary, CHUNK);
/** What may pass before the gateway has stopped to read: one read, and one read ahead. */
const AHEAD_BYTES = 128 * KiB;
/** A second, and one tick. */
const LOOK_MS = 1250;
const CONNECT = 'CONNECT {"verbose":false,"protocol":1}\r\n';

const limit = (per: RateLimit['per'], kind: RateLimit['kind'], perSecond: number): RateLimit => ({
  per,
  kind,
  perSecond,
  burstMs: 1000,
  exceeded: 'delay',
});
const bytes = (per: RateLimit['per'], perSecond: number): RateLimit => limit(per, 'bytes', perSecond);
const rates = (limits: readonly RateLimit[], more: Partial<RatesConfig> = {}): RatesConfig => ({
  limits,
  maxDelayMs: 60_000,
  ...more,
});

async function metric(
  gateway: Pick<TestGateway, 'gateway'>,
  expected: RegExp,
  orElse = () => false,
): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    const { body } = await gateway.gateway.metrics(false);
    if (expected.test(body) || orElse()) return;
    assert.ok(performance.now() < deadlineMs, `${expected}: ${body.match(/natsgate_rate_.*/g)?.join('\n')}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
const DELAYED = /natsgate_rate_delayed_sessions 1\n/;
const NOT_DELAYED = /natsgate_rate_delayed_sessions 0\n/;

/** Turns the clock of the sessions, as far as each delay asks for, until `holds`; milliseconds that it took. */
async function turnUntil(gateway: TestGateway, holds: () => boolean): Promise<number> {
  let ms = 0;
  for (; !holds(); ms += 250) {
    gateway.advance(250);
    await new Promise((resolve) => setImmediate(resolve));
    await metric(gateway, DELAYED, holds);
  }
  return ms;
}

describe('rates', () => {
  for (const inspect of ['off', 'observe', 'enforce'] as const)
    test(`delay (${inspect}): what is above is read later, in order, and nothing is lost`, async () => {
      const messages = Array.from({ length: 20 }, () =>
        Buffer.concat([
          Buffer.from(`PUB a ${CHUNK.length}\r\n`),
          randomBytes(CHUNK.length),
          Buffer.from('\r\n'),
        ]),
      );
      const sent = Buffer.concat([Buffer.from(CONNECT), ...messages]);
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, {
        inspect,
        rates: rates([bytes('session', 64 * KiB)]),
      });
      await using client = await RawClient.open(gateway.port);
      client.send(frame(Opcode.binary, Buffer.from(CONNECT)));
      for (const message of messages) client.send(frame(Opcode.binary, message));
      const connection = await upstream.connection();
      await metric(gateway, DELAYED);
      assert.ok(connection.byteCount <= 64 * KiB + AHEAD_BYTES, `${connection.byteCount} bytes`);
      const tookMs = await turnUntil(gateway, () => connection.byteCount === sent.length);
      assert.ok(tookMs >= ((sent.length - 64 * KiB - AHEAD_BYTES) / (64 * KiB)) * 1000, `${tookMs} ms`);
      assert.equal(connection.sha256, createHash('sha256').update(sent).digest('hex'));
      assert.equal(client.closed, false);
      gateway.advance(60_000);
      const { body } = await gateway.gateway.metrics(false);
      assert.match(body, /natsgate_rate_limited_total\{scope="session",kind="bytes",action="delay"\} [1-9]/);
      assert.match(body, /natsgate_rate_delay_seconds_total\{scope="session"\} [1-9]/);
    });

  test('messages are counted however they are cut, and bytes are not', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      inspect: 'enforce',
      rates: rates([limit('session', 'messages', 10)]),
    });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const large = `PUB a ${CHUNK.length}\r\n${'x'.repeat(CHUNK.length)}\r\n`;
    const text = `${CONNECT}${large.repeat(5)}PUB a 0\r\n\r\nHPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n`;
    for (let at = 0; at < text.length; at += 10_000)
      client.send(frame(Opcode.binary, Buffer.from(text.slice(at, at + 10_000))));
    await connection.until(({ byteCount }) => byteCount === text.length);
    await metric(gateway, NOT_DELAYED);
    client.send(frame(Opcode.binary, Buffer.from('PUB a 0\r\n\r\n'.repeat(20))));
    await metric(gateway, DELAYED);
    client.send(frame(Opcode.binary, Buffer.from('PING\r\n')));
    const tookMs = await turnUntil(gateway, () => connection.received.toString().endsWith('PING\r\n'));
    assert.ok(tookMs >= 1000, 'at the latest what has come is looked at after a second');
  });

  test('empty frames are not free: each costs its header', async () => {
    await using upstream = await FakeUpstream.start();
    const settings = { rates: rates([{ ...bytes('session', KiB), exceeded: 'close' }]) };
    await using gateway = await startTestGateway(upstream.port, settings);
    await using client = await RawClient.open(gateway.port);
    // INFO, a pong that says that the first were read, and the close frame.
    const empty = Buffer.concat(Array.from({ length: 1000 }, () => frame(Opcode.binary, '')));
    for (const frames of [2, 3]) {
      client.send(Buffer.concat([empty, frame(Opcode.ping)]));
      await client.until(() => client.frames.length === frames);
    }
    client.send(closeFrame(1008));
    assert.equal((await gateway.log.ended())['limit'], 'rates.session.bytes');
  });

  test('close: the session ends at once, and the log has the key', async () => {
    await using upstream = await FakeUpstream.start();
    const limits = [{ ...bytes('session', KiB), exceeded: 'close' as const }];
    await using gateway = await startTestGateway(upstream.port, { rates: rates(limits) });
    await using client = await RawClient.open(gateway.port);
    client.send(FRAME);
    await client.until(() => client.frames.at(-1)?.opcode === Opcode.close);
    client.send(closeFrame(1008));
    const line = await gateway.log.ended();
    assert.deepEqual(
      [line['reason'], line['code'], line['limit']],
      ['rate_exceeded', 1008, 'rates.session.bytes'],
    );
    const { body } = await gateway.gateway.metrics(false);
    assert.match(body, /natsgate_rate_limited_total\{scope="session",kind="bytes",action="close"\} 1\n/);
    assert.match(body, /natsgate_rejected_messages_total\{reason="control_flood"\} 0\n/);
  });

  test('error: what is above is refused, each with its error, and the API says who is limited', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      inspect: 'enforce',
      rates: rates(
        [limit('session', 'messages', 10), limit('session', 'subscribes', 5)].map((one) => ({
          ...one,
          exceeded: 'error' as const,
        })),
      ),
    });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    client.send(frame(Opcode.binary, Buffer.from(`${CONNECT}PING\r\n`)));
    connection.socket.write('PONG\r\n');
    const say = (numbers: readonly number[]) =>
      numbers.map((one) => `PUB m.${one} 1\r\n.\r\nSUB s.${one} q ${one}\r\n`).join('');
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
    client.send(frame(Opcode.binary, Buffer.from(`${say(range(0, 20))}PING\r\n`)));
    // One more than the burst: what passes is paid afterwards.
    const passed = range(0, 20)
      .map(
        (one) =>
          `${one <= 10 ? `PUB m.${one} 1\r\n.\r\n` : ''}${one <= 5 ? `SUB s.${one} q ${one}\r\n` : ''}`,
      )
      .join('');
    await connection.until(({ received }) => received.toString().endsWith(`${passed}PING\r\n`));
    const errors = range(0, 20)
      .map(
        (one) =>
          (one <= 10 ? '' : `-ERR 'Permissions Violation for Publish to "m.${one}" (rate exceeded)'\r\n`) +
          (one <= 5
            ? ''
            : `-ERR 'Permissions Violation for Subscription to "s.${one}" using queue "q" (rate exceeded)'\r\n`),
      )
      .join('');
    await client.until(() => client.data.toString().endsWith(errors));
    const limited = async () => {
      const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions`);
      return ((await answer.json()) as { sessions: { rateLimited?: unknown }[] }).sessions[0]?.rateLimited;
    };
    assert.deepEqual(await limited(), { limit: 'rates.session.subscribes', seconds: 0 });
    gateway.advance(1000);
    client.send(frame(Opcode.binary, Buffer.from(say([20]))));
    await connection.until(({ received }) => received.toString().endsWith(say([20])));
    gateway.advance(5000);
    assert.equal(await limited(), undefined);
    const { body } = await gateway.gateway.metrics(false);
    assert.match(body, /natsgate_rate_limited_total\{scope="session",kind="messages",action="error"\} 9\n/);
    assert.match(
      body,
      /natsgate_rate_limited_total\{scope="session",kind="subscribes",action="error"\} 14\n/,
    );
  });

  test('longer than maxDelay: the session ends, with what was read delivered', async () => {
    await using upstream = await FakeUpstream.start();
    const limits = [bytes('session', 8 * KiB)];
    await using gateway = await startTestGateway(upstream.port, {
      rates: rates(limits, { maxDelayMs: 5000 }),
    });
    await using client = await RawClient.open(gateway.port);
    for (let sent = 0; sent < 50; sent++) client.send(FRAME);
    await turnUntil(gateway, () => client.frames.at(-1)?.opcode === Opcode.close);
    client.send(closeFrame(1008));
    const line = await gateway.log.ended();
    assert.deepEqual([line['reason'], line['limit']], ['rate_exceeded', 'rates.session.bytes']);
    const connection = await upstream.connection();
    assert.equal(connection.byteCount, Number(line['bytesToUpstream']));
    await metric(gateway, NOT_DELAYED);
  });

  for (const [name, leave] of [
    ['closes', (client: RawClient) => client.send(closeFrame(1000))],
    ['vanishes', (client: RawClient) => void client.socket.resetAndDestroy()],
  ] as const)
    test(`a client that ${name} in a delay is seen within a second`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { rates: rates([bytes('session', KiB)]) });
      await using client = await RawClient.open(gateway.port);
      client.send(FRAME);
      await metric(gateway, DELAYED);
      leave(client);
      gateway.advance(LOOK_MS);
      const line = await gateway.log.ended();
      assert.equal(line['reason'], name === 'closes' ? 'client_closed' : 'client_gone');
    });

  test('a delay is neither silence nor a stall, and the API says who is delayed', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      rates: rates([bytes('session', 2 * KiB)]),
      timeouts: { silenceMs: 2000, pingMs: 1000, stallMs: 2000 },
    });
    await using client = await RawClient.open(gateway.port);
    for (let sent = 0; sent < 3; sent++) client.send(FRAME);
    await metric(gateway, DELAYED);
    for (let step = 0; step < 40; step++) {
      gateway.advance(250);
      await metric(gateway, DELAYED);
    }
    assert.equal(client.closed, false);
    const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions`);
    const { sessions } = (await answer.json()) as { sessions: { rateLimited?: unknown }[] };
    assert.deepEqual(sessions[0]?.rateLimited, { limit: 'rates.session.bytes', seconds: 10 });
  });

  test('toClient: the server is read from later, and nothing is lost', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      rates: rates([bytes('toClient', 64 * KiB)]),
    });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const sent = randomBytes(640 * KiB);
    connection.socket.write(sent);
    await metric(gateway, DELAYED);
    const received = () => Buffer.concat(client.frames.slice(1).map(({ payload }) => payload));
    assert.ok(received().length <= 64 * KiB + AHEAD_BYTES);
    await turnUntil(gateway, () => received().length >= sent.length);
    assert.deepEqual(received(), sent);
  });

  test('identity: who connects anew goes on where it was; another user is not touched', async () => {
    await using issuer = await Issuer.start(signingKey('one'));
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      auth: testAuth(testIssuer(keysAt(issuer.url))),
      rates: rates([bytes('identity', KiB)]),
    });
    const as = (sub: string) =>
      RawClient.open(gateway.port, { headers: { Authorization: `Bearer ${issuer.token({ sub })}` } });
    await using first = await as('alice');
    first.send(FRAME);
    await metric(gateway, DELAYED);
    first.socket.resetAndDestroy();
    gateway.advance(LOOK_MS);
    await gateway.log.ended();
    await metric(gateway, NOT_DELAYED);
    await using bob = await as('bob');
    bob.send(frame(Opcode.binary, Buffer.from('PING\r\n')));
    await (await upstream.connection(1)).until(({ byteCount }) => byteCount === 6);
    await metric(gateway, NOT_DELAYED);
    await using again = await as('alice');
    again.send(frame(Opcode.binary, Buffer.from('PING\r\n')));
    await metric(gateway, DELAYED);
  });

  test('origin: sessions that flood do not end one that says little, though they have the same origin', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      rates: rates([bytes('origin', 64 * KiB)], { maxDelayMs: 5000 }),
    });
    await using honest = await RawClient.open(gateway.port);
    await using flooding = await RawClient.open(gateway.port);
    for (let sent = 0; sent < 50; sent++) flooding.send(FRAME);
    await metric(gateway, DELAYED);
    const connection = await upstream.connection();
    for (let round = 1; round <= 10; round++) {
      honest.send(frame(Opcode.binary, Buffer.from('PING\r\n')));
      await connection.until(({ byteCount }) => byteCount === 6 * round);
      // A tick, by which the honest one may go on.
      gateway.advance(250);
      await metric(gateway, DELAYED);
    }
    assert.equal(honest.closed, false);
  });

  test('a reload of something else is no second burst for those that share a rate', async () => {
    await using upstream = await FakeUpstream.start();
    const settings = { rates: { origin: { bytes: '1KiB/s', burst: '5s' }, maxDelay: '1m' } };
    await using gateway = await ReloadableGateway.start(upstream.port, settings);
    await using flooding = await RawClient.open(gateway.port);
    flooding.send(FRAME);
    await metric(gateway, DELAYED);
    await gateway.write({ ...settings, timeouts: { ping: '26s' } });
    await gateway.gateway.reload('signal');
    await using other = await RawClient.open(gateway.port);
    other.send(frame(Opcode.binary, Buffer.from('PING\r\n')));
    await metric(gateway, /natsgate_rate_delayed_sessions 2\n/);
  });
});
