import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { load, REQUIRED } from './support.ts';

/** How long the property below looks for a counterexample. */
const BUDGET_MS = Number(process.env['NATSGATE_FUZZ_MS'] ?? 3000);
/** Longest time for any of these, with room for a busy machine. */
const MOST_MS = 1000;

const bomb = `${[...'abcdefghi']
  .map((name, index, names) => {
    const inner = index === 0 ? '"x"' : `*${names[index - 1]}`;
    return `${name}: &${name} [${Array(9).fill(inner).join(',')}]\n`;
  })
  .join('')}origins: *i\nupstream: nats://n\n`;

const ROWS: readonly (readonly [string, string | Uint8Array, ...RegExp[]])[] = [
  ['C1 alias bomb, 9 by 9', bomb, /alias/],
  [
    'C1 a single alias',
    `${REQUIRED}log: &a {level: info}\ndrain: *a\n`,
    /3:6: log: & begins/,
    /4:8: drain: \* begins/,
  ],
  ['C2 __proto__ as a map', `${REQUIRED}__proto__: {a: b}\n`, /3:1: __proto__: not a known key/],
  [
    'C2 __proto__ deeper',
    `${REQUIRED}log:\n  __proto__: x\n  level: info\n`,
    /4:3: log\.__proto__: not a known/,
  ],
  [
    'C2 constructor, toString',
    `${REQUIRED}constructor: 1\nlog: {toString: 1}\n`,
    /3:1: constructor/,
    /4:7: log\.toString/,
  ],
  ['C2 merge key', `${REQUIRED}log:\n  <<: {level: debug}\n`, /4:3: log\.<<: YAML merge keys/],
  ['C3 1000 nested lists', `a: ${'['.repeat(1000)}${']'.repeat(1000)}`, /32 levels/],
  ['C3 100000 nested lists', `a: ${'['.repeat(100_000)}`, /32 levels/],
  ['C3 100000 dashes', '- '.repeat(100_000), /32 levels/],
  [
    'C3 nested maps by indentation',
    Array.from({ length: 600 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    /32 levels/,
  ],
  [
    'C3 100000 keys, 1.2 MB',
    Array.from({ length: 100_000 }, (_, n) => `key${n}: val\n`).join(''),
    /1:1: .*over 256 KiB/,
  ],
  ['C3 50000 entries, 0.5 MB', `origins:\n${'- entry678\n'.repeat(50_000)}`, /over 256 KiB/],
  [
    'C3 20000 keys, below 256 KiB',
    Array.from({ length: 20_000 }, (_, n) => `k${n}: 1\n`).join(''),
    /10000 entries/,
  ],
  [
    'C3 3000 keys in a map',
    Array.from({ length: 3000 }, (_, n) => `k${n}: 1\n`).join(''),
    /more than 2000 keys/,
  ],
  ['C3 nothing but quotes', `a: ${'"'.repeat(200_000)}`, /quote/],
  ['C3 nothing but brackets', ']'.repeat(200_000), /1:1/],
  ['C3 nothing but colons', `a: ${': '.repeat(100_000)}`, /1:4/],
  ['C3 nothing but backslashes', `a: "${'\\'.repeat(200_000)}`, /quote is not closed/],
  ['C3 nothing but blank lines', '\n'.repeat(260_000), /the file is empty/],
  [
    'C4 0777 as a number',
    `${REQUIRED}limits: {sessions: 0777}\n`,
    /3:20: limits\.sessions: "0777" is not a whole number/,
  ],
  [
    'C4 1_000 as a number',
    `${REQUIRED}limits: {sessions: 1_000}\n`,
    /3:20: limits\.sessions: "1_000" is not/,
  ],
  [
    'C4 no as a number',
    `${REQUIRED}limits: {handshakesInFlight: no}\n`,
    /limits\.handshakesInFlight: "no" is not/,
  ],
  [
    'C4 0777 as a size',
    `${REQUIRED}limits: {frameBytes: 0777}\n`,
    /limits\.frameBytes: "0777" is not a size/,
  ],
  [
    'C4 1_000 as a duration',
    `${REQUIRED}timeouts: {ping: 1_000}\n`,
    /timeouts\.ping: "1_000" is not a duration/,
  ],
  [
    'C4 12:30:45 as a duration',
    `${REQUIRED}timeouts: {ping: 12:30:45}\n`,
    /timeouts\.ping: "12:30:45" is not/,
  ],
  ['C4 no as a word', `${REQUIRED}log: {level: no}\n`, /log\.level: "no" is not known/],
  [
    'C4 2^53 + 1',
    `${REQUIRED}limits: {sessions: 9007199254740993}\n`,
    /limits\.sessions: "9007199254740993" is too large/,
  ],
  ['C4 an octal port', `${REQUIRED}listen: 08080\n`, /3:9: listen: "08080" is not a port/],
  [
    'C5 a key twice',
    `${REQUIRED}log:\n  level: info\n  format: json\n  level: warn\n`,
    /6:3: log\.level: the key stands here a second time/,
  ],
  [
    'C5 a section twice',
    `${REQUIRED}upstream: nats://other\n`,
    /3:1: upstream: the key stands here a second time/,
  ],
  [
    'C5 a key in another case',
    `${REQUIRED}Listen: ":80"\nlimits: {framebytes: 8MiB}\n`,
    /3:1: Listen: .*did you mean listen\?/,
    /4:10: .*did you mean frameBytes\?/,
  ],
  [
    'C5 a key elsewhere',
    `${REQUIRED}ping: 5s\ntls: {}\n`,
    /did you mean timeouts\.ping\?/,
    /did you mean listen\.tls\?/,
  ],
  ['C6 a tag', `${REQUIRED}log: !foo {level: info}\n`, /3:6: log: ! begins a YAML tag/],
  ['C6 a core tag', `${REQUIRED}limits: {sessions: !!int "5"}\n`, /3:20: limits\.sessions: ! begins/],
  ['C6 a directive', `%YAML 1.1\n---\n${REQUIRED}`, /1:1: % at the begin/],
  ['C6 a second document', `${REQUIRED}---\n${REQUIRED}`, /3:1: a second document/],
  [
    'C7 a public suffix',
    'origins: "https://*.com"\nupstream: nats://n\n',
    /1:10: origins: "https:\/\/\*\.com".*two labels/,
  ],
  ['C7 a bare star', 'origins: *\nupstream: nats://n\n', /1:10: origins: .*write '\*' in quotes/],
  ['C7 an empty list', 'origins: []\nupstream: nats://n\n', /1:10: origins: the list is empty; write/],
  ['C7 no value', 'origins:\nupstream: nats://n\n', /1:1: origins: no value stands here; write/],
  ['C8 an empty file', '', /1:1: the file is empty; write/],
  ['C8 only comments', '# nothing\n\n  # here', /1:1: the file is empty/],
  ['C8 UTF-16, little-endian', Buffer.from(`\ufeff${REQUIRED}`, 'utf16le'), /UTF-16; write it as UTF-8/],
  [
    'C8 UTF-16, big-endian',
    Buffer.from(`\ufeff${REQUIRED}`, 'utf16le').swap16(),
    /UTF-16; write it as UTF-8/,
  ],
  ['C8 UTF-16 without a mark', Buffer.from(REQUIRED, 'utf16le'), /UTF-16/],
  [
    'C8 not UTF-8',
    Buffer.concat([Buffer.from('a: b\nc: dä'), Buffer.from([0xff, 0x0a])]),
    /2:6: a byte here is not UTF-8/,
  ],
  [
    'C8 a zero byte',
    `${REQUIRED}log: {level: in\0fo}\n`,
    /3:16: log\.level: U\+0000, a control character, stands here; remove/,
  ],
  ['C8 an escape sequence', `${REQUIRED}"\x1b[31m": 1\n`, /3:2: .*a control character/],
  [
    'C8 an escaped control character',
    `${REQUIRED}log: {level: "a\\x1bb"}\n`,
    /3:14: log\.level: the value holds U\+001B, a control character; write it without/,
  ],
  [
    'C8 a reversing character in a key',
    `${REQUIRED}a\u202eb: 1\n`,
    /3:1: a\\u202eb: the key holds U\+202E, an invisible character; write nothing/,
  ],
  [
    'C9 a password in a URL',
    'upstream: nats://user:CANARY@nats:4222\norigins: nonsense\n',
    /1:11: upstream: a user name or password/,
    /2:10: origins/,
  ],
  [
    'C9 a password in a broken URL',
    'upstream: [nats:/user:CANARY@nats, "nats://u:CANARY", "://CANARY@"]\norigins: []\n',
    /1:12: upstream/,
    /1:36: upstream/,
    /1:55: upstream/,
    /2:10/,
  ],
  [
    'C9 a password in an origin',
    `origins: [https://u:CANARY@a.example]\nupstream: nats://n\n`,
    /1:11: origins: "https:\/\/\*\*\*@a.example" is not/,
  ],
  [
    'C9 a password in a key',
    `${REQUIRED}nats://u:CANARY@nats: 1\n`,
    /3:1: nats:\/\/\*\*\*@nats: not a known key/,
  ],
  ['C9 a password under an unknown key', `${REQUIRED}password: CANARY\n`, /3:1: password: not a known key/],
  [
    'C9 a password beside a YAML error',
    `${REQUIRED}log:\n  level: info\n CANARY: [x]\n`,
    /5:2: the line is indented like none above it/,
  ],
  [
    'C9 a password behind a value',
    `${REQUIRED}log: {level: "info"} CANARY\n`,
    /3:22: log\.level: something stands behind the value; write/,
  ],
  [
    'C9 a password in a listen address',
    `${REQUIRED}listen: u:CANARY@0.0.0.0:80\n`,
    /3:9: listen: "\*\*\*@0\.0\.0\.0:80"/,
  ],
  ['IPv6 without quotes', `${REQUIRED}listen: [::]:8080\n`, /3:9: listen: .*write '\[::\]:8080' in quotes/],
  ['a list at the top', '- a\n- b\n', /1:1: the file is not a map/],
  ['a text at the top', 'just words', /1:1: no line of this file has a key.*; write lines such as/],
  [
    'a list for a value',
    `${REQUIRED}log: {level: [info]}\n`,
    /3:14: log\.level: a list stands here; write one of/,
  ],
  [
    'a map for a value',
    `${REQUIRED}listen:\n  address: {host: x}\n`,
    /4:3: listen\.address: keys stand here; write/,
  ],
  ['a value for a section', `${REQUIRED}limits: 5\n`, /3:9: limits: a single value stands here; write/],
  [
    'a map for a list',
    'origins: {allow: {a: b}}\nupstream: nats://n\n',
    /1:11: origins\.allow: keys stand here/,
  ],
  [
    'a list within a list',
    'origins: [[https://a.example]]\nupstream: nats://n\n',
    /1:11: origins: a list stands here/,
  ],
  [
    'a null in a list',
    'origins: [~, https://a.example]\nupstream: nats://n\n',
    /1:11: origins: no value stands here/,
  ],
];

for (const [name, content, ...expected] of ROWS) {
  test(name, async () => {
    const begin = performance.now();
    const { config, lines } = await load(content);
    const took = performance.now() - begin;
    assert.equal(config, undefined, 'was accepted');
    const report = lines.join('\n');
    for (const [index, pattern] of expected.entries()) {
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${pattern}\n${report.slice(0, 2000)}`,
      );
      if (name.startsWith('C9')) assert.match(lines[index] ?? '', pattern);
    }
    if (!/^C[138] /.test(name)) assert.equal(lines.length, expected.length, report);
    assert.doesNotMatch(report, /CANARY/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    assert.doesNotMatch(report, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
    for (const line of lines) {
      assert.match(line, /^gateway\.yaml:\d+:\d+: /);
      assert.match(line, /; (write|indent|remove|set) |did you mean|set it/, 'says what to write');
    }
    assert.ok(took < MOST_MS, `took ${took} ms`);
  });
}

const FULL = `${REQUIRED}listen:
  address: "[::]:8080" # a comment
  trustedProxies: [10.0.0.0/8, '2001:db8::/32']
limits: {sessions: auto, frameBytes: "\${SIZE:-8}MiB"}
timeouts:
  ping: 25s
  silence: 5m
`;

/** D7. Pieces that a YAML reader finds interesting, so that random texts come near to real ones. */
const pieces = fc.oneof(
  fc.constantFrom(...'\n\n\n  :-[]{},"\'#&*!|>%@`?\\$~\t\r\0\u2028\ufeffé🙂0'),
  fc.constantFrom(
    'listen',
    'origins',
    'upstream',
    'limits',
    ': ',
    '- ',
    '---\n',
    '<<',
    '${',
    '}',
    'nats://',
    '\n  ',
  ),
  fc.string({ maxLength: 5, unit: 'binary' }),
);
/** A right file with one piece cut out and another put in. */
const damaged = fc
  .tuple(fc.nat(FULL.length), fc.nat(20), pieces)
  .map(([at, length, piece]) => FULL.slice(0, at) + piece + FULL.slice(at + length));
const texts = fc.oneof(
  damaged,
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
  fc.array(pieces, { maxLength: 30 }).map((parts) => REQUIRED + parts.join('')),
  fc.tuple(pieces, fc.integer({ min: 1, max: 20_000 })).map(([piece, times]) => piece.repeat(times)),
  fc.uint8Array({ maxLength: 300 }),
);

test('D7: any bytes end in time, in a result or in positions', { timeout: BUDGET_MS + 30_000 }, async () => {
  let longest = 0;
  await fc.assert(
    fc.asyncProperty(texts, async (content) => {
      const begin = performance.now();
      const { config, lines } = await load(content);
      longest = Math.max(longest, performance.now() - begin);
      assert.equal(config === undefined, lines.length > 0);
      for (const line of lines) {
        assert.match(line, /^gateway\.yaml:\d+:\d+: [^\n]*$/);
        assert.ok(Buffer.byteLength(line) < 1000, line);
      }
      assert.ok(longest < 2000, `took ${longest} ms`);
    }),
    {
      interruptAfterTimeLimit: BUDGET_MS,
      numRuns: 100_000,
      markInterruptAsFailure: false,
    },
  );
});
