import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allowance } from '../../src/capture/allowance.ts';
import type { CaptureRecord } from '../../src/capture/format.ts';
import { readCapture } from '../../src/capture/ndjson.ts';
import { Recording } from '../../src/capture/recording.ts';
import { Inspected } from '../inspect/inspected.ts';
import { HEADER, pieces } from './support.ts';

/** Operations of one recording in 100 ms. */
const ALLOWED = 2000;
const PUB = 'PUB a 0\r\n\r\n';

const recordsOf = (recording: Recording): Promise<CaptureRecord[]> =>
  Array.fromAsync(readCapture(pieces(Buffer.from(recording.text(HEADER)))));

/** A session that is recorded, by a clock that goes on only when the test says so. */
function recorded(
  level: 'observe' | 'enforce' = 'observe',
  { mostBytes = 4 * 1024 * 1024, concurrent = 8, payloads = false } = {},
) {
  const clock = { nowMs: 1000 };
  const recording = new Recording(
    mostBytes,
    new Allowance(concurrent),
    payloads,
    undefined,
    () => clock.nowMs,
  );
  const session = Inspected.connected(level);
  session.inspector.watch(recording);
  return { clock, recording, session };
}

test('a ring keeps the newest operations, and counts those that it has lost', async () => {
  const { clock, recording, session } = recorded('observe', { mostBytes: 64 * 1024 });
  const most = 10_000;
  for (let n = 0; n < most; n++) {
    session.toUpstream(Buffer.from(`PUB subject.${n} 2\r\nhi\r\n`));
    clock.nowMs++;
  }
  recording.finish('stopped');
  session.toUpstream(Buffer.from('PUB later 2\r\nhi\r\n'));
  assert.ok(recording.bytes <= 64 * 1024);
  const text = recording.text(HEADER);
  assert.ok(text.length < 65 * 1024);
  const records = await recordsOf(recording);
  const subjects = records.flatMap((record) => ('subj' in record ? [record.subj] : []));
  assert.equal(subjects.length, most - recording.lost);
  assert.deepEqual([subjects[0], subjects.at(-1)], [`subject.${recording.lost}`, `subject.${most - 1}`]);
  assert.match(text, new RegExp(`"note":"${recording.lost} operations before this were overwritten"`));
  assert.match(text, new RegExp(`"operations":${most},"lost":${recording.lost}\\}\\}\\n$`));
});

test('a flood of small operations in one read costs no more lines than the allowance', async () => {
  const { clock, recording, session } = recorded();
  const flood = Buffer.from(PUB.repeat(5000));
  session.toUpstream(flood).toUpstream(flood);
  assert.equal(session.up.length, 2 * flood.length);
  clock.nowMs += 99;
  session.toUpstream(Buffer.from(PUB));
  assert.deepEqual([recording.operations, recording.lost], [10_001, 10_001 - ALLOWED]);
  clock.nowMs += 1;
  session.toUpstream(Buffer.from(PUB));
  recording.finish('stopped');
  const records = await recordsOf(recording);
  const counted = records.filter((record) => 'op' in record).length;
  assert.equal(counted, ALLOWED + 1);
  assert.deepEqual(
    records.filter((record) => 'd' in record && record.d === 'g'),
    [
      {
        t: 0,
        d: 'g',
        note: '8001 operations were not recorded: a capture has at most 2000 in 100 ms, fewer when their lines are long',
      },
    ],
  );
  assert.deepEqual(records.at(-1), {
    t: 100_000,
    end: { reason: 'stopped', operations: 10_002, lost: 8001 },
  });
});

