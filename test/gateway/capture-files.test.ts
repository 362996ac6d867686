import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileOf, HEADER } from '../capture/support.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let upstream: FakeUpstream;
before(async () => {
  upstream = await FakeUpstream.start();
});
after(() => upstream[Symbol.asyncDispose]());

type Row = Readonly<Record<string, unknown>>;
const LIMITS = { maxBytes: 64 * 1024, maxMs: 600_000, concurrent: 1 };
const NAME = /^natsgate-\d{8}T\d{6}Z-1-[0-9a-f]{8}\.ndjson$/;

async function gatewayWith(directory: string, totalBytes = 1024 * 1024) {
  const captures = { ...LIMITS, totalBytes, directory };
  const gateway = await startTestGateway(upstream.port, { inspect: 'observe', captures });
  await gateway.log.find(({ message }) => /^captures/.test(message));
  return gateway;
}

const ask = (gateway: TestGateway, path = '', init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.adminPort}/api/captures${path}`, init);

async function rowsOf(gateway: TestGateway): Promise<readonly Row[]> {
  const { captures } = (await (await ask(gateway)).json()) as { captures: readonly Row[] };
  return captures;
}

/** Records a session that publishes on this subject; the gateway has stopped afterwards. */
async function record(gateway: TestGateway, subject: string): Promise<void> {
  await using _gateway = gateway;
  await ask(gateway, '', { method: 'POST', body: '{"address":"127.0.0.1"}' });
  const at = upstream.connections.length;
  await using client = await RawClient.open(gateway.port);
  const bytes = `PUB ${subject} 0\r\n\r\n`;
  client.send(frame(Opcode.binary, bytes));
  await (await upstream.connection(at)).until((one) => one.received.includes(bytes));
  client.send(closeFrame(1000));
  await gateway.log.ended();
}

test('a capture that has ended is a file of its owner alone, and is there after a restart', async () => {
  await using folder = await temporaryFolder();
  const directory = join(folder.path, 'new', 'captures');
  await record(await gatewayWith(directory), 'one');
  const [name = '', ...others] = await readdir(directory);
  assert.deepEqual(others, []);
  assert.match(name, NAME);
  const path = join(directory, name);
  assert.deepEqual([(await stat(directory)).mode & 0o777, (await stat(path)).mode & 0o777], [0o700, 0o600]);

  const gateway = await gatewayWith(directory);
  const [row] = await rowsOf(gateway);
  const { startedAt, bytes, ...rest } = row ?? {};
  assert.equal(bytes, (await stat(path)).size);
  assert.deepEqual(rest, {
    id: 1,
    state: 'ended',
    match: { session: 1 },
    payloads: false,
    session: 1,
    operations: 2,
    lost: 0,
    reason: 'client_closed',
  });
  const download = await ask(gateway, '/1/file');
  assert.match(download.headers.get('content-disposition') ?? '', new RegExp(`"${name}"`));
  assert.equal(await download.text(), await readFile(path, 'utf8'));
  assert.equal((await ask(gateway, '/1/file?as=pcapng')).status, 200);
  assert.equal((await ask(gateway, '/1', { method: 'DELETE' })).status, 200);
  await gateway[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(directory), []);
});

test('totalBytes holds for the directory: the oldest go; one that was cut counts, and what is not a capture stays', async () => {
  await using folder = await temporaryFolder();
  const end = { t: 9, end: { reason: 'stopped', operations: 0, lost: 0 } };
  const large = { t: 1, d: 'g', note: 'x'.repeat(50_000) };
  const named = (n: number): string => `natsgate-2026010${n}T000000Z-${n}-0123456789abcdef`.slice(0, 36);
  for (const n of [1, 2, 3])
    await writeFile(
      join(folder.path, `${named(n)}.ndjson`),
      fileOf({ ...HEADER, session: String(n) }, large, end),
    );
  const cut = `${named(4)}.ndjson`;
  await writeFile(join(folder.path, cut), fileOf({ ...HEADER, session: '4' }, large));
  await writeFile(join(folder.path, 'other.ndjson'), fileOf(HEADER, end));
  await mkdir(join(folder.path, `${named(5)}.ndjson`));
  await symlink('other.ndjson', join(folder.path, `${named(6)}.ndjson`));
  const gateway = await gatewayWith(folder.path, 128 * 1024);
  const sessions = (await rowsOf(gateway)).map(({ session }) => session);
  assert.deepEqual(sessions, [3, 4]);
  await record(gateway, 'two');
  const left = (await readdir(folder.path)).toSorted();
  assert.deepEqual(
    left.slice(0, 3),
    [4, 5, 6].map((n) => `${named(n)}.ndjson`),
  );
  assert.match(left[3] ?? '', NAME);
  assert.deepEqual(left.slice(4), ['other.ndjson']);
});

test('a file that was cut is listed as that, counts, and can be downloaded as it is, and deleted', async () => {
  await using folder = await temporaryFolder();
  const name = (n: number): string => `natsgate-20260101T000000Z-${n}-01234567.ndjson`;
  const pub = { t: 1, d: 'c>', op: 'PUB', subj: 'a', n: 0 };
  const files = [fileOf(HEADER), fileOf(HEADER, pub), fileOf(HEADER, pub).subarray(0, -9)];
  for (const [index, file] of files.entries()) await writeFile(join(folder.path, name(index + 1)), file);
  await chmod(folder.path, 0o707);
  await using gateway = await gatewayWith(folder.path);
  await gateway.log.find(({ message }) => message === 'captures.directory: others may write into it');
  await gateway.log.find(({ message }) => message === 'captures of earlier runs found');
  assert.deepEqual(
    (await rowsOf(gateway)).map(({ bytes, operations, reason }) => [bytes, operations, reason]),
    files.map((file) => [file.length, 0, 'cut']),
  );
  assert.equal(await (await ask(gateway, '/3/file')).text(), String(files[2]));
  assert.equal((await ask(gateway, '/2/file?as=pcapng')).status, 200);
  assert.equal((await ask(gateway, '/3/file?as=pcapng')).status, 409);
  await ask(gateway, '/3', { method: 'DELETE' });
  await gateway[Symbol.asyncDispose]();
  assert.deepEqual((await readdir(folder.path)).toSorted(), [name(1), name(2)]);
});

test('what the end of a process has cut is deleted, and not what another one is writing', async () => {
  await using folder = await temporaryFolder();
  const part = (n: number): string => `natsgate-20260101T000000Z-${n}-01234567.ndjson.part`;
  for (const name of [part(1), part(2), 'other.part']) await writeFile(join(folder.path, name), 'x');
  for (const name of [part(1), 'other.part']) await utimes(join(folder.path, name), 0, 0);
  await using gateway = await gatewayWith(folder.path);
  assert.deepEqual(await rowsOf(gateway), []);
  assert.deepEqual((await readdir(folder.path)).toSorted(), [part(2), 'other.part']);
});

test('what a file says of its end is not what it is: its header has its payloads, its name its age', async () => {
  await using folder = await temporaryFolder();
  const claims = { payloads: false, match: null, startedAt: '<x>', id: 9, state: 'recording' };
  const end = { t: 9, end: { reason: 'stopped', operations: 4, lost: 0, ...claims } };
  for (const session of ['12', '2'])
    await writeFile(
      join(folder.path, `natsgate-20260101T000000Z-${session}-01234567.ndjson`),
      fileOf({ ...HEADER, session, payloads: 'full' }, end),
    );
  await using gateway = await gatewayWith(folder.path);
  const rows = await rowsOf(gateway);
  assert.deepEqual(
    rows.map(({ session, match, payloads, startedAt }) => [session, match, payloads, startedAt]),
    [2, 12].map((session) => [session, { session }, true, HEADER.started]),
  );
  assert.equal((await ask(gateway, '/1/file')).status, 403);
});

test('what could not be written is written with the next one, and what is lost in the end is said', async () => {
  await using folder = await temporaryFolder();
  const directory = join(folder.path, 'captures');
  await writeFile(directory, '');
  const gateway = await gatewayWith(directory);
  await using client = await RawClient.open(gateway.port);
  const captured = async (id: number): Promise<void> => {
    await ask(gateway, '', { method: 'POST', body: '{"session":1}' });
    await ask(gateway, `/${id}/stop`, { method: 'POST' });
  };
  await captured(1);
  await gateway.log.find(({ message }) => /cannot be written/.test(message));
  await rm(directory);
  await captured(2);
  while ((await readdir(directory).catch(() => [])).filter((name) => NAME.test(name)).length < 2)
    await new Promise((resolve) => setImmediate(resolve));
  await rm(directory, { recursive: true });
  await writeFile(directory, '');
  await captured(3);
  client.send(closeFrame(1000));
  await gateway.log.ended();
  await gateway[Symbol.asyncDispose]();
  const lost = gateway.log.lines.find(({ message }) => /that could not be written are lost/.test(message));
  assert.deepEqual([lost?.['level'], lost?.['captures']], ['warn', 1]);
});

test('what cannot be written stays in memory, with a warning and a count: a link, or no directory', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'file'), '');
  await symlink(folder.path, join(folder.path, 'link'));
  for (const [name, cause] of [
    ['link', 'not a directory'],
    ['file', 'EEXIST'],
    [join('file', 'below'), 'ENOTDIR'],
  ] as const) {
    await using gateway = await gatewayWith(join(folder.path, name));
    await using client = await RawClient.open(gateway.port);
    await ask(gateway, '', { method: 'POST', body: '{"session":1}' });
    await ask(gateway, '/1/stop', { method: 'POST' });
    const failed = 'captures.directory: a capture cannot be written, and stays in memory';
    const warning = await gateway.log.find(({ message }) => message === failed);
    assert.deepEqual([warning?.['level'], warning?.['cause']], ['warn', cause]);
    assert.equal((await ask(gateway, '/1/file')).status, 200);
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    assert.match(metrics, /^natsgate_capture_file_failures_total 2$/m);
    client.send(closeFrame(1000));
    await gateway.log.ended();
  }
});
