import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHART } from '../support/helm.ts';
import { forEachOf } from './cases.ts';
import { ACCEPTED, REFUSED, withValues } from './guard-cases.ts';

test('what cannot work is refused, with what to do', { timeout: 300_000 }, async () => {
  await forEachOf(REFUSED, async ([values, says, kube]) => {
    const { code, stderr } = await withValues(values, kube);
    assert.notEqual(code, 0, `accepted: ${JSON.stringify(values)}`);
    assert.match(stderr, says);
  });
});

test('what is close to it and works is not', { timeout: 300_000 }, async () => {
  await forEachOf(ACCEPTED, async ([values, kube]) => {
    const { code, stderr } = await withValues(values, kube);
    assert.equal(code, 0, `${JSON.stringify(values)}: ${stderr}`);
  });
});

test('every sentence of the guards has a case here', () => {
  const text = globSync('templates/*.*', { cwd: CHART })
    .map((file) => readFileSync(join(CHART, file), 'utf8'))
    .join('');
  const sentences = [...text.matchAll(/fail (?:\(printf )?"((?:[^"\\]|\\.)*)"/g)].map(([, one = '']) => one);
  assert.ok(sentences.length >= 25, `${sentences.length} guards`);
  for (const sentence of sentences) {
    const filled = sentence
      .replaceAll(/\\"/g, '"')
      .replaceAll('= %d:', '= 40:')
      .replace('%d is below', '39 is below')
      .replace('minAvailable %d', 'minAvailable 2')
      .replace('path %s', 'path /nats')
      .replace('this is %s', 'this is v1.33.0')
      .replace('no alert %s', 'no alert NatsgateDwon')
      .replace('there is no %q', 'there is no "nothing"')
      .replace('no entry %s', 'no entry 1')
      .replace('%s is not %s', '/spec/replicas is not 3');
    assert.ok(
      REFUSED.some(([, says]) => says.test(filled)),
      `no case for: ${sentence}`,
    );
  }
});