test('above the allowance messages are read in runs again, in both directions, and still counted', () => {
  for (const level of ['observe', 'enforce'] as const) {
    const { clock, recording, session } = recorded(level);
    const { up, down } = session.inspector;
    for (let n = 0; n < ALLOWED; n += 100) session.toUpstream(Buffer.from(PUB.repeat(100)));
    assert.deepEqual([recording.operations, recording.lost], [ALLOWED, 0]);
    session.toUpstream(Buffer.from(`${PUB.repeat(100)}PING\r\n`));
    session.toClient(Buffer.from(`${'MSG a 1 0\r\n\r\n'.repeat(100)}PONG\r\n`));
    assert.ok(up.fastScan !== undefined && down.fastScan !== undefined);
    assert.deepEqual([recording.operations, recording.lost], [ALLOWED + 202, 202]);
    clock.nowMs += 100;
    session.toUpstream(Buffer.from(PUB));
    assert.equal(up.fastScan, undefined);
    assert.deepEqual([recording.operations, recording.lost], [ALLOWED + 203, 202]);
  }
});

test('in the middle of a read, too, what is above the allowance is read in runs', () => {
  for (const level of ['observe', 'enforce'] as const) {
    const { recording, session } = recorded(level);
    const { up, down } = session.inspector;
    session.toUpstream(Buffer.from(PUB.repeat(ALLOWED + 500)));
    assert.ok(up.fastScan !== undefined && down.fastScan !== undefined);
    assert.equal(session.up, PUB.repeat(ALLOWED + 500));
    assert.deepEqual([recording.operations, recording.lost], [ALLOWED + 500, 500]);
  }
});

test('two recordings of one session see the same, and one that ends leaves the other', () => {
  const { clock, recording, session } = recorded();
  const small = new Recording(1024 * 1024, new Allowance(100), false, undefined, () => clock.nowMs);
  session.inspector.watch(small);
  session.toUpstream(Buffer.from(`${PUB.repeat(1000)}PING\r\n`));
  assert.deepEqual([recording.operations, recording.lost], [1001, 0]);
  assert.deepEqual([small.operations, small.lost], [1001, 1001 - 160]);
  session.inspector.unwatch(small);
  session.toUpstream(Buffer.from(PUB));
  assert.deepEqual([recording.operations, small.operations], [1002, 1001]);
});

test('pauses are lines without an operation, with how long they were', async () => {
  const { clock, recording, session } = recorded();
  session.inspector.paused('to_upstream');
  clock.nowMs += 31;
  session.inspector.resumed('to_upstream');
  session.inspector.paused('to_client');
  const notes = (await recordsOf(recording)).flatMap((record) => ('note' in record ? [record.note] : []));
  assert.deepEqual(notes, [
    'the client is not read: the other side takes no more bytes',
    'the client is read again after 31 ms',
    'the server is not read: the other side takes no more bytes',
  ]);
  assert.deepEqual([recording.operations, recording.lost], [0, 0]);
});

test('a file says what was above the allowance also when nothing came after it', async () => {
  const { recording, session } = recorded();
  session.toUpstream(Buffer.from(PUB.repeat(ALLOWED + 1)));
  const last = (await recordsOf(recording)).at(-1);
  assert.ok(last !== undefined && 'note' in last);
  assert.match(last.note ?? '', /^1 operations were not recorded/);
});

test('many recordings have together what eight have', () => {
  const { recording, session } = recorded('observe', { concurrent: 100 });
  session.toUpstream(Buffer.from(PUB.repeat(1000)));
  assert.deepEqual([recording.operations, recording.lost], [1000, 1000 - 160]);
});

test('long lines use up the allowance sooner: a CONNECT costs more than a PUB', () => {
  const { recording, session } = recorded();
  const long = Buffer.from(`CONNECT {"name":"${'x'.repeat(4000)}"}\r\n`);
  for (let n = 0; n < 100; n++) session.toUpstream(long);
  assert.equal(recording.operations - recording.lost, Math.ceil((ALLOWED * 64) / (long.length * 16)));
});

test('what natsgate writes for dropped operations is within the allowance, too', () => {
  const { recording } = recorded();
  recording.inserted(Buffer.from("-ERR 'Permissions Violation'\r\n".repeat(3000)));
  assert.deepEqual([recording.operations, recording.lost], [3000, 3000 - ALLOWED]);
});

