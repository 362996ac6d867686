import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Direction } from '../../src/nats/operations.ts';
import { NatsParser } from '../../src/nats/parser.ts';
import type { ParseProblem } from '../../src/nats/protocol.ts';
import { allCuts, byteByByte, cutAt, fastScan, inMemory, type Reading, readPieces } from './parse-pieces.ts';

type Row = readonly [bytes: string, expected: readonly string[] | ParseProblem];

const long = 'x'.repeat(4096);

/** Bytes in latin1. A list: these operations; a word: nothing of the last line is taken, and why. */
const CLIENT: readonly Row[] = [
  ['PUB  3\r\nabc\r\n', 'arguments'],
  ['PUB a \r\n\r\n', 'arguments'],
  // Verbs and separators (N1)
  ['PUB ob.a 2\r\nhi\r\n', ['PUB subject=ob.a size=2 0/2']],
  ['pub ob.a 2\r\nhi\r\n', ['PUB subject=ob.a size=2 0/2']],
  ['pUb\tob.a\t \t2\r\nhi\r\n', ['PUB subject=ob.a size=2 0/2']],
  ['PUB  ob.a  2 \t\r\nhi\r\n', ['PUB subject=ob.a size=2 0/2']],
  ['PUB ob.a reply.to 2\r\nhi\r\n', ['PUB subject=ob.a reply=reply.to size=2 0/2']],
  [' PUB ob.a 2\r\nhi\r\n', 'verb'],
  ['\tPING\r\n', 'verb'],
  ['PUBob.a 2\r\nhi\r\n', 'verb'],
  ['PU ob.a 2\r\nhi\r\n', 'verb'],
  ['PUBX ob.a 2\r\nhi\r\n', 'verb'],
  ['UNSUB_2\r\n', 'verb'],
  ['SUB\r\n', 'verb'],
  ['GET / HTTP/1.1\r\n', 'verb'],
  // Line ends (N2, N3)
  ['PUB ob.a 2\nhi\r\n', ['PUB subject=ob.a size=2 0/2']],
  ['SUB ob.a 1\n', ['SUB subject=ob.a sid=1']],
  ['PING\nPONG\n', ['PING', 'PONG']],
  ['PUB ob.a 2\r\r\nhi\r\n', 'ambiguous'],
  ['PUB ob\r.a 2\r\nhi\r\n', 'ambiguous'],
  ['PUB bad\r.one 2\r\nhi\r\n', 'ambiguous'],
  ['PUB \rob.a 2\r\nhi\r\n', 'ambiguous'],
  ['SUB ob\r.a 1\r\n', 'ambiguous'],
  ['SUB a\r1\n', 'ambiguous'],
  ['UNSUB 1\r 2\r\n', 'ambiguous'],
  ['PUB \n', 'ambiguous'],
  ['PUB \r\n', 'ambiguous'],
  ['PUB \nob.a 2\r\n', 'ambiguous'],
  // Sizes (N4)
  ['PUB ob.a 0002\r\nhi\r\n', ['PUB subject=ob.a size=0002 0/2']],
  ['PUB ob.a 000000002\r\nhi\r\n', ['PUB subject=ob.a size=000000002 0/2']],
  ['PUB ob.a 0000000002\r\nhi\r\n', 'size'],
  ['PUB ob.a 0x2\r\nhi\r\n', 'size'],
  ['PUB ob.a +2\r\nhi\r\n', 'size'],
  ['PUB ob.a -1\r\nhi\r\n', 'size'],
  ['PUB ob.a 2.0\r\nhi\r\n', 'size'],
  ['PUB ob.a \uff12\r\nhi\r\n', 'size'],
  ['PUB ob.a bar\r\n', 'size'],
  [`PUB ob.a ${'1'.repeat(64)}\r\n`, 'size'],
  ['PUB ob.a 0\r\n\r\n', ['PUB subject=ob.a size=0 0/0']],
  // Number of arguments (N5)
  ['PUB a b c 2\r\nhi\r\n', 'arguments'],
  ['PUB 2\r\nhi\r\n', 'arguments'],
  ['SUB a b c 1\r\n', 'arguments'],
  ['SUB foo\r\n', 'arguments'],
  ['UNSUB 1 2 3\r\n', 'arguments'],
  ['HPUB a 2\r\nhi\r\n', 'arguments'],
  ['HPUB a b c 2 2\r\nhi\r\n', 'arguments'],
  // Subjects are bytes (N6, N7, N11, N12, N16)
  ['PUB a\0b 2\r\nhi\r\n', ['PUB subject=a\0b size=2 0/2']],
  ['PUB \xc3\xa9 2\r\nhi\r\n', ['PUB subject=\xc3\xa9 size=2 0/2']],
  ['PUB a\xc2\xa0b 2\r\nhi\r\n', ['PUB subject=a\xc2\xa0b size=2 0/2']],
  ['PUB \xff\xfe\x0b\x0c\x7f 2\r\nhi\r\n', ['PUB subject=\xff\xfe\x0b\x0c\x7f size=2 0/2']],
  ['PUB ob..a 2\r\nhi\r\n', ['PUB subject=ob..a size=2 0/2']],
  ['PUB ob.* 2\r\nhi\r\n', ['PUB subject=ob.* size=2 0/2']],
  ['PUB ob.a r.* 2\r\nhi\r\n', ['PUB subject=ob.a reply=r.* size=2 0/2']],
  ['SUB ob..a 1\r\n', ['SUB subject=ob..a sid=1']],
  ['SUB ob.** 1\r\n', ['SUB subject=ob.** sid=1']],
  ['SUB ob.a workers 1\r\n', ['SUB subject=ob.a sid=1 queue=workers']],
  ['sub ob.a any-token\r\n', ['SUB subject=ob.a sid=any-token']],
  ['UNSUB 7\r\n', ['UNSUB sid=7']],
  ['UNSUB 7 5\r\n', ['UNSUB sid=7 max=5']],
  ['UNSUB 7 -1\r\n', ['UNSUB sid=7 max=-1']],
  // PING, PONG and +OK run to LF (N8, N9)
  ['PING hello\r\n', ['PING']],
  ['PINGPONG \r x\0\r\n', ['PING']],
  ['PoNg\r\n', ['PONG']],
  ['+OK\r\n+okay\r\n', ['+OK', '+OK']],
  ['PIN\r\n', 'verb'],
  // Server verbs (N9)
  ["-ERR 'x'\r\n", 'verb'],
  ['MSG a 1 2\r\nhi\r\n', 'verb'],
  ['HMSG a 1 0 2\r\nhi\r\n', 'verb'],
  ['A+ a\r\n', 'verb'],
  ['RS+ a\r\n', 'verb'],
  ['INFO {}\r\n', ['INFO {}']],
  ['INFO\r\n', 'arguments'],
  // Headers (N10)
  ['HPUB ob.a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n', ['HPUB subject=ob.a headerSize=12 size=14 12/14']],
  ['HPUB ob.a 0 2\r\nhi\r\n', ['HPUB subject=ob.a headerSize=0 size=2 0/2']],
  [
    'hpub ob.a r 012 0014\nNATS/1.0\r\n\r\nhi\r\n',
    ['HPUB subject=ob.a reply=r headerSize=012 size=0014 12/14'],
  ],
  ['HPUB ob.a 15 14\r\n', 'size'],
  ['HPUB ob.a x 14\r\n', 'size'],
  ['HPUB ob.a -1 14\r\n', 'size'],
  // CONNECT
  ['CONNECT {}\r\n', ['CONNECT {}']],
  ['CONNECT{"a":1}\n', ['CONNECT {"a":1}']],
  ['connect \t{} \t\r\n', ['CONNECT {} \t']],
  ['CONNECT\r\n', 'arguments'],
  ['CONNECT \n', 'arguments'],
  // Line length (N13)
  [`PUB ${'x'.repeat(4094)} 0\r\n\r\n`, [`PUB subject=${'x'.repeat(4094)} size=0 0/0`]],
  [`PUB ${'x'.repeat(4095)} 0\r\n\r\n`, 'line_too_long'],
  [`SUB ${'x'.repeat(4094)} 1\r\n`, [`SUB subject=${'x'.repeat(4094)} sid=1`]],
  [`SUB ${'x'.repeat(4095)} 1\r\n`, 'line_too_long'],
  [`CONNECT ${long}\r\n`, [`CONNECT ${long}`]],
  [`CONNECT ${long}x\r\n`, 'line_too_long'],
  [`PUB a ${' '.repeat(4095)}0\r\n`, 'line_too_long'],
  [`PUB ${' '.repeat(4093)}a 0\r\n\r\n`, ['PUB subject=a size=0 0/0']],
  [`PUB ${' '.repeat(5000)}a 0\r\n`, 'line_too_long'],
  // Empty (N14)
  ['\r\n', 'verb'],
  ['\n', 'verb'],
  // Payload (N15)
  ['PUB a 2\r\nhi!\r\n', 'payload_end'],
  ['PUB a 2\r\nhi\n', 'payload_end'],
  ['PUB a 2\r\nhi\r\r\n', 'payload_end'],
  ['PUB a 0\r\nPING\r\n', 'payload_end'],
  ['PUB a 6\r\nPING\r\n\r\nPING\r\n', ['PUB subject=a size=6 0/6', 'PING']],
];

