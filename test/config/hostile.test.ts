import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { load, REQUIRED } from './support.ts';

/** How many texts the property below tries. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);

const bomb = `${[...'abcdefghi']
  .map((name, index, names) => {
    const inner = index === 0 ? '"x"' : `*${names[index - 1]}`;
    return `${name}: &${name} [${Array(9).fill(inner).join(',')}]\n`;
  })
  .join('')}origins: *i\nupstream: nats://n\n`;

const ROWS: readonly (readonly [string, string | Uint8Array, ...string[]])[] = [
  ['alias bomb, 9 by 9', bomb, 'too_many_values 1:1 '],
  ['a single alias', `${REQUIRED}log: &a {level: info}\ndrain: *a\n`, 'unknown_key 3:10 drain.level'],
  ['__proto__ as a map', `${REQUIRED}__proto__: {a: b}\n`, 'unknown_key 3:1 __proto__'],
  ['__proto__ deeper', `${REQUIRED}log:\n  __proto__: x\n  level: info\n`, 'unknown_key 4:3 log.__proto__'],
  [
    'constructor, toString',
    `${REQUIRED}constructor: 1\nlog: {toString: 1}\n`,
    'unknown_key 3:1 constructor',
    'unknown_key 4:7 log.toString',
  ],
  [
    'nested maps by indentation',
    Array.from({ length: 600 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    'missing 1:1 origins',
    'missing 1:1 upstream',
    'unknown_key 1:1 a',
  ],
  [
    '100000 keys, 1.2 MB',
    Array.from({ length: 100_000 }, (_, n) => `key${n}: val\n`).join(''),
    'too_large 1:1 ',
  ],
  ['50000 entries, 0.5 MB', `origins:\n${'- entry678\n'.repeat(50_000)}`, 'too_large 1:1 '],
  [
    '20000 keys, below 256 KiB',
    Array.from({ length: 20_000 }, (_, n) => `k${n}: 1\n`).join(''),
    'too_many_values 1:1 ',
  ],
  ['nothing but blank lines', '\n'.repeat(260_000), 'empty_file 1:1 '],
  ['0777 as a number', `${REQUIRED}limits: {sessions: 0777}\n`, 'not_a_number 3:20 limits.sessions'],
  ['1_000 as a number', `${REQUIRED}limits: {sessions: 1_000}\n`, 'not_a_number 3:20 limits.sessions'],
  [
    'no as a number',
    `${REQUIRED}limits: {handshakesInFlight: no}\n`,
    'not_a_number 3:30 limits.handshakesInFlight',
  ],
  ['0777 as a size', `${REQUIRED}limits: {frameBytes: 0777}\n`, 'not_a_size 3:22 limits.frameBytes'],
  ['1_000 as a duration', `${REQUIRED}timeouts: {ping: 1_000}\n`, 'not_a_duration 3:18 timeouts.ping'],
  ['12:30:45 as a duration', `${REQUIRED}timeouts: {ping: 12:30:45}\n`, 'not_a_duration 3:18 timeouts.ping'],
  ['no as a word', `${REQUIRED}log: {level: no}\n`, 'unknown_word 3:14 log.level'],
  ['2^53 + 1', `${REQUIRED}limits: {sessions: 9007199254740993}\n`, 'too_large 3:20 limits.sessions'],
  ['an octal port', `${REQUIRED}listen: 08080\n`, 'address 3:9 listen'],
  [
    'a key twice',
    `${REQUIRED}log:\n  level: info\n  format: json\n  level: warn\n`,
    'duplicate_key 6:3 log.level',
  ],
  ['a section twice', `${REQUIRED}upstream: nats://other\n`, 'duplicate_key 3:1 upstream'],
  [
    'a key in another case',
    `${REQUIRED}Listen: ":80"\nlimits: {framebytes: 8MiB}\n`,
    'unknown_key 3:1 Listen',
    'unknown_key 4:10 limits.framebytes',
  ],
  ['a key elsewhere', `${REQUIRED}ping: 5s\ntls: {}\n`, 'unknown_key 3:1 ping', 'unknown_key 4:1 tls'],
  ['a tag', `${REQUIRED}log: !foo {level: info}\n`, 'yaml_tag_resolve_failed 3:6 '],
  ['a core tag', `${REQUIRED}limits: {sessions: !!int "5"}\n`, 'yaml_tag_resolve_failed 3:20 '],
  ['a second document', `${REQUIRED}---\n${REQUIRED}`, 'yaml_multiple_docs 3:1 '],
  ['a public suffix', 'origins: "https://*.com"\nupstream: nats://n\n', 'origin 1:10 origins'],
  ['a bare star', 'origins: *\nupstream: nats://n\n', 'yaml_bad_alias 1:10 '],
  ['an empty list', 'origins: []\nupstream: nats://n\n', 'empty_list 1:10 origins'],
  ['no value', 'origins:\nupstream: nats://n\n', 'missing 1:1 origins.allow'],
  ['an empty file', '', 'empty_file 1:1 '],
  ['only comments', '# nothing\n\n  # here', 'empty_file 1:1 '],
  ['UTF-16, little-endian', Buffer.from(`\ufeff${REQUIRED}`, 'utf16le'), 'not_utf8 1:1 '],
  ['UTF-16, big-endian', Buffer.from(`\ufeff${REQUIRED}`, 'utf16le').swap16(), 'not_utf8 1:1 '],
  ['UTF-16 without a mark', Buffer.from(REQUIRED, 'utf16le'), 'not_utf8 1:1 '],
  ['not UTF-8', Buffer.concat([Buffer.from('a: b\nc: dä'), Buffer.from([0xff, 0x0a])]), 'not_utf8 1:1 '],
  ['a zero byte', `${REQUIRED}log: {level: in\0fo}\n`, 'not_utf8 1:1 '],
  ['an escape sequence', `${REQUIRED}"\x1b[31m": 1\n`, 'unknown_key 3:1 \\u{1b}[31m'],
  [
    'an escaped control character',
    `${REQUIRED}log: {level: "a\\x1bb"}\n`,
    'control_character 3:14 log.level',
  ],
  ['a reversing character in a key', `${REQUIRED}a\u202eb: 1\n`, 'unknown_key 3:1 a\\u{202e}b'],
  [
    'a password in a URL',
    'upstream: nats://user:CANARY@nats:4222\norigins: nonsense\n',
    'server_url 1:11 upstream',
    'origin 2:10 origins',
  ],
  [
    'a password in a broken URL',
    'upstream: [nats:/user:CANARY@nats, "nats://u:CANARY", "://CANARY@"]\norigins: []\n',
    'server_url 1:12 upstream',
    'server_url 1:36 upstream',
    'server_url 1:55 upstream',
    'empty_list 2:10 origins',
  ],
  [
    'a password in an origin',
    `origins: [https://u:CANARY@a.example]\nupstream: nats://n\n`,
    'origin 1:11 origins',
  ],
  ['a password in a key', `${REQUIRED}nats://u:CANARY@nats: 1\n`, 'unknown_key 3:1 nats://***@nats'],
  ['a password under an unknown key', `${REQUIRED}password: CANARY\n`, 'unknown_key 3:1 password'],
  [
    'a password beside a YAML error',
    `${REQUIRED}log:\n  level: info\n CANARY: [x]\n`,
    'yaml_bad_indent 5:1 ',
  ],
  ['a password behind a value', `${REQUIRED}log: {level: "info"} CANARY\n`, 'yaml_unexpected_token 3:22 '],
  ['a password in a listen address', `${REQUIRED}listen: u:CANARY@0.0.0.0:80\n`, 'address 3:9 listen'],
  ['IPv6 without quotes', `${REQUIRED}listen: [::]:8080\n`, 'yaml_unexpected_token 3:13 '],
  ['a list at the top', '- a\n- b\n', 'not_a_map 1:1 '],
  ['a text at the top', 'just words', 'not_a_map 1:1 '],
  ['a list for a value', `${REQUIRED}log: {level: [info]}\n`, 'list 3:14 log.level'],
  ['a map for a value', `${REQUIRED}listen:\n  address: {host: x}\n`, 'map 4:3 listen.address'],
  ['a value for a section', `${REQUIRED}limits: 5\n`, 'single_value 3:9 limits'],
  ['a map for a list', 'origins: {allow: {a: b}}\nupstream: nats://n\n', 'map 1:11 origins.allow'],
  ['a list within a list', 'origins: [[https://a.example]]\nupstream: nats://n\n', 'list 1:11 origins'],
  ['a null in a list', 'origins: [~, https://a.example]\nupstream: nats://n\n', 'empty 1:11 origins'],
];

for (const [name, content, ...expected] of ROWS) {
  test(`refused with code and place: ${name}`, async () => {
    const { config, problems, text } = await load(content);
    assert.equal(config, undefined, 'was accepted');
    // Of a file with hundreds of problems the first few will do.
    assert.deepEqual(problems.length > 12 ? problems.slice(0, 3) : problems, expected);
    const report = text.join('\n');
    assert.doesNotMatch(report, /CANARY/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    assert.doesNotMatch(report, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
    for (const line of text) {
      assert.match(line, /^gateway\.yaml:\d+:\d+: /);
      assert.match(
        line,
        /; (write|remove|set|indent) |did you mean|set it|more than one YAML document; remove/,
        'says what to write',
      );
    }
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

/** Pieces that a YAML reader finds interesting, so that random texts come near to real ones. */
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

test('any bytes end in a result or in positions', async () => {
  await fc.assert(
    fc.asyncProperty(texts, async (content) => {
      const { config, problems, text: lines } = await load(content);
      assert.equal(config === undefined, problems.length > 0);
      for (const line of lines) {
        assert.match(line, /^gateway\.yaml:\d+:\d+: [^\n]*$/);
        assert.ok(Buffer.byteLength(line) < 1000, line);
      }
    }),
    { numRuns: RUNS },
  );
});
