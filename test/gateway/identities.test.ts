import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rulesOf } from '../policy/support.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { type Census, CensusProcess } from '../support/census.ts';
import { testEngine } from '../support/config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

/**
 * Clients that all are somebody else, with a role made for each, a rate of each, and refusals: no metric series is theirs,
 * and what is remembered of those that have left is bounded. IDENTITIES: how many at once, 40 when not set; 9000 needs
 * 18,000 descriptors in each of the two processes.
 */
const IDENTITIES = Number(process.env['IDENTITIES'] ?? 40);
/** With 9,000 at once the third one finds every table full: of roles and tokens, and of the last ends and handshakes. */
const WAVES = IDENTITIES < 2000 ? 2 : 4;
const AT_ONCE = 20;
const KiB = 1024;
/** Sockets, parsers, the subjects of its role, its meters. */
const MAX_BYTES_OF_AN_OPEN_ONE = 24 * KiB;
/** Where every table is full. */
const MAX_GROWTH_OF_ONE_THAT_LEFT = 256;
const TIMEOUT_MS = 1_200_000;

const PUBLISH = frame(Opcode.binary, 'CONNECT {}\r\nPUB secret.a 0\r\n\r\nPING\r\n');

const held = ({ heapBytes, bufferBytes }: Census): number => heapBytes + bufferBytes;

test(`${WAVES} times ${IDENTITIES} sessions, each of another user`, { timeout: TIMEOUT_MS }, async (t) => {
  await using issuer = await Issuer.start(signingKey('one'));
  await using upstream = await FakeUpstream.start();
  const list = { allow: ['a.{user}.>', 'b.{user}', '*.{user}.c'] };
  const role = rulesOf({ publish: list, subscribe: list, prefix: '_INBOX.{user}' });
  const rate = { per: 'identity', kind: 'messages', perSecond: 5, burstMs: 0, exceeded: 'error' } as const;
  await using gateway = await CensusProcess.start(upstream.port, testEngine(), {
    inspect: 'enforce',
    limits: { sessions: IDENTITIES + AT_ONCE },
    auth: testAuth(testIssuer(keysAt(issuer.url))),
    policy: { mode: 'enforce', roles: [role], onDeny: 'error', denialsBeforeClose: undefined },
    rates: { limits: [rate], maxDelayMs: 5000 },
  });
  const open = async (user: number): Promise<RawClient> => {
    const Authorization = `Bearer ${issuer.token({ sub: `user${user}` })}`;
    const client = await RawClient.open(gateway.port, { headers: { Authorization } });
    client.send(Buffer.concat([PUBLISH, frame(Opcode.ping)]));
    await client.until(() => client.frames.some(({ opcode }) => opcode === Opcode.pong));
    return client;
  };
  const series = async (): Promise<readonly string[]> => {
    const { adminPort } = await gateway.take();
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    // Those of Node's own runtime come and go with what it does just now: kinds of handles and of collections.
    return text.match(/^(?!nodejs_(active|gc)_)[a-z]\w*(\{.*\})?(?= )/gm) ?? [];
  };
  /** Sessions of users that nobody has seen; what is held while they are open, and when they have left. */
  const wave = async (from: number) => {
    const clients: RawClient[] = [];
    for (let user = from; user < from + IDENTITIES; user += AT_ONCE) {
      const count = Math.min(AT_ONCE, from + IDENTITIES - user);
      clients.push(...(await Promise.all(Array.from({ length: count }, (_, at) => open(user + at)))));
    }
    const during = await gateway.take();
    assert.equal(during.sessions, IDENTITIES);
    for (const connection of upstream.connections.splice(0)) connection.socket.destroy();
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    const left = await gateway.when(({ sessions }) => sessions === 0);
    return { during: held(during), left: held(left) };
  };
  // What the first ones bring into the process is no session's.
  await wave(0);
  const before = await series();
  assert.ok(before.length > 100);
  const waves: { readonly during: number; readonly left: number }[] = [];
  for (let count = 1; count < WAVES; count++) waves.push(await wave(count * IDENTITIES));
  assert.deepEqual(await series(), before);
  const [last, previous] = [waves.at(-1), waves.at(-2)];
  const openBytes = ((last?.during ?? 0) - (last?.left ?? 0)) / IDENTITIES;
  const growth = previous && ((last?.left ?? 0) - previous.left) / IDENTITIES;
  t.diagnostic(JSON.stringify({ series: before.length, openBytes, growth, waves }));
  assert.ok(openBytes < MAX_BYTES_OF_AN_OPEN_ONE, `${openBytes} bytes for an open session`);
  if (growth !== undefined)
    assert.ok(growth < MAX_GROWTH_OF_ONE_THAT_LEFT, `${growth} bytes are left of one session`);
});
