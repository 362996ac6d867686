import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLog, foreignText } from '../src/log.ts';
import { shown } from '../src/nats/protocol.ts';
import { printable, printableJson } from '../src/printable.ts';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** What moves a terminal's cursor, ends a line for some viewer, or turns the reading direction. */
const HOSTILE = [
  ...range(0x00, 0x1f),
  ...range(0x7f, 0x9f),
  ...range(0x200b, 0x200f),
  ...range(0x2028, 0x202e),
  ...range(0x2060, 0x2064),
  ...range(0x2066, 0x2069),
  0x061c,
  0xfeff,
  0xd800,
  0xdbff,
  0xdc00,
  0xdfff,
  0xe0001,
].map((code) => String.fromCodePoint(code));
/** Written by hand, so that a hole in the program's own expression is not a hole here. */
const isHostile = (text: string): boolean =>
  [...text].some((character) => HOSTILE.includes(character)) || !text.isWellFormed();
const ALL = HOSTILE.map((character) => `a${character}b`).join('');

describe('no character that moves a cursor or turns the reading direction is printed', () => {
  test('the list is hostile, and plain text is not', () => {
    assert.ok(HOSTILE.every(isHostile));
    for (const text of ['', 'plain', 'é 漢字 🙂 …']) {
      assert.equal(isHostile(text), false);
      assert.equal(printable(text), text);
      assert.equal(printableJson(JSON.stringify(text)), JSON.stringify(text));
    }
  });

  test('in a line of text', () => {
    for (const character of [...HOSTILE, ALL]) assert.equal(isHostile(printable(`x${character}y`)), false);
    assert.equal(printable('a\u009b31m\u202eb\ud800'), 'a\\u{9b}31m\\u{202e}b\\u{d800}');
  });

  test('in JSON, which keeps its value', () => {
    const value = { [`key ${ALL}`]: [ALL, '\u{e0001}'] };
    const json = printableJson(JSON.stringify(value, undefined, 2));
    assert.equal(isHostile(json.replaceAll('\n', '')), false);
    assert.deepEqual(JSON.parse(json), value);
  });

  test('in foreign text, and in the shape of foreign bytes, which are ASCII', () => {
    const bytes = Buffer.from(range(0x00, 0xff));
    for (let start = 0; start < bytes.length; start += 32)
      assert.match(shown(bytes, start, bytes.length), /^[\x20-\x7e]*…?$/);
    for (const character of HOSTILE) {
      assert.match(foreignText(`x${character}y`), /^x\\u\{[0-9a-f]+\}y$/);
      assert.match(shown(Buffer.from(`PUB ${character}`), 0, 32), /^[\x20-\x7e]*$/);
    }
    // A pair that the cut goes through.
    assert.equal(foreignText(`${'x'.repeat(127)}🙂`).slice(127), '\\u{d83d}…');
  });

  for (const format of ['json', 'text'] as const) {
    test(`in the log, format ${format}: values, keys, messages and errors, forgotten or not`, () => {
      const lines: string[] = [];
      const log = createLog({ level: 'info', format }, { write: (line) => lines.push(line) });
      for (const text of [...HOSTILE, ALL]) {
        log.warn({ text, [`key${text}`]: { list: [text] }, error: new Error(text).stack }, `message ${text}`);
      }
      assert.equal(lines.length, HOSTILE.length + 1);
      for (const line of lines) {
        assert.ok(line.endsWith('\n'));
        assert.equal(isHostile(line.slice(0, -1)), false, JSON.stringify(line));
        if (format === 'json') assert.ok(JSON.parse(line).message.startsWith('message '));
      }
    });
  }
});
