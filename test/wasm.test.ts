import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wasmFileText, wasmModules } from '../scripts/wasm.ts';

for (const { source, target, constant } of wasmModules)
  test(`${constant} is what scripts/write-wasm.ts makes of its source`, async () => {
    assert.equal(
      readFileSync(target, 'utf8'),
      await wasmFileText(readFileSync(source, 'utf8'), source, constant),
    );
  });

test('every *.wat is among them', () => {
  const src = join(import.meta.dirname, '..', 'src');
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.wat'),
  );
  assert.deepEqual(
    found.map((name) => join(src, name)).sort(),
    wasmModules.map(({ source }) => source).sort(),
  );
});