test('a line about what was not recorded is no operation when it is overwritten', () => {
  const { clock, recording, session } = recorded('observe', { mostBytes: 8 * 1024 });
  for (let round = 0; round < 3; round++) {
    session.toUpstream(Buffer.from(PUB.repeat(ALLOWED + 1)));
    clock.nowMs += 100;
  }
  recording.finish('stopped');
  const kept = recording.text(HEADER).match(/"op":/g)?.length ?? 0;
  assert.equal(recording.operations, kept + recording.lost);
});

test('the file has no character that a terminal obeys', async () => {
  const { recording, session } = recorded();
  session.toUpstream(Buffer.from('PUB a\u009b31m\u202eb 0\r\n\r\n'));
  const text = recording.text({ ...HEADER, user: 'a\u009bb' });
  assert.match(text, /^[\x20-\x7e\n]*$/);
  assert.deepEqual(
    (await recordsOf(recording)).flatMap((record) => ('subj' in record ? [record.subj] : [])),
    ['a\u009b31m\u202eb'],
  );
});

test('a line counts as what it takes in memory, not as its characters', () => {
  const short = recorded();
  short.session.toUpstream(Buffer.from(PUB));
  const line = short.recording.text(HEADER).split('\n')[1] ?? '';
  assert.equal(short.recording.bytes, line.length + 40);
  const wide = recorded('observe', { mostBytes: 64 * 1024 });
  for (let n = 0; n < 100; n++) wide.session.toUpstream(Buffer.from(`PUB ${'ä'.repeat(1000)} 0\r\n\r\n`));
  assert.ok(wide.recording.bytes <= 64 * 1024);
  assert.ok(wide.recording.operations - wide.recording.lost < 33);
});

test('while nobody records, messages are read in runs again', () => {
  const { inspector } = Inspected.connected('observe');
  const { fastScan } = inspector.down;
  assert.ok(fastScan !== undefined);
  const recording = new Recording(1024, new Allowance(8));
  inspector.watch(recording);
  assert.deepEqual([inspector.up.fastScan, inspector.down.fastScan], [undefined, undefined]);
  inspector.unwatch(recording);
  assert.deepEqual([inspector.up.fastScan, inspector.down.fastScan], [fastScan, fastScan]);
  assert.deepEqual([inspector.up.reportMessages, inspector.down.reportMessages], [false, false]);
});

const messages = async (recording: Recording): Promise<unknown[]> =>
  (await recordsWithPayloads(recording)).flatMap((record) =>
    'op' in record ? [[record.op, record.b && Buffer.from(record.b, 'base64').toString(), record.note]] : [],
  );
const recordsWithPayloads = (recording: Recording): Promise<CaptureRecord[]> =>
  Array.fromAsync(readCapture(pieces(Buffer.from(recording.text({ ...HEADER, payloads: 'full' })))));

test('with payloads: of both sides, headers included, however the bytes are cut', async () => {
  const up = Buffer.from('PUB a 5\r\nhello\r\nHPUB b 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB c 0\r\n\r\nPING\r\n');
  const down = Buffer.from('MSG a 1 7\r\nPUB x 1\r\nPONG\r\n');
  for (const level of ['observe', 'enforce'] as const)
    for (let cut = 1; cut < up.length; cut++) {
      const { recording, session } = recorded(level, { payloads: true });
      session.toUpstream(up, [cut]).toClient(down, [cut % down.length]);
      recording.finish('stopped');
      assert.deepEqual(await messages(recording), [
        ['PUB', 'hello', undefined],
        ['HPUB', 'NATS/1.0\r\n\r\nhi', undefined],
        ['PUB', undefined, undefined],
        ['PING', undefined, undefined],
        ['MSG', 'PUB x 1', undefined],
        ['PONG', undefined, undefined],
      ]);
    }
});

test('with payloads: a long one is cut and says so, and so is one that did not end; the ring keeps its limit', async () => {
  const { recording, session } = recorded('observe', { payloads: true, mostBytes: 64 * 1024 });
  const most = 16 * 1024;
  const large = Buffer.from(`PUB a ${most + 1}\r\n${'x'.repeat(most)}y\r\n`);
  session.toUpstream(large, [100, 9000]).toUpstream(Buffer.from('PUB b 5\r\nhe'));
  recording.finish('stopped');
  assert.deepEqual(await messages(recording), [
    ['PUB', 'x'.repeat(most), `of ${most + 1} bytes the first ${most} are recorded`],
    ['PUB', 'he', 'of 5 bytes the first 2 are recorded'],
  ]);
  const ring = recorded('observe', { payloads: true, mostBytes: 64 * 1024 });
  for (let n = 0; n < 20; n++) ring.session.toUpstream(large);
  assert.ok(ring.recording.bytes <= 64 * 1024);
});

