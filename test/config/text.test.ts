// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this syntax is what is tested
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpolate } from '../../src/config/interpolate.ts';
import { textAt } from '../../src/config/listing.ts';
import { editDistance, nearest } from '../../src/config/suggest.ts';
import { plain, quote } from '../../src/config/text.ts';
import type { Written } from '../../src/config/written.ts';
import { hasUnprintable, printable } from '../../src/printable.ts';

test('the nearest known word', () => {
  const keys = ['sessions', 'sessionsPerAddress', 'frameBytes', 'sessionAge', 'tls'];
  for (const [typed, meant] of [
    ['framebytes', 'frameBytes'],
    ['frame_bytes', 'frameBytes'],
    ['frame-bytes', 'frameBytes'],
    ['FRAMEBYTES', 'frameBytes'],
    ['session', 'sessions'],
    ['sesions', 'sessions'],
    ['tsl', 'tls'],
    ['x', undefined],
    ['', undefined],
    ['entirely', undefined],
    ['s'.repeat(100_000), undefined],
  ] as const) {
    assert.equal(nearest(typed, keys), meant, typed.slice(0, 20));
  }
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('abc', ''), 3);
  // Two letters exchanged are one slip of the fingers.
  assert.equal(editDistance('chekc', 'check'), 1);
  assert.equal(editDistance('ab', 'ba'), 1);
  assert.equal(nearest('chekc', ['check', 'probe']), 'check');
});

test('foreign text in messages', () => {
  for (const [text, shown] of [
    ['plain', '"plain"'],
    ['a\x1b[31mb\r\n', '"a\\u{1b}[31mb\\u{d}\\u{a}"'],
    ['\u202eabc\u2028', '"\\u{202e}abc\\u{2028}"'],
    ['\ud800', '"\\u{d800}"'],
    ['nats://user:pw@host', '"nats://***@host"'],
    ['user:p@w@host', '"***@host"'],
    ['\u{e0001}', '"\\u{e0001}"'],
  ] as const) {
    assert.equal(quote(text), shown);
  }
  for (const long of ['x'.repeat(10_000), 'é'.repeat(10_000), '\0'.repeat(10_000), '🙂'.repeat(1000)]) {
    assert.ok(Buffer.byteLength(plain(long)) <= 128);
    assert.ok(plain(long).endsWith('…'));
  }
  assert.equal(plain('x'.repeat(128)), 'x'.repeat(128));
  assert.ok(hasUnprintable('a\tb') && !hasUnprintable('ä b'));
  assert.equal(printable('\x7f\x9b'), '\\u{7f}\\u{9b}');
  assert.equal(plain('a\u00a0b'), 'a\\u{a0}b');
});

test('of a URL neither login, query nor fragment is listed, whatever is in them', () => {
  for (const [url, listed] of [
    ['https://h/p?k=a@SECRET', 'https://h/p?***'],
    ['https://h/p#SECRET', 'https://h/p#***'],
    ['https://h/p?a=1#b@SECRET', 'https://h/p?***'],
    ['https://h/p#b@SECRET?c', 'https://h/p#***'],
    ['https://SECRET:SECRET@h/p?k=a@SECRET', 'https://***@h/p?***'],
    ['HTTPS://h/p?SECRET\nSECRET', 'HTTPS://h/p?***'],
    ['https://h/p', 'https://h/p'],
    ['no URL? #1', 'no URL? #1'],
  ] as const) {
    const written = { locate: () => ({ value: url }) } as unknown as Written;
    assert.equal(textAt(['key'], written), listed);
  }
});

test('variables in values', () => {
  const environment = { HOST: 'gw.example.com', EMPTY: '', MONEY: '$$ ${HOST}' };
  for (const [text, result, names] of [
    ['plain $HOME $5 $', 'plain $HOME $5 $', undefined],
    ['$$', '$', undefined],
    ['$${HOST}', '${HOST}', undefined],
    ['${HOST}', 'gw.example.com', '${HOST}'],
    ['a ${HOST}:${PORT:-8080}', 'a gw.example.com:8080', '${HOST} and ${PORT}'],
    ['${EMPTY}', '', '${EMPTY}'],
    ['${EMPTY:-x}', 'x', '${EMPTY}'],
    ['${NONE:-}', '', '${NONE}'],
    ['${NONE:-a:-b $x}', 'a:-b $x', '${NONE}'],
    ['${MONEY}', '$$ ${HOST}', '${MONEY}'],
    ['$$${HOST}', '$gw.example.com', '${HOST}'],
    ['${A:-1}${B:-2}${C:-3}${D:-4}', '1234', '${A}, ${B}, ${C} and others'],
  ] as const) {
    assert.deepEqual(interpolate(text, environment), { ok: true, text: result, names }, text);
  }
  for (const [text, what] of [
    ['${NONE}', /variable NONE is not set/],
    ['${toString}', /variable toString is not set/],
    ['${__proto__}', /variable __proto__ is not set/],
    ['${HOST', /no reference/],
    ['${}', /no reference/],
    ['${1A}', /no reference/],
    ['${HOST-x}', /no reference/],
    ['${NONE:-${HOST}}', /no reference/],
  ] as const) {
    const result = interpolate(text, environment);
    assert.ok(!result.ok, text);
    assert.match(result.what, what, text);
  }
});
