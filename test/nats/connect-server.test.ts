import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readConnect, writeConnect } from '../../src/nats/connect.ts';
import { realNatsServer } from '../support/nats.ts';
import { connectRaw } from '../support/raw-nats.ts';
import {
  accepted,
  argumentOf,
  hostileArgument,
  INJECTED,
  REFUSED,
  STRICTER,
  TAKEN,
} from './connect-vectors.ts';

type Answer = 'taken' | 'closed without a word' | string;

/** What a nats-server says to a CONNECT with this argument. */
async function answerOf(port: number, argument: string | Buffer): Promise<Answer> {
  await using client = await connectRaw(port);
  client.write(Buffer.concat([Buffer.from('CONNECT '), Buffer.from(argument), Buffer.from('\r\nPING\r\n')]));
  const lines = await client.linesUntil((line) => /^(PONG|-ERR)/.test(line));
  const last = lines.at(-1);
  if (last === undefined) return 'closed without a word';
  return last.startsWith('PONG') ? 'taken' : last.trim();
}

test('a real server takes and refuses what we take and refuse, but for the differences listed above', async () => {
  await using server = await realNatsServer();
  const damages = fc
    .sample(
      fc.tuple(
        fc.constantFrom(...TAKEN.map(([, text]) => text.toString())),
        fc.nat(),
        fc.nat(2),
        fc.constantFrom(...'{}[]",:\\01.eE+- \ttfn'),
      ),
      { numRuns: 300, seed: 1 },
    )
    .map(([text, place, removed, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + removed);
    });
  const corpus = [...TAKEN.map(([, text]) => text), ...REFUSED.map(([, text]) => text), ...damages];
  const counts = { connect: 0, refused: 0 };
  for (const text of corpus) {
    const reading = readConnect(Buffer.from(text));
    if (reading.kind === 'refused' && ['duplicate_field', 'null'].includes(reading.token)) continue;
    const answer = await answerOf(server.port, text);
    counts[reading.kind]++;
    // A server that has read the JSON may still refuse what it says: that is -ERR, and for the server to do.
    const isRead = answer !== 'closed without a word';
    assert.equal(isRead, reading.kind === 'connect', `${answer} for ${text}`);
    if (reading.kind === 'connect') {
      const line = writeConnect(reading);
      assert.ok(line !== 'too_long');
      assert.equal(await answerOf(server.port, argumentOf(line.toString())), answer, `the rewritten ${text}`);
    }
  }
  assert.ok(counts.connect > 50 && counts.refused > 50, JSON.stringify(counts));
  for (const [, text] of STRICTER) assert.equal(await answerOf(server.port, text), 'taken', text);
});

test('a real server binds the injected user, whatever the client adds; unfiltered, the client wins', async () => {
  const config = 'authorization { users: [{user: gate, password: right}, {user: evil, password: evil}] }';
  await using server = await realNatsServer({ config, monitor: true });
  const userOf = async (line: Buffer): Promise<string | undefined> => {
    await using client = await connectRaw(server.port);
    client.write(Buffer.concat([line, Buffer.from('PING\r\n')]));
    const lines = await client.linesUntil((text) => /^(PONG|-ERR)/.test(text));
    if (!lines.at(-1)?.startsWith('PONG')) return lines.at(-1)?.trim();
    const { client_id: cid } = JSON.parse(client.info.slice(5)) as { client_id: number };
    const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz?auth=1&cid=${cid}`);
    const { connections } = (await answer.json()) as { connections: { authorized_user?: string }[] };
    return connections[0]?.authorized_user;
  };
  const unfiltered = 'CONNECT {"user":"gate","pass":"right","u\u017fer":"evil","Pa\u017fs":"evil"}\r\n';
  assert.equal(await userOf(Buffer.from(unfiltered)), 'evil');
  let asked = 0;
  for (const text of fc.sample(hostileArgument(12), { numRuns: 300, seed: 1 })) {
    const reading = readConnect(Buffer.from(text));
    if (reading.kind === 'refused') continue;
    const line = writeConnect(reading, INJECTED);
    assert.ok(line !== 'too_long');
    assert.equal(await userOf(line), 'gate', text);
    asked++;
  }
  assert.ok(asked >= 64, `only ${asked} were read`);
});

test('a real server decodes names as we do, and gives up at the same depth', async () => {
  const names = ['\ufffd\ufffd', '\ufffd', '\ufffdx', '\ufffd\ufffd\ufffd', '\ud83d\ude00'];
  const users = names.map((user) => `{user: "${user}", password: p}`).join(', ');
  await using server = await realNatsServer({
    config: `max_control_line: 64KB\nauthorization { users: [${users}] }`,
  });
  const withUser = (...bytes: number[]): Buffer =>
    Buffer.concat([Buffer.from('{"pass":"p","user":"'), Buffer.from(bytes), Buffer.from('"}')]);
  const cases: readonly [Buffer, string][] = [
    [withUser(0xe2, 0x82), '\ufffd\ufffd'],
    [withUser(0xff), '\ufffd'],
    [withUser(0xed, 0xa0, 0x80), '\ufffd\ufffd\ufffd'],
    [withUser(0xf0, 0x9f, 0x98, 0x80), '\ud83d\ude00'],
    [withUser(...Buffer.from('\\ud800x')), '\ufffdx'],
    [withUser(...Buffer.from('\\ud800\\ud800')), '\ufffd\ufffd'],
  ];
  for (const [argument, user] of cases) {
    assert.equal(accepted(argument).fields.get('user'), user);
    assert.equal(await answerOf(server.port, argument), 'taken', user);
    // No other user has this name and password.
    const other = JSON.stringify({ user: `${user}\ufffd\ufffd\ufffd`, pass: 'p' });
    assert.match(await answerOf(server.port, other), /Authorization Violation/);
  }
  for (const levels of [9_999, 10_000]) {
    const argument = `{"user":"\ufffd","pass":"p","x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    const isTaken = readConnect(Buffer.from(argument)).kind === 'connect';
    assert.equal(isTaken, levels === 9_999);
    assert.equal(await answerOf(server.port, argument), isTaken ? 'taken' : 'closed without a word');
  }
  // A later encoding of Go also ignores these; the server's does not, and neither do we.
  for (const key of ['us_er', 'us-er', 'username']) {
    const argument = `{"${key}":"\ufffd","pass":"p"}`;
    assert.match(await answerOf(server.port, argument), /Authorization Violation/, key);
    assert.equal(accepted(argument).fields.has('user'), false);
  }
});