const SERVER: readonly Row[] = [
  ['MSG  1 3\r\nabc\r\n', 'arguments'],
  ['MSG a 1 \r\n\r\n', 'arguments'],
  ['INFO {"a":1} \r\n', ['INFO {"a":1} ']],
  ['INFO {}\n', ['INFO {}']],
  ['info\t{}\r\n', ['INFO {}']],
  ['MSG ob.a 1 2\r\nhi\r\n', ['MSG subject=ob.a sid=1 size=2 0/2']],
  ['MSG ob.a 1 reply 2\r\nhi\r\n', ['MSG subject=ob.a sid=1 reply=reply size=2 0/2']],
  ['msg\tob.a  1 2\nhi\r\n', ['MSG subject=ob.a sid=1 size=2 0/2']],
  ['MSG ob.a 1 0002\r\nhi\r\n', ['MSG subject=ob.a sid=1 size=0002 0/2']],
  ['MSG ob\r.a 1 2\r\nhi\r\n', ['MSG subject=ob\r.a sid=1 size=2 0/2']],
  ['MSG \r 1 2\r\nhi\r\n', ['MSG subject=\r sid=1 size=2 0/2']],
  // A publisher's LF: first, or moved by an import or a mapping.
  ['MSG \na.x 1 2\r\nhi\r\n', ['MSG subject=\na.x sid=1 size=2 0/2']],
  ['MSG pre.\na.x 1 reply 2\r\nhi\r\n', ['MSG subject=pre.\na.x sid=1 reply=reply size=2 0/2']],
  ['MSG out.\n 1 2\r\nhi\r\n', ['MSG subject=out.\n sid=1 size=2 0/2']],
  ['MSG \n\ra\n\n.x\r 1 2\r\nhi\r\n', ['MSG subject=\n\ra\n\n.x\r sid=1 size=2 0/2']],
  ['msg \t\na.x\t1 2\nhi\r\n', ['MSG subject=\na.x sid=1 size=2 0/2']],
  ['HMSG \na 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n', ['HMSG subject=\na sid=1 headerSize=12 size=14 12/14']],
  ['HMSG pre.\na 1 r 0 2\r\nhi\r\n', ['HMSG subject=pre.\na sid=1 reply=r headerSize=0 size=2 0/2']],
  ['MSG \r\nPING\r\n', 'ambiguous'],
  ['MSG \n\r\nPING\r\n', 'arguments'],
  ['MSG a\nPING\r\n', 'arguments'],
  ['MSG a 1\nPING\r\n', 'arguments'],
  [`MSG ${'\n'.repeat(66_000)} 1 2\r\n`, 'line_too_long'],
  ['MSG a\0\xff\x0b 1 2\r\nhi\r\n', ['MSG subject=a\0\xff\x0b sid=1 size=2 0/2']],
  ['MSG a 1 0\r\n\r\n', ['MSG subject=a sid=1 size=0 0/0']],
  ['MSG a 1 9\r\nINFO {}\r\n\r\n', ['MSG subject=a sid=1 size=9 0/9']],
  ['HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n', ['HMSG subject=a sid=1 headerSize=12 size=14 12/14']],
  ['HMSG a 1 r 4 6\r\nfreehi\r\n', ['HMSG subject=a sid=1 reply=r headerSize=4 size=6 4/6']],
  ['PING\r\nPONG\r\n+OK\r\n', ['PING', 'PONG', '+OK']],
  ["-ERR 'Unknown Protocol Operation'\r\n", ["-ERR 'Unknown Protocol Operation'"]],
  ["-err  'x'\n", ["-ERR 'x'"]],
  [`INFO {"x":"${'y'.repeat(65_000)}"}\r\n`, [`INFO {"x":"${'y'.repeat(65_000)}"}`]],
  [`INFO {"x":"${'y'.repeat(66_000)}"}\r\n`, 'line_too_long'],
  ['-ERR\r\n', 'verb'],
  ['MSG a 1\r\n', 'arguments'],
  ['MSG a 1 r s 2\r\n', 'arguments'],
  ['MSG a 1 x\r\n', 'size'],
  ['MSG a 1 1234567890\r\n', 'size'],
  ['HMSG a 1 3 2\r\n', 'size'],
  ['MSG a 1 2\r\nhi!\r\n', 'payload_end'],
  ['HTTP/1.1 400 Bad Request\r\n', 'verb'],
  ['PUB a 2\r\nhi\r\n', 'verb'],
  [' PING\r\n', 'verb'],
  ['\r\n', 'verb'],
];

