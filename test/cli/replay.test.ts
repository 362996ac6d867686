import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { END, fileOf, HEADER } from '../capture/support.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { natsgate } from '../support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const SUB = { t: 0, d: 'c>', op: 'SUB', subj: '_INBOX.ab.*', sid: '1' };
const REQUEST = { t: 10, d: 'c>', op: 'PUB', subj: 'a', reply: '_INBOX.ab.1', n: 2 };
const END_LATER = { ...END, t: 3_600_000_000 };

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

async function replay(records: readonly object[] | string, ...args: readonly string[]) {
  const file = join(folder.path, 'one.ndjson');
  await writeFile(file, typeof records === 'string' ? records : fileOf(HEADER, ...records, END_LATER));
  return natsgate(['replay', file, ...args]);
}

test('replay: what cannot be is one line and exit code 2', async () => {
  const here = ['--to', `nats://127.0.0.1:${upstream.port}`];
  const cases: readonly (readonly [readonly object[] | string, readonly string[], RegExp])[] = [
    [[], [], /^natsgate: replay wants --to, such as/],
    [[], ['--to', 'nats://10.0.0.1'], /"10\.0\.0\.1" is not this machine; to send to it, add --yes\n$/],
    [[], ['--to', 'nats://[::ffff:127.0.0.1]'], /is not this machine/],
    [[], ['--to', 'tcp://127.0.0.1:1'], /--to: write nats:\/\/host:4222 or tls:\/\/host:4222\n$/],
    [[], ['--to', 'nats://u:secret@127.0.0.1'], /^natsgate replay: --to: (?!.*secret).*\n$/],
    [[], [...here, '--speed', '0'], /--speed: write max, or a number up to 1000\n$/],
    [[], [...here, '--as', 'none'], /--as: "none": /],
    ['{"v":1}\n', here, /one\.ndjson": line 1: this is not a natsgate capture\n$/],
    [[{ ...SUB, subj: '$SYS.>' }], here, /^natsgate replay: 1 operation, such as \$SYS\.>, may change/],
    [
      [{ ...REQUEST, subj: '$JS.hub.API.STREAM.PURGE.s', n: 0 }],
      here,
      /such as \$JS\.hub\.API\.STREAM\.PURGE\.s, may change .* --allow-admin\n$/,
    ],
    [[{ ...REQUEST, subj: '$JS.API.STREAM.CREATE.s' }], here, /; record with payloads \(admin\.payloads/],
    [[], ['--to', 'nats://127.0.0.1:1'], /ECONNREFUSED/],
  ];
  for (const [records, args, message] of cases) {
    const { code, out, err } = await replay(records, ...args);
    assert.deepEqual([code, out], [2, ''], err);
    assert.match(err, message);
  }
  assert.equal(upstream.connections.length, 0);
});

test('replay: an own CONNECT, fresh inboxes, filler, and the answer before what followed it', async () => {
  const connect = { t: 0, d: 'c>', op: 'CONNECT', text: '{"user":"***","pass":"***","echo":false}' };
  const dropped = { t: 1, d: 'c>', op: 'PUB', subj: 'x', n: 0, v: 'dropped' };
  const reply = { t: 20, d: 's>', op: 'MSG', subj: '_INBOX.ab.1', sid: '1', n: 1 };
  const other = { t: 20, d: 's>', op: 'MSG', subj: 'older', sid: '9', n: 1 };
  const next = { t: 30, d: 'c>', op: 'PUB', subj: 'next', n: 0 };
  const running = replay(
    fileOf(
      { ...HEADER, subjects: 'hashed' },
      connect,
      SUB,
      dropped,
      REQUEST,
      reply,
      other,
      next,
      END_LATER,
    ).toString(),
    '--to',
    `nats://127.0.0.1:${upstream.port}`,
  );
  const connection = await upstream.connection();
  await connection.until((one) => one.received.includes('PING\r\n'));
  const [, own = ''] = /^CONNECT (.*)\r\nPING\r\n$/.exec(connection.received.toString()) ?? [];
  assert.deepEqual(JSON.parse(own), {
    verbose: false,
    pedantic: false,
    echo: false,
    name: 'natsgate replay',
    lang: 'natsgate',
  });
  connection.socket.write('PONG\r\n');
  await connection.until((one) => one.received.toString().endsWith('2\r\n..\r\n'));
  const [, inbox = ''] = /PUB a (\S+) 2\r\n\.\.\r\n$/.exec(connection.received.toString()) ?? [];
  assert.match(inbox, /^_INBOX\.ab[0-9a-f]{12}\.1$/);
  assert.ok(connection.received.includes(`SUB ${inbox.replace(/1$/, '*')} 1\r\n`));
  connection.socket.write(`MSG ${inbox} 1 1\r\nx\r\n`);
  await connection.until((one) => one.received.includes('PUB next 0\r\n\r\nPING\r\n'));
  assert.ok(!connection.received.includes('PUB x'));
  connection.socket.write('PONG\r\n');
  const { code, out, err } = await running;
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^replayed 3 of 3 operations of session 7 /);
  assert.match(out, /^note: not compared: 1 deliveries of subscriptions older than the capture$/m);
  assert.match(out, /^note: its subjects are hashed/m);
});

test('replay: a server that refuses the login, or ends early', async () => {
  const to = ['--to', `nats://127.0.0.1:${upstream.port}`];
  const refused = replay([SUB], ...to);
  const first = await upstream.connection(1);
  await first.until((one) => one.received.includes('PING\r\n'));
  first.socket.end("-ERR 'Authorization Violation'\r\n");
  const { code, err } = await refused;
  assert.equal(code, 2);
  assert.equal(
    err,
    "natsgate replay: nats-server refused the login: 'Authorization Violation'; add --as FILE, --nkey-file FILE, --token-file FILE, or --user NAME and --password-file FILE\n",
  );
  const late = { ...REQUEST, t: 3_600_000_000 };
  const ended = replay([SUB, late], ...to);
  const second = await upstream.connection(2);
  await second.until((one) => one.received.includes('PING\r\n'));
  second.socket.write('PONG\r\n');
  await second.until((one) => one.received.includes('SUB '));
  second.socket.end();
  const closed = await ended;
  assert.equal(closed.code, 1);
  assert.match(closed.out, /difference: the server closed the connection, with 1 operation still to send\n/);
});
