import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCapture } from '../../src/capture/ndjson.ts';
import { Recording } from '../../src/capture/recording.ts';
import { Inspected } from '../inspect/inspected.ts';
import { HEADER, pieces } from './support.ts';

test('a ring keeps the newest operations, and counts those that it has lost', async () => {
  const recording = new Recording(64 * 1024);
  const session = Inspected.connected('observe');
  session.inspector.watch(recording);
  const most = 10_000;
  for (let n = 0; n < most; n++) session.toUpstream(Buffer.from(`PUB subject.${n} 2\r\nhi\r\n`));
  recording.finish('stopped');
  session.toUpstream(Buffer.from('PUB later 2\r\nhi\r\n'));
  assert.ok(recording.bytes <= 64 * 1024);
  const text = recording.text(HEADER);
  assert.ok(text.length < 65 * 1024);
  const records = await Array.fromAsync(readCapture(pieces(Buffer.from(text))));
  const subjects = records.flatMap((record) => ('subj' in record ? [record.subj] : []));
  assert.equal(subjects.length, most - recording.lost);
  assert.deepEqual([subjects[0], subjects.at(-1)], [`subject.${recording.lost}`, `subject.${most - 1}`]);
  assert.match(text, new RegExp(`"note":"${recording.lost} operations before this were overwritten"`));
  assert.match(text, new RegExp(`"operations":${most},"lost":${recording.lost}\\}\\}\\n$`));
});

test('while nobody records, messages are read in runs again', () => {
  const { inspector } = Inspected.connected('observe');
  const { fastScan } = inspector.down;
  assert.ok(fastScan !== undefined);
  inspector.watch(new Recording(1024));
  assert.deepEqual([inspector.up.fastScan, inspector.down.fastScan], [undefined, undefined]);
  inspector.watch(undefined);
  assert.deepEqual([inspector.up.fastScan, inspector.down.fastScan], [fastScan, fastScan]);
  assert.deepEqual([inspector.up.reportMessages, inspector.down.reportMessages], [false, false]);
});