const MODES = [{}, { assembleLines: true }] as const;
/** As an observer reads: nothing is told of messages, which are counted all the same. */
const UNTOLD = [{ reportMessages: false }, { reportMessages: false, assembleLines: true }] as const;
const PLACES = ['start', 'end'] as const;
/** What must be the same, told or not. */
const numbers = ({ counts, payloadBytes, error, boundary, isBetween }: Reading) => ({
  counts,
  payloadBytes,
  problem: error?.problem,
  offset: error?.offset,
  boundary,
  isBetween,
});

for (const [direction, rows] of [
  ['to_upstream', CLIENT],
  ['to_client', SERVER],
] as const) {
  describe(`bytes ${direction}`, () => {
    for (const [text, expected] of rows) {
      const title = text.length > 60 ? `${text.slice(0, 30)}… (${text.length} bytes)` : text;
      test(`${JSON.stringify(title)}: ${typeof expected === 'string' ? expected : 'read'}`, () => {
        const bytes = Buffer.from(text, 'latin1');
        for (const mode of MODES) {
          const options = { ...mode };
          const whole = readPieces(direction, [bytes], options);
          const untold = readPieces(direction, [bytes], { ...options, reportMessages: false });
          assert.deepEqual(numbers(untold), numbers(whole));
          const inRuns = { ...options, reportMessages: false, fastScan };
          for (const place of PLACES) {
            assert.deepEqual(
              numbers(readPieces(direction, inMemory([bytes], place), inRuns)),
              numbers(whole),
            );
            if (bytes.length > 64) continue;
            for (const pieces of allCuts(bytes))
              assert.deepEqual(
                numbers(readPieces(direction, inMemory(pieces, place), inRuns)),
                numbers(readPieces(direction, pieces, options)),
              );
          }
          if (typeof expected === 'string') assert.equal(whole.error?.problem, expected);
          else {
            assert.equal(whole.error, undefined);
            assert.deepEqual(whole.events, expected);
            assert.equal(whole.boundary, bytes.length);
            assert.ok(whole.isBetween);
          }
          assertSame(readPieces(direction, byteByByte(bytes), options), whole);
          if (bytes.length <= 64)
            for (const pieces of allCuts(bytes)) assertSame(readPieces(direction, pieces, options), whole);
        }
      });
    }
  });
}

