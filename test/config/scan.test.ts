// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the file's own syntax for variables
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scan } from '../../src/config/scan.ts';

test('an ordinary file passes untouched', () => {
  for (const text of [
    'listen: 0.0.0.0:8080\norigins: [https://a.example, "b"]\nupstream: nats://x:1\n',
    'a:\n  b: c # a comment with & * ! " \' [\n\n  d:\n    - e\n    - f: g\n      h: i\n',
    'a:\n- b\n- c\nd: e\n',
    '--- # start\na: b\n...\n# end\n',
    '{"listen": ":8080", "origins": ["https://a.example"], "upstream": "nats://n"}',
    'a: [\n  b,\n  "c",\n]\nd: {e: f,\n  g: h}\n',
    'a: \'it\'\'s\' # x\nb: "say \\"x\\""\n',
    'a: x & y * z ! [not a list] {nor a map} # and a comment\r\nb: c\r\n',
    'a: nats://[::1]:4222\n',
    'a:\n  0.0.0.0:8080\nb: c',
    'a: -5\nb: "*"\nc: \'&x\'\n',
    'a: ~\nb:\nc: ""\n',
  ]) {
    assert.deepEqual(scan(text), { text, findings: [], hopeless: false }, text);
  }
});

test('what a configuration does not need is found where it stands, and taken out', () => {
  for (const [text, offset, message, repaired] of [
    ['origins: *\n', 9, /\* begins a YAML alias.*write '\*' in quotes/, 'origins: ~\n'],
    ['a: [*b, c]', 4, /alias/, 'a: [~ , c]'],
    ['a: &b c', 3, /& begins a YAML anchor/, 'a:    c'],
    ['&a b: c', 0, /anchor/, '   b: c'],
    ['a: !!int b', 3, /! begins a YAML tag/, 'a:       b'],
    ['- &a !b c', 2, /anchor/, '-       c'],
    ['<<: b', 0, /merge keys/, '<<: b'],
    ['listen: [::]:8080\n', 8, /write '\[::\]:8080' in quotes/, 'listen: ~        \n'],
    ['a: [nats://[::1]:1, b]', 11, /write it in quotes/, 'a: [nats://_______, b]'],
    ['a: "b" c\nd: e', 7, /something stands behind/, 'a: "b"  \nd: e'],
    ['a: ["b" "c"]', 8, /write a comma between/, 'a: ["b","c"]'],
    ['a: [[b] [c]]', 8, /write a comma between/, 'a: [[b],[c]]'],
    ['a: [b]: c', 3, /second colon/, 'a: ~     '],
    ['a:\n    b: c\n  d: e\nf: g', 14, /indented like none/, 'a:\n    b: c\n#     \nf: g'],
    ['  a: b\nc: d', 7, /indented like none/, '  a: b\n#   '],
    ['a: [x${B}, b]', 5, /write it in quotes/, 'a: [x____, b]'],
    ['a: |\n  b\nc: d', 3, /over many lines/, 'a: ~\n#  \nc: d'],
    ['a: >-\n  b\nc: d', 3, /over many lines/, 'a: ~ \n#  \nc: d'],
    ['a: @b', 3, /no value begins with/, 'a: _b'],
    ['%YAML 1.1\na: b', 0, /directive/, '#        \na: b'],
    ['a: "b\nc: d', 3, /quote is not closed.*write "/, 'a: ~ \nc: d'],
    ["a: 'b\nc: d", 3, /quote is not closed.*write '/, 'a: ~ \nc: d'],
    ['a: b\n  c\nd: e', 7, /goes on here/, 'a: b\n#  \nd: e'],
    ['a: b\n  c: d\n  e: f\ng: h', 7, /indented by 2, its neighbours by 0/, 'a: b\n#     \n#     \ng: h'],
    ['a: b: c\nd: e', 3, /second colon/, 'a: ~   \nd: e'],
    ['a:b\nc: d', 0, /no key stands in this line; write "key: value"/, '#  \nc: d'],
    ['c: d\na:b', 5, /no key stands/, 'c: d\n#  '],
    ['a:\n  - b\n  c\n', 11, /write "- " before/, 'a:\n  - b\n#  \n'],
    ['a:\n\tb: c\n\td: e\n', 3, /a tab cannot indent/, 'a:\n#    \n#    \n'],
    ['a: b\0c\n', 4, /control character/, 'a: b_c\n'],
    ['a: b\rc\n', 4, /control character/, 'a: b_c\n'],
    ['a: \u0085\u2028b\n', 3, /control character/, 'a: __b\n'],
    ['? a\n', 0, /after \?/, '#  \n'],
    ['a: [b\n c]\n', 7, /write a comma between/, 'a: [b\n c]\n'],
    ['a: - b\n', 3, /a list entry begins within a line/, 'a: _ b\n'],
  ] as const) {
    const { findings, ...rest } = scan(text);
    assert.equal(findings[0]?.offset, offset, text);
    assert.match(findings[0]?.text ?? '', message, text);
    assert.equal(rest.text, repaired, text);
    assert.equal(rest.text.length, text.length, text);
    assert.equal(rest.hopeless, false, text);
  }
});

test('what is not safe to parse is not parsed', () => {
  for (const [text, offset, message] of [
    ['a: b\n---\nc: d', 5, /second document/],
    ['a: b\n...\nc: d', 9, /second document/],
    ['--- a\n', 4, /something stands behind ---/],
    ['a: [b}', 5, /wrong bracket.*write \]/],
    ['a: {b: [c', 3, /never closed; write }/],
    ['a: ["b]', 4, /quote is not closed/],
    ['a: ["b""c"]', 7, /something stands behind/],
    [`a: ${'['.repeat(1000)}`, 34, /more than 32 levels/],
    [`a: ${'{a: '.repeat(1000)}`, 127, /more than 32 levels/],
    ['- '.repeat(1000), 64, /more than 32 levels/],
    [
      Array.from({ length: 40 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
      625,
      /more than 32 levels/,
    ],
    ['a: 1\n'.repeat(10_001), 50_001, /more than 10000 entries/],
    [`a: [${'1,'.repeat(10_001)}`, undefined, /more than 10000 entries/],
    ['a: *b\n'.repeat(300), undefined, /alias/],
  ] as const) {
    const { findings, hopeless } = scan(text);
    const last = findings.at(-1);
    if (offset !== undefined) assert.equal(last?.offset, offset, text.slice(0, 40));
    assert.match(last?.text ?? '', message, text.slice(0, 40));
    assert.ok(hopeless, text.slice(0, 40));
    assert.ok(findings.length <= 200);
  }
});
