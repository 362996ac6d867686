import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Metrics } from '../../src/admin/metrics.ts';
import { HISTOGRAMS } from '../../src/admin/table/histograms.ts';
import { CLOSE_REASONS } from '../../src/close-reason.ts';
import { HANDSHAKE_OUTCOMES } from '../../src/handshake-outcome.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { findPromtool } from '../support/promtool.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';

const DOCUMENT = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

describe('metrics', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  before(async () => {
    upstream = await FakeUpstream.start({ echo: true });
    gateway = await startTestGateway(
      upstream.port,
      // Without a policy there are no roles.
      { policy: { mode: 'observe', roles: [], onDeny: 'error', denialsBeforeClose: undefined } },
      { version: '1.2.3', nodeVersion: '26', revision: 'abc' },
    );
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });
  const scrape = async (): Promise<string> => (await gateway.gateway.metrics(false)).body;

  test('every family of a scrape is documented with its type and labels, and the other way round', async () => {
    await using client = await RawClient.open(gateway.port);
    const text = await scrape();
    assert.equal(client.closed, false);
    const exported = [...text.matchAll(/^# TYPE (natsgate_\w+) (\w+)$/gm)].map(([, name, type]) => {
      const labels = new Set<string>();
      for (const [, list] of text.matchAll(
        new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{([^}]*)\\} `, 'gm'),
      )) {
        for (const [, label] of (list ?? '').matchAll(/(\w+)="/g))
          if (label !== undefined && label !== 'le') labels.add(label);
      }
      return `${name} ${type} ${[...labels].sort().join(',')}`;
    });
    const certificates = 'natsgate_tls_certificate_not_after_timestamp_seconds gauge ';
    assert.ok(exported.includes(certificates));
    const withSamples = exported.filter((line) => line !== certificates);
    const documented = DOCUMENT.split('\n')
      .filter(
        (line) =>
          /^\| `natsgate_/.test(line) && !/only where the listener speaks TLS|No sample without/.test(line),
      )
      .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
      .map(
        ([, name, type, labels]) =>
          `${name} ${type} ${(labels ?? '').split(', ').filter(Boolean).sort().join(',')}`,
      );
    assert.deepEqual(withSamples.sort(), documented.sort());
  });

  test('promtool finds nothing to object to', async () => {
    const promtool = await findPromtool();
    const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdin.end(await scrape());
    const [code] = (await once(child, 'exit')) as [number];
    assert.deepEqual({ code, said }, { code: 0, said: '' });
  });

  test('every outcome and reason has its series before it first happens', async () => {
    const text = await scrape();
    for (const outcome of Object.keys(HANDSHAKE_OUTCOMES))
      assert.ok(text.includes(`outcome="${outcome}"`), outcome);
    for (const reason of Object.keys(CLOSE_REASONS)) assert.ok(text.includes(`reason="${reason}"`), reason);
  });

  test('a session shows in the numbers: bytes, frames, wire bytes, closes', async () => {
    const before = numbers(await scrape());
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection(upstream.connections.length - 1);
    client.send(Buffer.concat([frame(Opcode.binary, Buffer.alloc(1000)), frame(Opcode.ping)]));
    await connection.until((one) => one.byteCount === 1000);
    await client.until(() => client.frames.some((one) => one.opcode === Opcode.pong));
    const during = numbers(await scrape());
    const grown = (name: string): number =>
      (during.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
    assert.equal(during.get('natsgate_connections_active{listener="default"}'), 1);
    assert.equal(grown('natsgate_transfer_bytes_total{listener="default",direction="to_upstream"}'), 1000);
    assert.equal(
      grown('natsgate_wire_bytes_total{listener="default",direction="to_upstream"}'),
      1000 + 8 + 6,
    );
    assert.equal(
      grown('natsgate_frames_total{listener="default",direction="to_upstream",opcode="binary"}'),
      1,
    );
    assert.equal(grown('natsgate_frames_total{listener="default",direction="to_upstream",opcode="ping"}'), 1);
    client.send(closeFrame(4001));
    await client.closeReceived();
    await client.until(() => client.closed);
    await gateway.log.find((line) => line['code'] === 4001);
    const afterwards = numbers(await scrape());
    assert.equal(afterwards.get('natsgate_connections_active{listener="default"}'), 0);
    assert.equal(afterwards.get('natsgate_close_frames_total{direction="received",code="4xxx"}'), 1);
  });

  test('a counter says what has happened, however many scrapes there were', async () => {
    const [first, second] = [await scrape(), await scrape()];
    const counters = [...first.matchAll(/^# TYPE (natsgate_\w+) counter$/gm)].map(([, name]) => name ?? '');
    const counts = (text: string): string[] =>
      text.split('\n').filter((line) => counters.some((name) => line.startsWith(`${name}{`)));
    assert.ok(counts(first).some((line) => !line.endsWith(' 0')));
    assert.deepEqual(counts(second), counts(first));
  });

  test('what only says which one it is has the value 1', async () => {
    const text = await scrape();
    assert.match(text, /^natsgate_build_info\{version="1\.2\.3",revision="abc",node_version="26"\} 1$/m);
    assert.match(text, /^natsgate_config_info\{hash="\w+"\} 1$/m);
  });

  test('the series of an upstream come and go with it, and a dial that ends later brings none back', async () => {
    const metrics = new Metrics(false, () => gateway.gateway.status.snapshot());
    const dials = async (): Promise<string[]> => {
      const { body } = await metrics.expose(false);
      return [
        ...body.matchAll(/^natsgate_upstream_(?:connect|first)\w+_count\{upstream="(\w+)"\} (\d+)$/gm),
      ].map(([, name, count]) => `${name} ${count}`);
    };
    const dialled = (): void => {
      metrics.upstreamConnected('other', 0.1);
      metrics.upstreamSpoke('other', 0.1);
    };
    dialled();
    assert.deepEqual(await dials(), []);
    metrics.addUpstream('other');
    assert.deepEqual(await dials(), ['other 0', 'other 0']);
    dialled();
    metrics.addUpstream('other');
    metrics.keepUpstreams(new Set(['other']));
    assert.deepEqual(await dials(), ['other 1', 'other 1']);
    metrics.keepUpstreams(new Set());
    dialled();
    assert.deepEqual(await dials(), []);
    metrics.addUpstream('other');
    assert.deepEqual(await dials(), ['other 0', 'other 0'], 'it begins anew');
    metrics.close();
  });

  test('OpenMetrics on request, ended by # EOF, and concurrent scrapes keep their formats apart', async () => {
    const [classic, open, again] = await Promise.all(
      [false, true, false].map((format) => gateway.gateway.metrics(format)),
    );
    assert.match(open?.contentType ?? '', /^application\/openmetrics-text/);
    assert.match(open?.body ?? '', /\n# EOF\n$/);
    for (const one of [classic, again]) {
      assert.match(one?.contentType ?? '', /^text\/plain/);
      assert.doesNotMatch(one?.body ?? '', /# EOF/);
    }
  });

  test('a classic scrape after one of OpenMetrics has the names of before', async () => {
    const names = async (): Promise<string[]> =>
      [...(await scrape()).matchAll(/^# TYPE (\w+) counter$/gm)].map(([, name]) => name ?? '');
    const before = await names();
    await gateway.gateway.metrics(true);
    assert.deepEqual(await names(), before);
    assert.ok(before.every((name) => name.endsWith('_total')));
  });

  test('the limit of the buffers is absent where there is none', async () => {
    assert.doesNotMatch(await scrape(), /^natsgate_buffer_limit_bytes /m);
    await using limited = await startTestGateway(upstream.port, { limits: { memory: 512 * 1024 * 1024 } });
    const { body } = await limited.gateway.metrics(false);
    assert.equal(numbers(body).get('natsgate_buffer_limit_bytes'), 128 * 1024 * 1024);
  });
});

test('the buckets of a histogram ascend: else each observation counts in wrong ones', () => {
  for (const [name, { buckets }] of Object.entries(HISTOGRAMS))
    assert.deepEqual(
      buckets,
      [...new Set<number>(buckets)].toSorted((one, other) => one - other),
      name,
    );
});

function numbers(text: string): Map<string, number> {
  return new Map(
    [...text.matchAll(/^(\w+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name ?? '', Number(value)]),
  );
}
