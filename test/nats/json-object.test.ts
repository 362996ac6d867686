import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanJsonObject } from '../../src/nats/json-object.ts';
import { decodeJsonString, foldKey } from '../../src/nats/json-text.ts';

const raws = (input: string | Buffer): [string, string, string][] => {
  const bytes = Buffer.from(input);
  const scan = scanJsonObject(bytes);
  assert.equal(scan.kind, 'object', `${JSON.stringify(scan)} for ${bytes}`);
  assert.ok(scan.kind === 'object');
  return scan.members.map(({ key, kind, valueStart, valueEnd }) => [
    key,
    kind,
    bytes.toString('utf8', valueStart, valueEnd),
  ]);
};

test('members in their order, duplicates too, with the bytes of their values', () => {
  assert.deepEqual(
    raws(
      ' {"a" : 1.0 ,"b":12345678901234567890,\t"a":-0e+1,"c":[ 1,{"d":[]}, {} ],"\\u0041":"x\\n", "":null,"t":true } \r\n',
    ),
    [
      ['a', 'number', '1.0'],
      ['b', 'number', '12345678901234567890'],
      ['a', 'number', '-0e+1'],
      ['c', 'array', '[ 1,{"d":[]}, {} ]'],
      ['A', 'string', '"x\\n"'],
      ['', 'null', 'null'],
      ['t', 'boolean', 'true'],
    ],
  );
  assert.deepEqual(raws('{}'), []);
  assert.deepEqual(raws('{"__proto__":{"x":1},"constructor":{}}'), [
    ['__proto__', 'object', '{"x":1}'],
    ['constructor', 'object', '{}'],
  ]);
});

const INVALID: readonly [string, number, RegExp][] = [
  ['', 0, /JSON object/],
  ['null', 0, /JSON object/],
  ['[]', 0, /JSON object/],
  ['\ufeff{}', 0, /JSON object/],
  ['{', 1, /key in double quotes/],
  ['{"a"}', 4, /colon/],
  ['{"a":}', 5, /a value/],
  ['{"a":1,}', 7, /key/],
  ['{"a":1 "b":2}', 7, /comma or }/],
  ['{"a":[1 2]}', 8, /comma or ]/],
  ['{"a":[1,]}', 8, /a value/],
  ['{"a":[}', 6, /a value/],
  ['{"a":[1}', 7, /comma or ]/],
  ['{"a":{"b"}}', 9, /colon/],
  ['{"a":{1:2}}', 6, /key/],
  ['{} x', 3, /nothing behind/],
  ['{}{}', 2, /nothing behind/],
  ["{'a':1}", 1, /key/],
  ['{a:1}', 1, /key/],
  ['{"a":"x', 7, /closing double quote/],
  ['{"a":"x\ty"}', 7, /control character/],
  ['{"a":"x\u0000"}', 7, /control character/],
  ['{"a":"\u001f"}', 6, /control character/],
  ['{"a":"\\x"}', 7, /backslash/],
  ['{"a":"\\', 7, /backslash/],
  ['{"a":"\\u12g4"}', 10, /hexadecimal/],
  ['{"a":01}', 6, /comma/],
  ['{"a":+1}', 5, /a value/],
  ['{"a":.5}', 5, /a value/],
  ['{"a":1.}', 7, /digit/],
  ['{"a":1e}', 7, /digit/],
  ['{"a":-}', 6, /digit/],
  ['{"a":0x1}', 6, /comma/],
  ['{"a":truE}', 8, /true/],
  ['{"a":nul', 8, /null/],
  ['{"a":NaN}', 5, /a value/],
  ['{"a":1\u00a0}', 6, /comma/],
  ['{"a":1/**/}', 6, /comma/],
];

for (const [text, offset, expected] of INVALID) {
  test(`${JSON.stringify(text)}: says where and what`, () => {
    const scan = scanJsonObject(Buffer.from(text));
    assert.ok(scan.kind === 'invalid', 'it was taken');
    assert.equal(scan.offset, offset);
    assert.match(scan.expected, expected);
  });
}

test('any nesting up to the limit of Go costs no call stack, one level more is refused', () => {
  const nested = (levels: number): Buffer => Buffer.from(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`);
  assert.equal(scanJsonObject(nested(9_999)).kind, 'object');
  assert.equal(scanJsonObject(nested(10_000)).kind, 'invalid');
  assert.equal(scanJsonObject(Buffer.from('{"a":'.repeat(1_000_000))).kind, 'invalid');
});

const STRINGS: readonly [string, Buffer, string][] = [
  [
    'each byte that is no UTF-8 is one replacement',
    Buffer.from([0x22, 0xe2, 0x82, 0x41, 0xff, 0x22]),
    '��A�',
  ],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), '���'],
  ['an overlong form', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), '��'],
  [
    'a cut sequence behind whole ones',
    Buffer.from([0x22, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xf0, 0x9f, 0x22]),
    'é😀��',
  ],
  ['a lone surrogate escape', Buffer.from('"\\ud800x\\udc00"'), '�x�'],
  ['two high ones and a low one', Buffer.from('"\\ud83d\\ud83d\\ude00"'), '�😀'],
  ['all short escapes', Buffer.from('"\\"\\\\\\/\\b\\f\\n\\r\\t"'), '"\\/\b\f\n\r\t'],
  ['DEL and line separators stand for themselves', Buffer.from('"\x7f\u2028"'), '\x7f\u2028'],
];

for (const [name, bytes, text] of STRINGS)
  test(`a string as Go decodes it: ${name}`, () => {
    assert.equal(decodeJsonString(bytes), text);
    const member = Buffer.concat([Buffer.from('{'), bytes, Buffer.from(':'), bytes, Buffer.from('}')]);
    const scan = scanJsonObject(member);
    assert.ok(scan.kind === 'object');
    assert.equal(scan.members[0]?.key, text);
  });

test('keys fold as Go folds them, not as JavaScript does', () => {
  assert.equal(foldKey('u\u017fer'), 'USER');
  assert.equal(foldKey('auth_to\u212aen'), 'AUTH_TOKEN');
  assert.equal(foldKey('UsEr'), 'USER');
  // JavaScript makes SS of ß and I of ı; Go has other classes for them.
  for (const other of ['ß', 'ı', 'İ', 'ﬀ', 'ｕ', 'user\u0000', 'us\ufffder'])
    assert.equal(
      foldKey(other),
      other.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
    );
});

const parses = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

test('any object that JSON.stringify writes is read, each value with the text it has there', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const found = raws(JSON.stringify(object, null, indent));
      assert.deepEqual(
        found.map(([key, , raw]) => [key, JSON.parse(raw)]),
        Object.entries(JSON.parse(JSON.stringify(object))).map(([key, value]) => [key.toWellFormed(), value]),
      );
    }),
    { numRuns: 500 },
  );
});

test('the verdict equals that of JSON.parse on damaged texts', () => {
  const pieces = '{}[]",:\\0123.eE+- \ttrufalsn"\u0001é'.split('');
  let valid = 0;
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...pieces)), { maxLength: 2 }),
      (object, damages) => {
        let text = JSON.stringify(object);
        for (const [place, removed, piece] of damages) {
          const at = place % (text.length + 1);
          text = text.slice(0, at) + piece + text.slice(at + removed);
        }
        const isValid = parses(text);
        if (isValid) valid++;
        assert.equal(scanJsonObject(Buffer.from(text)).kind === 'object', isValid, text);
      },
    ),
    { numRuns: 5_000 },
  );
  assert.ok(valid > 500 && valid < 4_500, `${valid} were valid`);
});
