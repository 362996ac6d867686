import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LogLines } from '../../src/admin/api/log.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import type { LogLine } from '../support/gateway.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

let upstream: FakeUpstream;
before(async () => {
  upstream = await FakeUpstream.start();
});
after(() => upstream[Symbol.asyncDispose]());

const put = (port: number, body: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/api/log`, { method: 'PUT', body });
const shown = async (answer: Response | Promise<Response>): Promise<unknown> => (await answer).json();
const said = ({ log }: ReloadableGateway): readonly LogLine[] =>
  log.lines.filter(({ message }) => message === 'log level set by the API');

test('another level counts at once and until a reload that applies something; each change is one line', async () => {
  await using gateway = await ReloadableGateway.start(upstream.port, { log: { level: 'error' } });
  const port = gateway.adminPort;
  assert.deepEqual(await shown(put(port, '{"level": "debug"}')), { level: 'debug', configured: 'error' });
  assert.deepEqual(await shown(fetch(`http://127.0.0.1:${port}/api/log`)), {
    level: 'debug',
    configured: 'error',
  });
  const [line] = said(gateway);
  assert.deepEqual(
    [line?.['level'], line?.['client'], line?.['from'], line?.['to']],
    ['info', '127.0.0.1', 'error', 'debug'],
  );
  // A level that shows less: the line is written before it counts.
  for (const level of ['warn', 'silent', 'silent', 'error'])
    assert.equal((await put(port, `{"level":"${level}"}`)).status, 200);
  assert.deepEqual(
    said(gateway).map((one) => `${one['level']} ${one['from']} ${one['to']}`),
    ['info error debug', 'info debug warn', 'warn warn silent', 'error silent error'],
  );
  await put(port, '{"level": "debug"}');
  await gateway.write({ log: { level: 'warn' } });
  await gateway.gateway.reload('signal');
  assert.deepEqual(await shown(fetch(`http://127.0.0.1:${port}/api/log`)), {
    level: 'warn',
    configured: 'warn',
  });
});

test('the last lines are there, numbered, and those after one', async () => {
  await using gateway = await ReloadableGateway.start(upstream.port);
  const lines = async (query = '') =>
    (await shown(fetch(`http://127.0.0.1:${gateway.adminPort}/api/log/lines${query}`))) as LogLines;
  const { last, lines: all } = await lines();
  assert.equal(last, gateway.log.lines.length);
  assert.deepEqual(
    all.map(({ number, line }) => [number, line]),
    gateway.log.lines.map((line, index) => [index + 1, line]),
  );
  await put(gateway.adminPort, '{"level": "warn"}');
  const after = await lines(`?after=${last}`);
  assert.deepEqual(
    after.lines.map(({ number, line }) => [number, line['message']]),
    [[last + 1, 'log level set by the API']],
  );
  // Known from another process.
  assert.equal((await lines('?after=1000')).lines.length, last + 1);
  const refused = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/log/lines?after=-1`);
  assert.equal(refused.status, 400);
});

test('anything else changes nothing', async () => {
  await using gateway = await ReloadableGateway.start(upstream.port);
  for (const body of [
    '',
    'debug',
    '{}',
    '{"level":"fatal"}',
    '{"level":"debug","for":"1m"}',
    '{"level":"debug","level":"warn"}',
  ]) {
    const answer = await put(gateway.adminPort, body);
    assert.equal(answer.status, 400, body);
    assert.equal(((await answer.json()) as { code: string }).code, 'body');
  }
  assert.equal(gateway.gateway.log.level, 'info');
  assert.deepEqual(said(gateway), []);
});