/** How a stream is cut may change when an error is seen and how much of it is shown, nothing else. */
function assertSame(split: Reading, whole: Reading): void {
  const { mostHeld: _held, error, ...rest } = split;
  const { mostHeld: _wholeHeld, error: wholeError, ...wholeRest } = whole;
  assert.deepEqual(rest, wholeRest);
  assert.equal(error?.problem, wholeError?.problem);
  assert.equal(error?.offset, wholeError?.offset);
  assert.equal(error?.expected, wholeError?.expected);
  // Of a header block the first bytes may be gone when it turns out to be none.
  if (error?.problem === 'policy') return;
  // A piece may be too short to show the word.
  const bare = (text = ''): string => text.replace(/…$/, '').replaceAll(/[A-Z+-]/gi, '.');
  assert.ok(
    bare(wholeError?.found).startsWith(bare(error?.found)) ||
      bare(error?.found).startsWith(bare(wholeError?.found)),
    `${error?.found} and ${wholeError?.found}`,
  );
}

const OPERATIONS = {
  to_upstream: fc.oneof(
    fc.constantFrom(
      'PING\r\n',
      'pong x\n',
      '+OK\r\n',
      'CONNECT {"a":"b"}\r\n',
      'UNSUB 3\r\n',
      'SUB a.b q 3\r\n',
    ),
    fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((text) => `PUB a.b ${text.length}\r\n${text}\r\n`),
    fc
      .string({ unit: 'binary-ascii', maxLength: 40 })
      .map((text) => `HPUB a b 0 ${text.length}\r\n${text}\r\n`),
  ),
  to_client: fc.oneof(
    fc.constantFrom('PING\r\n', 'PONG\n', '+OK\r\n', 'INFO {"a":"b"} \r\n', "-ERR 'no'\r\n"),
    fc
      .string({ unit: 'binary-ascii', maxLength: 40 })
      .map((text) => `MSG a\r.b 9 ${text.length}\r\n${text}\r\n`),
    fc
      .string({ unit: 'binary-ascii', maxLength: 40 })
      .map((text) => `HMSG \na.\n 9 r 0 ${text.length}\r\n${text}\r\n`),
  ),
} as const satisfies Record<Direction, unknown>;

