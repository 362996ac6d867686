import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenGuesses } from '../../src/admin/token-guesses.ts';
import { createLog } from '../../src/log.ts';

test('guesses of a minute are one line, which says how many they were', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', format: 'json' }, { write: (line) => void lines.push(line) });
  let nowMs = 0;
  const guesses = new TokenGuesses(log, () => nowMs);
  for (nowMs of [0, 1000, 2000, 50_000, 61_000, 62_000, 200_000]) guesses.count(`10.0.0.${nowMs / 1000}`);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ level, client, guesses: many }) => [level, client, many]),
    [
      ['warn', '10.0.0.0', 1],
      ['warn', '10.0.0.61', 4],
      ['warn', '10.0.0.200', 2],
    ],
  );
});
