import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import dictionary from 'dictionary-en-gb';
import nspell from 'nspell';
import { anchorsOf, sentencesOf, spelledWordsOf, targetsOf, wordsOf } from './support/markdown.ts';

const ROOT = join(import.meta.dirname, '..');
const LONGEST_SENTENCE = 30;
const files = (...patterns: readonly string[]): string[] =>
  patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT }).toSorted());
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const ALL = files('*.md', '{docs,examples,helm,bench}/**/*.md');
/** What users read. Decision records are history. */
const PROSE = files('README.md', 'docs/**/*.md').filter((file) => !file.startsWith('docs/adr/'));

test('links lead to files and headings that are there', () => {
  const dead: string[] = [];
  for (const file of ALL) {
    for (const target of targetsOf(read(file))) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const to = path === '' ? file : normalize(join(dirname(file), path));
      const isThere = existsSync(join(ROOT, to));
      const isNamed =
        anchor === undefined || !to.endsWith('.md') || (isThere && anchorsOf(read(to)).has(anchor));
      if (!isThere || !isNamed || to.startsWith('..')) dead.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

test('docs/README.md leads to every page', () => {
  const targets = new Set(targetsOf(read('docs/README.md')));
  const missing = files('docs/*.md').filter((file) => !targets.has(file.slice('docs/'.length)));
  assert.deepEqual(missing, ['docs/README.md']);
});

test('no page names a folder of somebody’s machine', () => {
  const found = ALL.flatMap((file) => read(file).match(/(?:\/home|\/Users|\/root|\/work)\/\S+/g) ?? []);
  assert.deepEqual(found, []);
});

test(`no sentence has more than ${LONGEST_SENTENCE} words`, () => {
  const long = PROSE.flatMap((file) =>
    sentencesOf(read(file))
      .filter((sentence) => wordsOf(sentence).length > LONGEST_SENTENCE)
      .map((sentence) => `${file}: ${sentence}`),
  );
  assert.deepEqual(long, []);
});

test('spelling', () => {
  const spell = nspell(dictionary);
  const known = new Set(readFileSync(join(import.meta.dirname, 'fixtures', 'words.txt'), 'utf8').split('\n'));
  const isRight = (word: string): boolean =>
    spell.correct(word) || known.has(word) || known.has(word.toLowerCase());
  const wrong = PROSE.flatMap((file) =>
    [...spelledWordsOf(read(file))].filter((word) => !isRight(word)).map((word) => `${file}: ${word}`),
  );
  assert.deepEqual(wrong, [], 'a name or a word of the trade goes into test/fixtures/words.txt');
});

test('pictures are small', () => {
  const large = files('docs/images/*').filter((file) => readFileSync(join(ROOT, file)).length > 300_000);
  assert.deepEqual(large, []);
});
