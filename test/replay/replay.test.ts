import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ReplayFlags, replayFile } from '../../src/cli/replay.ts';
import { FileReader } from '../../src/config/files.ts';
import { END, fileOf, HEADER } from '../capture/support.ts';
import { FakeUpstream, type UpstreamConnection } from '../support/fake-upstream.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

let folder: TemporaryFolder;
let upstream: FakeUpstream;
before(async () => {
  folder = await temporaryFolder();
  upstream = await FakeUpstream.start();
});
after(async () => {
  await upstream[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function replay(records: readonly object[], more: Partial<ReplayFlags> = {}) {
  const file = join(folder.path, 'one.ndjson');
  await writeFile(
    file,
    fileOf({ ...HEADER, payloads: 'full' }, ...records, { ...END, t: Number.MAX_SAFE_INTEGER }),
  );
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const flags: ReplayFlags = {
    file,
    to: `nats://127.0.0.1:${upstream.port}`,
    speed: 'max',
    creds: undefined,
    nkeyFile: undefined,
    tokenFile: undefined,
    user: undefined,
    passwordFile: undefined,
    ca: undefined,
    yes: false,
    allowAdmin: false,
    ...more,
  };
  const code = await replayFile(flags, { out: say, err: say }, new FileReader());
  return { code, text: lines.join('\n') };
}

/** The connection of the next replay, with the login answered. */
async function loggedIn(index: number): Promise<UpstreamConnection> {
  const connection = await upstream.connection(index);
  await connection.until((one) => one.received.includes('PING\r\n'));
  connection.socket.write('PONG\r\n');
  return connection;
}

test('replay: a reply subject that the server has chosen deletes no stream', async () => {
  const running = replay([
    { t: 0, d: 'c>', op: 'SUB', subj: 'foo', sid: '1' },
    { t: 1, d: 'c>', op: 'PUB', subj: 'foo', n: 0 },
    { t: 2, d: 's>', op: 'MSG', subj: 'foo', sid: '1', reply: 'R', n: 0 },
    { t: 3, d: 'c>', op: 'PUB', subj: 'R', n: 0 },
    { t: 4, d: 'c>', op: 'PUB', subj: 'later', n: 0 },
  ]);
  const connection = await loggedIn(0);
  await connection.until((one) => one.received.includes('PUB foo 0\r\n'));
  connection.socket.write('MSG foo 1 $JS.API.STREAM.DELETE.ORDERS 0\r\n\r\n');
  await connection.until((one) => one.received.includes('PUB later 0\r\n\r\nPING\r\n'));
  connection.socket.write('PONG\r\n');
  const { code, text } = await running;
  assert.doesNotMatch(connection.received.toString(), /DELETE/);
  assert.equal(code, 1, text);
  assert.match(
    text,
    /^difference: not sent without --allow-admin, .*: 1 operation, such as \$JS\.API\.STREAM\.DELETE\.ORDERS, may change/m,
  );
  assert.match(text, /^replayed 3 of 4 operations/m);
});

test('replay: what a file names as reply, or in a header, is refused before anything is sent', async () => {
  const dialled = upstream.connections.length;
  const reply = await replay([
    { t: 1, d: 'c>', op: 'PUB', subj: 'foo', reply: '$JS.API.STREAM.DELETE.ORDERS', n: 0 },
  ]);
  assert.equal(reply.code, 2);
  assert.match(
    reply.text,
    /such as a reply to \$JS\.API\.STREAM\.DELETE\.ORDERS, may change .*--allow-admin$/,
  );
  const block = 'NATS/1.0\r\nNats-Rollup: all\r\nKV-Operation: PURGE\r\n\r\n';
  const b = Buffer.from(block).toString('base64');
  const purge = await replay([
    { t: 1, d: 'c>', op: 'HPUB', subj: '$KV.b.q', hb: block.length, n: block.length, b },
  ]);
  assert.equal(purge.code, 2);
  assert.match(purge.text, /such as \$KV\.b\.q with the header Nats-Rollup, may change .*--allow-admin$/);
  assert.equal(upstream.connections.length, dialled);
});

test('replay: a time far away is refused, and a long one told', async () => {
  const ping = (t: number) => ({ t, d: 'c>', op: 'PING' });
  const { code, text } = await replay([ping(0), ping(9_007_199_254_740_000)], { speed: '1' });
  assert.equal(code, 2);
  assert.match(text, /^natsgate replay: its times are more than 24 h apart; add --speed max, /);
  const running = replay([ping(0), ping(3_600_000_000)], { speed: '1' });
  const connection = await loggedIn(upstream.connections.length);
  await connection.until((one) => one.received.toString().endsWith('PING\r\nPING\r\n'));
  connection.socket.end();
  assert.match(
    (await running).text,
    /^this takes 3600 s or longer; --speed makes it shorter\nreplayed 1 of 2/,
  );
});

test('replay: logs in as a user with a password, which is no part of the URL', async () => {
  const passwordFile = join(folder.path, 'password');
  await writeFile(passwordFile, 'very secret\n');
  const running = replay([{ t: 0, d: 'c>', op: 'PING' }], { user: 'web', passwordFile });
  const connection = await upstream.connection(upstream.connections.length);
  await connection.until((one) => one.received.includes('PING\r\n'));
  const [, connect = ''] = /^CONNECT (.*)\r\n/.exec(connection.received.toString()) ?? [];
  const { user, pass } = JSON.parse(connect);
  assert.deepEqual([user, pass], ['web', 'very secret']);
  connection.socket.end("-ERR 'Authorization Violation'\r\n");
  assert.match((await running).text, /'Authorization Violation'$/);
  const half = await replay([], { user: 'web' });
  assert.match(half.text, /write one of --as FILE, .* or --user NAME and --password-file FILE$/);
  const url = await replay([], { to: 'nats://web:secret@127.0.0.1' });
  assert.match(url.text, /--to: the URL may hold no login; write --user NAME and --password-file FILE$/);
});

test('replay: a name counts as this machine by its address, not by what it is called', async (t) => {
  const lookup = t.mock.method(dns, 'lookup', () => Promise.resolve({ address: '10.9.8.7', family: 4 }));
  const { code, text } = await replay([], { to: 'nats://db.localhost' });
  assert.equal(code, 2);
  assert.match(text, /"db\.localhost" is not this machine, but 10\.9\.8\.7; to send to it, add --yes$/);
  assert.equal(lookup.mock.callCount(), 1);
});

test('replay: deliveries that are missing from JetStream come with a note about streams and buckets', async () => {
  const running = replay([
    { t: 0, d: 'c>', op: 'SUB', subj: '_INBOX.a', sid: '1' },
    { t: 1, d: 'c>', op: 'PUB', subj: '$JS.API.STREAM.INFO.KV_settings', reply: '_INBOX.a', n: 0 },
    { t: 2, d: 's>', op: 'MSG', subj: '_INBOX.a', sid: '1', n: 0 },
    { t: 3, d: 's>', op: 'MSG', subj: '$KV.settings.theme', sid: '1', n: 0 },
  ]);
  const connection = await loggedIn(upstream.connections.length);
  await connection.until((one) => one.received.includes('STREAM.INFO'));
  connection.socket.write(`MSG _INBOX.a 1 0\r\n\r\n`);
  await connection.until((one) => /STREAM\.INFO.*\r\n\r\nPING\r\n$/.test(one.received.toString()));
  connection.socket.write('PONG\r\n');
  const { code, text } = await running;
  assert.equal(code, 1, text);
  assert.match(text, /^note: the session asks JetStream: streams and buckets must be as they were when/m);
});
