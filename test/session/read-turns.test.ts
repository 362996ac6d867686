import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ReadTurns } from '../../src/session/read-turns.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const READ = 64 * KiB;

/** Readers that are called when their turn has come; each is named in `read` then. */
function readers(count: number) {
  const read: number[] = [];
  return { read, list: Array.from({ length: count }, (_, name) => ({ readOn: () => void read.push(name) })) };
}

test('what little sockets bring waits for nobody, however much it is together', () => {
  const turns = new ReadTurns();
  const { list } = readers(1);
  for (let count = 0; count < 1000; count++) assert.equal(turns.mustWait(list[0]!, 16 * KiB), false);
});

test('readers wait when a turn has carried 2 MiB, and all get their turn in the order in which they came', async () => {
  const turns = new ReadTurns();
  const { read, list } = readers(100);
  const isWaiting = list.map((reader) => turns.mustWait(reader, READ));
  assert.equal(isWaiting.indexOf(true), (2 * MiB) / READ);
  const waiting = list.flatMap((_, name) => (isWaiting[name] === true ? [name] : []));
  await nextTurn();
  assert.deepEqual(read, waiting.slice(0, 32));
  // The first is back with much more before the last had a turn: it waits after them.
  for (let count = 0; count < 33; count++) turns.mustWait(list[waiting[0]!]!, READ);
  await nextTurn();
  assert.deepEqual(read, waiting.slice(0, 64));
  await nextTurn();
  assert.deepEqual(read, [...waiting, waiting[0]!]);
  for (let count = 0; count < 3; count++) await nextTurn();
  assert.equal(read.length, waiting.length + 1);
});

test('the next turn has room again', async () => {
  const turns = new ReadTurns();
  const { list } = readers(1);
  for (let count = 0; count < 5; count++) {
    for (let part = 0; part < 32; part++) assert.equal(turns.mustWait(list[0]!, READ), false);
    await nextTurn();
  }
});