for (const direction of ['to_upstream', 'to_client'] as const) {
  test(`any stream ${direction}, hurt or not, reads the same however it is cut`, () => {
    const damage = fc.option(fc.tuple(fc.nat(), fc.constantFrom('', '\r', '\n', ' ', '\t', '0', 'x', '\0')), {
      nil: undefined,
    });
    const cuts = fc.array(fc.nat(), { maxLength: 12 });
    const property = fc.property(
      fc.array(OPERATIONS[direction], { maxLength: 12 }),
      damage,
      cuts,
      (list, hurt, at) => {
        let text = list.join('');
        if (hurt !== undefined && text.length > 0) {
          const place = hurt[0] % text.length;
          text = text.slice(0, place) + hurt[1] + text.slice(place + 1);
        }
        // A line that is not finished may be found wrong sooner or later.
        const bytes = Buffer.from(`${text}\n`, 'latin1');
        const offsets = at.map((one) => one % bytes.length).sort((one, other) => one - other);
        for (const mode of MODES) {
          const whole = readPieces(direction, [bytes], mode);
          assertSame(readPieces(direction, cutAt(bytes, offsets), mode), whole);
          assertSame(readPieces(direction, byteByByte(bytes), mode), whole);
        }
        for (const [index, mode] of UNTOLD.entries()) {
          const told = numbers(readPieces(direction, [bytes], MODES[index]));
          assert.deepEqual(numbers(readPieces(direction, [bytes], mode)), told);
          const pieces = cutAt(bytes, offsets);
          assert.deepEqual(numbers(readPieces(direction, pieces, mode)), told);
          for (const place of PLACES) {
            const inRuns = { ...mode, fastScan };
            assert.deepEqual(numbers(readPieces(direction, inMemory([bytes], place), inRuns)), told);
            assert.deepEqual(numbers(readPieces(direction, inMemory(pieces, place), inRuns)), told);
          }
        }
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });
}

test('what lies behind a piece in memory is none of its business', () => {
  for (const [direction, text] of [
    ['to_upstream', 'PUB a.b 3\r\nabc\r\nPUB c reply 12\r\n123456789012\r\nPING\r\nPUB d 0\r\n\r\n'],
    ['to_client', 'MSG a.b 1 3\r\nabc\r\nMSG c 22 reply 12\r\n123456789012\r\nPONG\r\nMSG d 3 0\r\n\r\n'],
  ] as const) {
    const bytes = Buffer.from(text);
    const whole = readPieces(direction, [bytes]);
    assert.equal(whole.events.length, 4);
    for (let cut = 1; cut < bytes.length; cut++) {
      // Not copies: behind the first lies what completes it.
      const { mostHeld: _, ...reading } = readPieces(direction, [
        bytes.subarray(0, cut),
        bytes.subarray(cut),
      ]);
      assert.deepEqual({ ...reading, mostHeld: whole.mostHeld }, whole, `cut at ${cut}`);
    }
    // And at the end of all memory.
    const tight = Buffer.from(new Uint8Array(bytes).buffer);
    assert.deepEqual(readPieces(direction, [tight]), whole);
    for (let cut = 1; cut < bytes.length; cut++)
      for (const reportMessages of [true, false]) {
        const short = Buffer.from(tight.buffer.slice(0, cut));
        assert.equal(readPieces(direction, [short], { reportMessages }).error, undefined);
      }
  }
});

describe('an error', () => {
  const errorOf = (direction: Direction, ...pieces: readonly string[]) =>
    readPieces(
      direction,
      pieces.map((piece) => Buffer.from(piece, 'latin1')),
    ).error;

  test('says where the operation begins, what was expected and the shape of the first bytes', () => {
    assert.deepEqual(errorOf('to_upstream', 'PING\r\nSUB a 1\r\nSUB a\0\\\xff 2 3', ' 4\r\nPING\r\n'), {
      problem: 'arguments',
      offset: 15,
      expected: 'SUB subject [queue] sid',
      found: 'SUB .\\x00.. . . .\\x0d\\x0a',
    });
    assert.deepEqual(errorOf('to_upstream', 'PUB a 2\r\nhi', 'PUB'), {
      problem: 'payload_end',
      offset: 11,
      expected: 'CR LF after the payload',
      found: 'PUB',
    });
    assert.deepEqual(errorOf('to_client', 'PING\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n'), {
      problem: 'verb',
      offset: 6,
      expected: 'an operation of a server',
      found: 'HTTP.... ... ... .......\\x0d\\x0a......…',
    });
  });

  test('a long line in two pieces shows its beginning, not the second piece', () => {
    const error = errorOf('to_upstream', 'SUB abc', long, 'z'.repeat(64));
    assert.equal(error?.problem, 'line_too_long');
    assert.equal(error?.offset, 0);
    assert.match(error?.found ?? '', /^SUB \.{28}…$/);
  });

  test('shows no word of the peer but a verb', () => {
    for (const [text, found] of [
      ['CONNECT {"pass":"hunter2"}', 'CONNECT ..................\\x0d\\x0a'],
      ['connect user=bob&pass=hunter2', 'connect .....................\\x0d\\x0a'],
      ['hunter2', '.......\\x0d\\x0a'],
      ['AUTH hunter2', 'AUTH .......\\x0d\\x0a'],
      ['PUBLISH hunter2', '....... .......\\x0d\\x0a'],
      ['SUBhunter2', '..........\\x0d\\x0a'],
    ]) {
      const parser = new NatsParser('to_upstream', {
        sink: { onOperation: () => ({ problem: 'policy', expected: 'nothing' }) },
      });
      const line = Buffer.from(`${text}\r\n`);
      parser.parse(line, 0, line.length);
      assert.equal(
        (parser.error?.found ?? '').replace('…', ''),
        (found ?? '').slice(0, parser.error?.found.length),
      );
    }
  });

  test('is the last thing: nothing is read behind it', () => {
    const reading = readPieces('to_upstream', [Buffer.from('\nPING\r\n'), Buffer.from('PING\r\n')]);
    assert.deepEqual(reading.events, []);
    assert.equal(reading.error?.offset, 0);
  });
});

describe('header blocks, where they are checked', () => {
  const read = (block: string, total = block.length): Reading['error'] => {
    const bytes = Buffer.from(`HPUB a ${block.length} ${total}\r\n${block}\r\n`, 'latin1');
    const options = { checkHeaders: true, assembleLines: true };
    const whole = readPieces('to_upstream', [bytes], options);
    for (const pieces of bytes.length < 64 ? allCuts(bytes) : [byteByByte(bytes)])
      assertSame(readPieces('to_upstream', pieces, options), whole);
    return whole.error;
  };
  test('from NATS/1.0 to an empty line', () => {
    for (const block of [
      'NATS/1.0\r\n\r\n',
      'NATS/1.0\r\nA: b\r\n\r\n',
      `NATS/1.0\r\nA: ${'b'.repeat(500)}\r\n\r\n`,
    ])
      assert.equal(read(block), undefined, block);
  });
  test('nothing else', () => {
    for (const block of [
      'x',
      'nats/1.0\r\n\r\n',
      'NATS/1.0\r\nA: b\r\n',
      'NATS/1.0\r\nA: b\n\n',
      '\r\n\r\n',
    ]) {
      const error = read(block);
      assert.equal(error?.problem, 'policy', block);
      assert.equal(error?.offset, `HPUB a ${block.length} ${block.length}\r\n`.length);
    }
  });
});

describe('memory', () => {
  const SLACK = 64;
  test('of an unfinished line never more than limit and slack is kept, whatever it is', () => {
    for (const maxLineBytes of [100, 4096]) {
      for (const [direction, start] of [
        ['to_upstream', 'PUB '],
        ['to_upstream', 'PUB a '],
        ['to_upstream', 'CONNECT {'],
        ['to_upstream', 'HPUB'],
        ['to_client', 'MSG a'],
        ['to_client', "-ERR '"],
        ['to_client', 'INFO {'],
      ] as const) {
        for (const filler of [' ', 'x', '\t', '\0']) {
          for (const step of [1, 7, 1000]) {
            const piece = Buffer.from(filler.repeat(step));
            const pieces = [
              Buffer.from(start),
              ...Array.from({ length: Math.ceil(6000 / step) }, () => piece),
            ];
            const reading = readPieces(direction, pieces, { maxLineBytes, assembleLines: true });
            assert.ok(reading.mostHeld <= maxLineBytes + SLACK, `${start}${filler}: ${reading.mostHeld}`);
            assert.ok(reading.error !== undefined, `${start}${JSON.stringify(filler)} in steps of ${step}`);
          }
        }
      }
    }
  });

  test('PING, PONG and +OK with a megabyte of text keep nothing, wherever they are cut', () => {
    const text = Buffer.alloc(1_048_576, ' x');
    for (const verb of ['PING', 'PONG', '+OK']) {
      const bytes = Buffer.concat([Buffer.from(verb), text, Buffer.from('\r\nPING\r\n')]);
      for (const cut of [1, 2, 3, 4, 5, 100, 4200, 65_536]) {
        for (const step of [65_536, 5000]) {
          const offsets = [cut];
          for (let at = cut + step; at < bytes.length; at += step) offsets.push(at);
          const reading = readPieces('to_upstream', cutAt(bytes, offsets));
          assert.equal(reading.error, undefined);
          assert.deepEqual(reading.events, [verb, 'PING']);
          assert.ok(reading.mostHeld <= 4, String(reading.mostHeld));
        }
      }
    }
  });

  test('a payload of any size is counted, not kept', () => {
    const piece = Buffer.alloc(65_536, 'PING\r\n');
    const pieces = [
      Buffer.from('PUB a 104857600\r\n'),
      ...Array.from({ length: 1600 }, () => piece),
      Buffer.from('\r\n'),
    ];
    const reading = readPieces('to_upstream', pieces);
    assert.equal(reading.mostHeld, 0);
    assert.equal(reading.payloadBytes, 104_857_600);
    assert.ok(reading.isBetween);
  });
});
