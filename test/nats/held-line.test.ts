import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { after, before, describe, test } from 'node:test';
import type { Direction } from '../../src/nats/operations.ts';
import { NatsParser } from '../../src/nats/parser.ts';

const session = new Session();
before(async () => {
  session.connect();
  await session.post('Profiler.enable');
  // Before the parser runs for the first time: what is optimised already is not counted.
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
});
after(() => session.disconnect());

/** How often each block of these files runs while `work` does, all together: exact, whatever the machine does. */
async function blocksRun(files: RegExp, work: () => void): Promise<number> {
  const take = async () => (await session.post('Profiler.takePreciseCoverage')).result;
  // Counters begin anew with each.
  await take();
  work();
  let count = 0;
  for (const { functions } of (await take()).filter(({ url }) => files.test(url)))
    for (const { ranges } of functions) for (const range of ranges) count += range.count;
  return count;
}

/** Blocks that run for each byte of a line that comes in pieces of seven bytes. */
async function blocksPerByte(
  direction: Direction,
  head: string,
  filler: string,
  bytes: number,
): Promise<number> {
  const piece = Buffer.from(filler.repeat(7));
  const count = await blocksRun(
    /\/src\/nats\/(parser|control-line|arguments|framing|held-line|operations)\.ts$/,
    () => {
      const parser = new NatsParser(direction, { maxLineBytes: 1024 * 1024, assembleLines: true });
      const first = Buffer.from(head);
      parser.parse(first, 0, first.length);
      for (let sent = 0; sent < bytes; sent += piece.length) parser.parse(piece, 0, piece.length);
      assert.equal(parser.error, undefined);
      assert.ok(parser.heldBytes >= bytes);
    },
  );
  return count / bytes;
}

describe('a line that comes in small pieces is not read from its start with each of them', () => {
  for (const [direction, head, filler] of [
    ['to_upstream', 'PUB ', ' '],
    ['to_upstream', 'PUB ', 'x'],
    ['to_upstream', 'SUB a', '\t'],
    ['to_upstream', 'CONNECT ', ' '],
    ['to_upstream', 'CONNECT {', 'x'],
    ['to_upstream', 'PING', ' '],
    ['to_client', 'MSG ', ' '],
    ['to_client', 'MSG ', '\n'],
    ['to_client', 'HMSG a', '\n'],
    ['to_client', 'MSG a ', 'x'],
    ['to_client', 'INFO {', 'x'],
  ] as const)
    test(`${direction}: ${JSON.stringify(head + filler)}…`, async () => {
      const few = await blocksPerByte(direction, head, filler, 7 * 500);
      const many = await blocksPerByte(direction, head, filler, 7 * 4000);
      assert.ok(
        many < 1.1 * few,
        `${few.toFixed(1)} blocks a byte, of a line eight times as long ${many.toFixed(1)}`,
      );
    });
});
