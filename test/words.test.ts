import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

/** Phrases that a reader must translate first, and what to write in their place. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [
    /\bbehind (the |a |that |this |its |it )?(line|call|read|write|message|handshake|frame|login|INFO|CONNECT|verb|request|payload)\b/,
    'after',
  ],
  [/\bin front of it\b/, 'before it'],
  [/\bstands?\b(?! (alone|still)\b)/, 'is, means'],
  [/\b(is|are) told\b/, 'gets, learns, is reported'],
  [/\bwhoever\b/i, 'the caller, a client that'],
  [/\bmend(s|ed|ing)?\b/, 'fix'],
  [/\bmay not (be )?(use|send|pass|have|take)\b/, 'must not, cannot'],
  [/\bthe own\b/, 'its own'],
  [/\b(for|within|to|after) so (long|many)\b(?! (as|that))/, 'for this long, this many'],
  [/\bgoes by (its|the|host)\b/, 'is known by, uses'],
  [/\bin whatever pieces\b/, 'in pieces of any size'],
];
const FILES = ['src/**/*.{ts,wat}', 'docs/**/*.md', 'helm/**/*.{md,yaml,tpl,txt}', 'README.md'];

test('plain English: no phrase that has to be translated first', () => {
  const found: string[] = [];
  for (const file of FILES.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))) {
    for (const [index, line] of readFileSync(resolve(ROOT, file), 'utf8').split('\n').entries()) {
      for (const [phrase, better] of PHRASES) {
        const match = phrase.exec(line);
        if (match !== null) found.push(`${file}:${index + 1}: "${match[0]}"; write ${better}`);
      }
    }
  }
  assert.deepEqual(found, []);
});
