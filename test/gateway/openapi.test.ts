import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { OPERATIONS } from '../../src/admin/openapi/operations.ts';
import type { Schema } from '../../src/admin/openapi/schema.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { differences } from '../support/json-schema.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

type Answer = { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> };
type Document = {
  readonly openapi: string;
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { summary?: string; responses?: Readonly<Record<string, Answer>> }>>
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

const resources = new AsyncDisposableStack();
let upstream: FakeUpstream;
let gateway: TestGateway;
let document: Document;
before(async () => {
  upstream = resources.use(await FakeUpstream.start());
  gateway = resources.use(
    await startTestGateway(
      upstream.port,
      { inspect: 'observe' },
      {
        version: '1.2.3',
        readProcess: () => ({
          pid: 1,
          memory: { rssBytes: 1, heapUsedBytes: 1, heapLimitBytes: 1 },
          cpuSeconds: { user: 0.5, system: 1 },
        }),
      },
    ),
  );
  document = (await (await fetch(url('/api/openapi.json'))).json()) as Document;
});
after(() => resources.disposeAsync());

const url = (path: string): string => `http://127.0.0.1:${gateway.adminPort}${path}`;

// biome-ignore lint/suspicious/noExplicitAny: what is asserted is the JSON itself.
type Json = Record<string, any>;

/** The answer, which must be one of those that the document has for this operation. */
async function documented(
  method: string,
  path: string,
  at = path,
  { base = url(''), body: sent = null }: { readonly base?: string; readonly body?: string | null } = {},
): Promise<Json> {
  const answer = await fetch(`${base}${at}`, { method, body: sent });
  const { responses = {} } = document.paths[path]?.[method.toLowerCase()] ?? {};
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const schema = (responses[answer.status] ?? responses['default'])?.content?.[type]?.schema;
  if (schema === undefined) assert.fail(`${method} ${at}: ${answer.status} ${type} is not in the document`);
  if (!type.endsWith('json') || type.endsWith('x-ndjson')) return { text: await answer.text() };
  const body = (await answer.json()) as Json;
  assert.deepEqual(differences(body, schema, document.components.schemas), [], `${method} ${at}`);
  return body;
}

test('every route below /api is in the document, and nothing else', () => {
  assert.equal(document.openapi, '3.1.0');
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const bare = routes.filter(({ operation }) => operation.summary === undefined).map(({ name }) => name);
  assert.deepEqual(bare, [], 'routes that OPERATIONS does not have');
  assert.deepEqual(routes.map(({ name }) => name).sort(), Object.keys(OPERATIONS).sort());
});

test('every code of a problem that a route gives is in the document', () => {
  const cwd = resolve(import.meta.dirname, '../../src/admin/api');
  const given = globSync('*.ts', { cwd }).flatMap((file) => [
    ...readFileSync(resolve(cwd, file), 'utf8').matchAll(/refuse\(\s*exchange,\s*(\d+),\s*'(\w+)'/g),
  ]);
  assert.ok(given.length > 15, `${given.length} refusals`);
  const known = Object.values(OPERATIONS).flatMap(({ problems = {} }) =>
    Object.entries(problems).flatMap(([status, codes]) => codes.map((code: string) => `${status} ${code}`)),
  );
  // Of the guard, for every operation.
  const ofAll = ['401 unauthenticated', '403 token_required', '403 origin_required'];
  assert.deepEqual(
    given.map(([, status, code]) => `${status} ${code}`).filter((one) => ![...known, ...ofAll].includes(one)),
    [],
  );
});

test('every reference leads somewhere', () => {
  const named = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((name) => !Object.hasOwn(document.components.schemas, name ?? '')),
    [],
  );
});

test('answers are as their schemas say', async () => {
  await using client = await RawClient.open(gateway.port);
  // A session that cannot be read any more is not recorded.
  await captured();
  await documented('GET', '/api/subjects');
  const said =
    'CONNECT {"verbose":false,"user":"a","name":"n"}\r\nSUB a.b q 1\r\nPUB a.17 2\r\nhi\r\nNONSENSE\r\n';
  client.send(frame(Opcode.binary, said));
  const connection = await upstream.connection();
  connection.socket.write('-ERR \'Permissions Violation for Publish to "a"\'\r\n');
  await client.until(() => client.data.includes('-ERR'));
  await connection.until((one) => one.received.includes('NONSENSE'));
  await using stranger = await RawClient.connect(gateway.port);
  stranger.send(handshakeRequest({ headers: { Origin: 'https://evil.example' } }));
  assert.equal((await stranger.answer()).status, 403);

  await documented('GET', '/api/status');
  const [row] = (await documented('GET', '/api/subjects'))['subjects'];
  assert.deepEqual([row.subject, row.sessionIds], ['a.*', [1]]);
  const open = await documented('GET', '/api/sessions/{id}', '/api/sessions/1');
  assert.ok(
    open['inspection'].connect && open['inspection'].lastError && open['inspection'].stopped.toUpstream,
  );
  assert.equal((await documented('GET', '/api/sessions', '/api/sessions?sort=bytes'))['sessions'].length, 1);
  const level = JSON.stringify({ level: 'silent' });
  assert.equal((await documented('PUT', '/api/log', '/api/log', { body: level }))['level'], 'silent');
  await documented('PUT', '/api/log', '/api/log', { body: JSON.stringify({ level: 'info' }) });
  const refused = await documented('POST', '/api/captures', '/api/captures', { body: '{"session":1}' });
  assert.equal(refused['code'], 'not_readable');
  await documented('POST', '/api/sessions/{id}/kick', '/api/sessions/1/kick');
  client.send(closeFrame(1008));
  await gateway.log.ended();
  assert.equal((await documented('GET', '/api/sessions/{id}', '/api/sessions/1'))['state'], 'ended');
  assert.equal((await documented('GET', '/api/sessions', '/api/sessions?state=ended'))['sessions'].length, 1);
  assert.equal((await documented('GET', '/api/handshakes'))['handshakes'].length, 2);
  for (const body of ['{}', '{"origin":"https://evil.example"}'])
    await documented('POST', '/api/handshakes/try', '/api/handshakes/try', { body });
  await documented('GET', '/api/log');
  await documented('GET', '/api/openapi.json');
  for (const [method, path, at, code] of [
    ['GET', '/api/sessions', '/api/sessions?usr=x', 'query'],
    ['GET', '/api/sessions/{id}', '/api/sessions/99', 'no_session'],
    ['POST', '/api/sessions/kick', '/api/sessions/kick', 'body'],
    ['POST', '/api/handshakes/try', '/api/handshakes/try', 'body'],
    ['POST', '/api/reload', '/api/reload', 'no_source'],
    ['DELETE', '/api/captures/{id}', '/api/captures/1', 'no_capture'],
    ['POST', '/api/login', '/api/login', 'no_token'],
  ] as const)
    assert.equal((await documented(method, path, at))['code'], code);
});

async function captured(): Promise<void> {
  const { id } = await documented('POST', '/api/captures', '/api/captures', { body: '{"session":1}' });
  await documented('POST', '/api/captures', '/api/captures', { body: '{"origin":"https://jane.example"}' });
  assert.equal((await documented('GET', '/api/captures'))['captures'].length, 2);
  await documented('POST', '/api/captures/{id}/stop', `/api/captures/${id}/stop`);
  assert.match(
    (await documented('GET', '/api/captures/{id}/file', `/api/captures/${id}/file`))['text'],
    /^\{"v":1/,
  );
  const pcapng = await documented('GET', '/api/captures/{id}/file', `/api/captures/${id}/file?as=pcapng`);
  assert.ok(pcapng['text'].length > 100);
  await documented('DELETE', '/api/captures/{id}', `/api/captures/${id}`);
}

test('so are those of a gateway that has a file', async () => {
  await using own = await ReloadableGateway.start(upstream.port, {
    policy: {
      roles: [
        {
          name: 'default',
          publish: { allow: 'a.>', deny: 'a.b' },
          use: [{ consumer: 'S/C' }],
          payload: '1KiB',
        },
      ],
    },
    rates: { session: { messages: '10/s' } },
  });
  const base = `http://127.0.0.1:${own.gateway.adminAddress.port}`;
  await documented('GET', '/api/config', '/api/config', { base });
  await documented('GET', '/api/policy', '/api/policy', { base });
  const test = '/api/policy/test';
  for (const body of [
    '{"operation":"PUB a.b"}',
    '{"operation":"PUB b"}',
    '{"operation":"PUB b","role":"x"}',
    '{}',
    '{"operation":"PUB b","route":"x"}',
  ])
    await documented('POST', test, test, { base, body });
  await documented('POST', '/api/reload', '/api/reload', { base });
  assert.ok((await documented('GET', '/api/status', '/api/status', { base }))['configuration'].lastReload);
});
