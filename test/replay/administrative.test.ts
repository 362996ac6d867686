import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperationEvent } from '../../src/capture/format.ts';
import { administrativeIn } from '../../src/replay/administrative.ts';

const pub = (subj: string, more: Partial<OperationEvent> = {}): OperationEvent => ({
  t: 0,
  d: 'c>',
  op: 'PUB',
  subj,
  n: 0,
  ...more,
});

/** With what nats-server needs of a header block. */
function hpub(subj: string, headers: string, body = ''): OperationEvent {
  const block = `NATS/1.0\r\n${headers}\r\n\r\n`;
  const b = Buffer.from(block + body).toString('base64');
  return pub(subj, { op: 'HPUB', hb: block.length, n: block.length + body.length, b });
}

const request = (subj: string, body: string): OperationEvent =>
  pub(subj, { n: body.length, b: Buffer.from(body).toString('base64') });

const CREATE = '$JS.API.CONSUMER.CREATE.S';

test('administrative: what reads is not, with or without a domain', () => {
  for (const subject of [
    'a.b',
    '$KV.bucket.key',
    '$SYSTEM.x',
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    '$JS.hub.API.STREAM.INFO.S',
    '$JS.API.STREAM.MSG.GET.S',
    '$JS.API.DIRECT.GET.KV_b.$KV.b.key',
    '$JS.API.CONSUMER.LIST.S',
    '$JS.API.CONSUMER.INFO.S.c',
    '$JS.hub.API.CONSUMER.MSG.NEXT.S.c',
    '$JS.ACK.S.c.1.1.1.1.0',
    '$JS.FC.S.c.x',
  ])
    assert.equal(administrativeIn(pub(subject)), undefined, subject);
  for (const op of ['SUB', 'UNSUB', 'PING'])
    assert.equal(
      administrativeIn({ t: 0, d: 'c>', op, sid: '1', ...(op === 'SUB' ? { subj: '>' } : {}) }),
      undefined,
    );
});

test('administrative: whatever else nats-server itself answers is, also what is not known', () => {
  for (const subject of [
    '$SYS.REQ.SERVER.PING',
    '$JS',
    '$JS.API.STREAM.CREATE.S',
    '$JS.API.STREAM.INFO.S.more',
    '$JS.API.STREAM.DELETE.S',
    '$JS.hub.API.STREAM.PURGE.S',
    '$JS.API.STREAM.MSG.DELETE.S',
    '$JS.API.CONSUMER.PAUSE.S.c',
    '$JS.API.CONSUMER.UNPIN.S.c',
    '$JS.API.CONSUMER.RESET.S.c',
    '$JS.API.CONSUMER.DURABLE.CREATE.S.c',
    '$JS.API.ACCOUNT.STREAM.MOVE.A.S',
    '$JS.API.META.LEADER.STEPDOWN',
    '$JS.API.OF.LATER.VERSIONS',
  ])
    assert.equal(administrativeIn(pub(subject)), subject);
  assert.equal(administrativeIn({ t: 0, d: 'c>', op: 'SUB', sid: '1', subj: '$SYS.>' }), '$SYS.>');
});

test('administrative: a reply subject is judged as a subject is', () => {
  const delivered = (reply: string) => administrativeIn(pub('foo', { reply }));
  assert.equal(delivered('$JS.API.STREAM.DELETE.S'), 'a reply to $JS.API.STREAM.DELETE.S');
  assert.equal(delivered(`${CREATE}.c`), `a reply to ${CREATE}.c`);
  assert.equal(delivered('$JS.API.INFO'), undefined);
  assert.equal(delivered('_INBOX.x'), undefined);
});

test('administrative: headers that purge, in any spelling, but not in a payload', () => {
  const bucket = '$KV.b.q';
  assert.equal(administrativeIn(hpub(bucket, 'Nats-Rollup: all')), `${bucket} with the header Nats-Rollup`);
  assert.equal(
    administrativeIn(hpub(bucket, 'A: b\r\nkv-operation: DEL')),
    `${bucket} with the header kv-operation`,
  );
  assert.equal(
    administrativeIn(hpub('s', 'Nats-Schedule-Target: x')),
    's with the header Nats-Schedule-Target',
  );
  assert.equal(administrativeIn(hpub('s', 'Nats-Msg-Id: 1', '\r\nNats-Rollup: all')), undefined);
  const masked = pub(bucket, { op: 'HPUB', hb: 60, n: 60, hn: ['KV-Operation'] });
  assert.equal(administrativeIn(masked), `${bucket} with the header KV-Operation`);
});

test('administrative: a consumer of the session alone is not, read as nats-server reads JSON', () => {
  const fine = [
    [CREATE, '{"stream_name":"S","config":{"deliver_subject":"_INBOX.x"}}'],
    [`${CREATE}.c.s.>`, '{"config":{"name":"c","filter_subject":"s.\\u003e"},"action":"create"}'],
  ] as const;
  for (const [subject, body] of fine) assert.equal(administrativeIn(request(subject, body)), undefined, body);
  const others = [
    [CREATE, ''],
    [CREATE, '{}'],
    [CREATE, '{"config":{"durable_name":"c"}}'],
    [CREATE, '{"config":{"Durable_Name":"c"}}'],
    [CREATE, '{"config":{"\\u0064urable_name":"c"}}'],
    [CREATE, '{"config":{"durable_name":"c"},"config":{}}'],
    [CREATE, '{"config":{"durable_name":"c","durable_name":""}}'],
    [CREATE, '{"config":{"deliver_subject":"$JS.API.STREAM.DELETE.S"}}'],
    [CREATE, '{"config":{"name":"c"}}'],
    [`${CREATE}.c`, '{"config":{"name":"c"},"action":"update"}'],
    [`${CREATE}.c`, '{"config":{"name":"c"}}'],
  ] as const;
  for (const [subject, body] of others) assert.equal(administrativeIn(request(subject, body)), subject, body);
});