test('with payloads: nothing of a message that began before, or that is above the allowance', () => {
  const { clock, recording, session } = recorded('observe', { payloads: true });
  session.inspector.unwatch(recording);
  session.toUpstream(Buffer.from('PUB before 4\r\nCA'));
  session.inspector.watch(recording);
  session.toUpstream(Buffer.from('NA\r\n'));
  clock.nowMs += 100;
  session.toUpstream(Buffer.from(PUB.repeat(ALLOWED)));
  session.toUpstream(Buffer.from('PUB above 4\r\nCA')).toUpstream(Buffer.from('NA\r\n'));
  recording.finish('stopped');
  assert.deepEqual([recording.operations, recording.lost], [ALLOWED + 1, 1]);
  assert.ok(!recording.text(HEADER).includes('"b":'));
});

test('a message that ends during a flood of the other side does not turn the time back', async () => {
  const { clock, recording, session } = recorded('observe', { payloads: true });
  session.toUpstream(Buffer.from('PUB big 4\r\nCA'));
  session.toClient(Buffer.from('MSG a 1 0\r\n\r\n'.repeat(2 * ALLOWED)));
  clock.nowMs += 5;
  session.toUpstream(Buffer.from('NA\r\n'));
  const records = await recordsWithPayloads(recording);
  assert.deepEqual(
    records.slice(-2).map((record) => 'd' in record && [record.t, record.d]),
    [
      [0, 'g'],
      [5000, 'c>'],
    ],
  );
});

test('time never goes back in a capture, whatever comes in which order', async () => {
  let seed = 1;
  const next = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let run = 0; run < 30; run++) {
    // Four operations in 100 ms.
    const { clock, recording, session } = recorded('observe', { payloads: true, concurrent: 4000 });
    const halves = ['PUB a 4\r\nCA', 'NA\r\n'] as const;
    const steps = [
      () => session.toUpstream(Buffer.from(halves[0])).toUpstream(Buffer.from(halves[1])),
      () => session.toClient(Buffer.from(`MSG a 1 4\r\nDA`)).toClient(Buffer.from('TA\r\n')),
      () => session.toClient(Buffer.from('PING\r\n'.repeat(9))),
      () => recording.paused('to_client'),
      () => recording.resumed('to_client'),
    ];
    let half = 0;
    for (let step = 0; step < 40; step++) {
      if (next(3) === 0) session.toUpstream(Buffer.from(halves[half++ % 2] as string));
      else if (half % 2 === 0) steps[next(steps.length)]?.();
      else steps[1 + next(steps.length - 1)]?.();
      clock.nowMs += next(4) === 0 ? 60 : next(3);
      if (step % 8 === 0) await recordsWithPayloads(recording);
    }
    recording.finish('stopped');
    clock.nowMs += 1;
    // A read that was under way at the end.
    recording.endRead(50);
    const records = await recordsWithPayloads(recording);
    assert.ok('end' in (records.at(-1) as CaptureRecord));
  }
});

test('with payloads: messages of a usual size use up the allowance many times sooner', () => {
  const { recording, session } = recorded('observe', { payloads: true });
  const message = Buffer.from(`PUB a 400\r\n${'x'.repeat(400)}\r\n`);
  for (let n = 0; n < ALLOWED; n++) session.toUpstream(message);
  const written = recording.operations - recording.lost;
  assert.ok(written > ALLOWED / 10 && written < ALLOWED / 7, String(written));
});

test('without payloads nothing gets the bytes of one', () => {
  const { session } = recorded();
  assert.deepEqual(
    [session.inspector.up.onPayload, session.inspector.down.onPayload],
    [undefined, undefined],
  );
});
