import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadMeter } from '../../src/net/http-head.ts';

const LIMITS = { headBytes: 100, headLines: 4 };
const REQUEST_LINE = 'GET / HTTP/1.1\r\n';

type Reading = { readonly taken: number; readonly ended: boolean; readonly breach: string | undefined };

/** Reads `bytes` in pieces that end at the given places. */
function read(bytes: Buffer, cuts: readonly number[] = []): Reading {
  const meter = new HeadMeter(LIMITS);
  let taken = 0;
  for (const [index, cut] of [...cuts, bytes.length].entries()) {
    const piece = bytes.subarray(index === 0 ? 0 : cuts[index - 1], cut);
    const length = meter.read(piece);
    taken += length;
    if (length < piece.length) break;
  }
  return { taken, ended: meter.ended, breach: meter.breach };
}

const fieldsOf = (bytes: number): string => `A: ${'x'.repeat(bytes - 7)}\r\n\r\n`;
const HEADS: readonly [name: string, text: string, taken: number | 'all', verdict: string][] = [
  ['no fields', `${REQUEST_LINE}\r\n`, 'all', 'ended'],
  ['one field', `${REQUEST_LINE}Host: a\r\n\r\n`, 'all', 'ended'],
  ['empty lines first', `\r\n\r\n\r\n\r\n${REQUEST_LINE}\r\n`, 'all', 'ended'],
  ['five of them', `${'\r\n'.repeat(5)}${REQUEST_LINE}\r\n`, 9, 'bad_request'],
  ['an end, and more behind it', `${REQUEST_LINE}\r\nGET / HTTP/1.1\r\n\r\n`, 18, 'ended'],
  ['bare LF', 'GET / HTTP/1.1\nHost: a\n\n', 'all', 'ended'],
  ['LF CR LF', 'GET / HTTP/1.1\r\nHost: a\n\r\nx', 26, 'ended'],
  ['LF before the method', `\n${REQUEST_LINE}\r\n`, 0, 'bad_request'],
  ['CR before the method', `\r${REQUEST_LINE}\r\n`, 16, 'bad_request'],
  ['CR CR LF', `\r\r\n${REQUEST_LINE}\r\n`, 2, 'bad_request'],
  ['two blanks', 'GET  / HTTP/1.1\r\n\r\n', 16, 'bad_request'],
  ['HTTP/0.9', 'GET /\r\n\r\n', 'all', 'ended'],
  ['exactly the bytes', `${REQUEST_LINE}${fieldsOf(100)}`, 'all', 'ended'],
  ['a byte more', `${REQUEST_LINE}${fieldsOf(101)}`, 116, 'header_too_large'],
  ['exactly the lines', `${REQUEST_LINE}${'a:\r\n'.repeat(4)}\r\n`, 'all', 'ended'],
  ['a line more', `${REQUEST_LINE}${'a:\r\n'.repeat(5)}\r\n`, 35, 'header_too_large'],
  ['the longest target', `GET /${'x'.repeat(7999)} HTTP/1.1\r\n\r\n`, 'all', 'ended'],
  ['far more than that', `GET /${'x'.repeat(9000)}`, 8064, 'target_too_long'],
  ['not ended', `${REQUEST_LINE}Host: a\r\n`, 'all', 'more'],
  ['nothing', '', 'all', 'more'],
];

const verdictOf = ({ ended, breach }: Reading): string => breach ?? (ended ? 'ended' : 'more');

for (const [name, text, taken, verdict] of HEADS) {
  test(`${name}: ${verdict}, however it is cut`, () => {
    const bytes = Buffer.from(text);
    const whole = read(bytes);
    assert.equal(verdictOf(whole), verdict);
    assert.equal(whole.taken, taken === 'all' ? bytes.length : taken);
    const step = Math.max(1, Math.floor(bytes.length / 200));
    for (let cut = 0; cut <= bytes.length; cut += step) assert.deepEqual(read(bytes, [cut]), whole);
    assert.deepEqual(read(bytes, [...bytes.keys()]), whole);
  });
}

test('100,000 random heads in random pieces: never a byte behind the first end, and the same verdict', () => {
  const next = randomNumbers(7);
  const words = [
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    'GET',
    ' ',
    '/',
    'HTTP/1.1',
    'a:',
    'b: c\r\n',
    'x'.repeat(30),
  ];
  for (let round = 0; round < 100_000; round++) {
    const text = Array.from({ length: 1 + next(14) }, () => words[next(words.length)]).join('');
    const bytes = Buffer.from(next(2) === 0 ? text : `${REQUEST_LINE}${text}`);
    const whole = read(bytes);
    const cuts = Array.from({ length: next(4) }, () => next(bytes.length + 1)).toSorted((a, b) => a - b);
    assert.deepEqual(read(bytes, cuts), whole, JSON.stringify(text));
    const end = bytes.subarray(firstLine(bytes)).indexOf('\r\n\r\n');
    if (end !== -1) assert.ok(whole.taken <= firstLine(bytes) + end + 4, JSON.stringify(text));
  }
});

/** Where the empty lines end. */
function firstLine(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
  return at;
}

/** The same numbers each time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
