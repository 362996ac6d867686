import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotGranted } from '../../src/auth/details.ts';
import { Gate } from '../../src/auth/gate.ts';

const NEVER = new AbortController().signal;

test('16 run, 512 wait in order, and the next one is refused', async () => {
  const gate = new Gate();
  const ends: (() => void)[] = [];
  const began: number[] = [];
  const run = (id: number, signal = NEVER): Promise<void> =>
    gate.run(() => {
      began.push(id);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, signal);
  const leaving = new AbortController();
  const all = Array.from({ length: 16 + 512 }, (_, id) => run(id, id === 16 ? leaving.signal : NEVER));
  const left = assert.rejects(all[16]!, (reason) => reason === 'client_abort');
  assert.equal(began.length, 16);
  await assert.rejects(
    run(1000),
    (error) => error instanceof NotGranted && error.detail === 'authorizer_busy',
  );
  // One that leaves makes room, and is not begun.
  leaving.abort('client_abort');
  await left;
  const last = run(528);
  for (let id = 0; id < 528; id++) {
    ends[id]?.();
    await all[id]?.catch(() => {});
  }
  ends.at(-1)?.();
  await last;
  assert.deepEqual(
    began,
    Array.from({ length: 529 }, (_, id) => id).filter((id) => id !== 16),
  );
});

test('what fails leaves its place, too', async () => {
  const gate = new Gate();
  for (let round = 0; round < 100; round++)
    await assert.rejects(gate.run(() => Promise.reject(new Error('x')), NEVER));
  assert.equal(await gate.run(() => Promise.resolve(7), NEVER), 7);
});

test('who has left already is not begun', async () => {
  const gate = new Gate();
  const ends: (() => void)[] = [];
  for (let id = 0; id < 16; id++) void gate.run(() => new Promise<void>((end) => ends.push(end)), NEVER);
  await assert.rejects(
    gate.run(() => Promise.resolve(), AbortSignal.abort('timeout')),
    (reason) => reason === 'timeout',
  );
  for (const end of ends) end();
});
