import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { lineViolation } from '../../src/inspect/line-policy.ts';
import { type FastScan, fastScanIn, SCAN_BYTES } from '../../src/nats/fast-scan.ts';
import { KnownSubjects } from '../../src/nats/known-subjects.ts';
import { Span } from '../../src/nats/operation.ts';
import { type Direction, VERB } from '../../src/nats/operations.ts';
import { NatsParser, type ParserOptions } from '../../src/nats/parser.ts';
import { rounds } from '../support/rounds.ts';
import { fastScan, inMemory } from './parse-pieces.ts';

type Numbers = {
  readonly counts: readonly number[];
  readonly payloadBytes: number;
  readonly boundary: number;
  readonly held: number;
  readonly isBetween: boolean;
  readonly problem: string | undefined;
  readonly offset: number | undefined;
};

type Reader = ParserOptions & { readonly fastScan?: FastScan | undefined };

function read(direction: Direction, piece: Buffer, { fastScan, ...options }: Reader): Numbers {
  const parser = new NatsParser(direction, { maxLineBytes: 200, ...options });
  parser.fastScan = fastScan;
  parser.parse(piece, 0, piece.length);
  // What is left of a payload shows by what comes next.
  const rest = Buffer.from('0123456789\r\nPING\r\n');
  if (parser.error === undefined) parser.parse(rest, 0, rest.length);
  return {
    counts: [...parser.counts],
    payloadBytes: parser.payloadBytes,
    boundary: parser.lastBoundary,
    held: parser.heldBytes,
    isBetween: parser.isBetweenOperations,
    problem: parser.error?.problem,
    offset: parser.error?.offset,
  };
}

/** Quicker than `deepEqual`, which is asked for the difference. */
const isSame = ({ counts, ...found }: Numbers, expected: Numbers): boolean =>
  (Object.keys(found) as (keyof typeof found)[]).every((key) => found[key] === expected[key]) &&
  counts.every((count, verb) => count === expected.counts[verb]);

const oneByOne: ParserOptions = { reportMessages: true, sink: { onOperation: () => undefined } };
const letters = (length: number): string => 'subject.'.repeat(40).slice(0, length);
const message = (line: string, payload: string): string => `${line} ${payload.length}\r\n${payload}\r\n`;

/** Arguments that end at every place of a block of 32 bytes, and behind it. */
function* streams(direction: Direction): Generator<string> {
  const verb = direction === 'to_client' ? 'MSG' : 'PUB';
  const sid = direction === 'to_client' ? ' 7' : '';
  const filler = message(`${verb} x${sid}`, 'filler');
  for (let length = 1; length <= 70; length++)
    for (const reply of ['', ' r', ` ${letters(31)}`])
      for (const payload of ['', 'ab', 'x'.repeat(12)])
        yield filler + message(`${verb} ${letters(length)}${sid}${reply}`, payload) + filler;
}

/** Where to hurt it. What stands around the message in the middle is the same in all texts, so of one it is enough. */
function* placesIn(text: string, isFirst: boolean): Generator<number> {
  const start = isFirst ? 0 : text.indexOf('filler') + 'filler\r\n'.length;
  // The beginning of what follows counts as well.
  const end = isFirst ? text.length : text.lastIndexOf('filler') - 9;
  for (let at = start; at < end; at++) yield at;
}

for (const direction of ['to_client', 'to_upstream'] as const)
  describe(`runs of plain messages ${direction}`, () => {
    const assertSame = (text: string): void => {
      const piece = Buffer.from(text, 'latin1');
      const expected = read(direction, piece, oneByOne);
      for (const place of ['start', 'end'] as const) {
        const found = read(direction, inMemory([piece], place)[0] as Buffer, { fastScan });
        if (!isSame(found, expected)) assert.deepEqual(found, expected, text);
      }
    };

    test('lines of any length, and of one byte more than the limit', () => {
      for (const text of streams(direction)) assertSame(text);
      for (let length = 150; length < 210; length++)
        assertSame(message(`${direction === 'to_client' ? 'MSG a 1' : 'PUB a'} ${letters(length)}`, 'x'));
    });

    test('cut anywhere', () => {
      for (const text of streams(direction))
        if (text.length < 90) for (let end = 0; end < text.length; end++) assertSame(text.slice(0, end));
    });

    test('with any byte in place of any other', () => {
      let count = 0;
      for (const text of streams(direction)) {
        // A prime, so that lengths of all kinds are met and all of them take seconds, not minutes.
        if (count++ % rounds(61, 37) !== 0) continue;
        const isFirst = count === 1;
        for (const at of placesIn(text, isFirst))
          for (let byte = 0; byte < 256; byte++) {
            // Each byte above ASCII at every fourth place.
            if (byte >= 128 && !isFirst && (byte + at) % 4 !== 0) continue;
            assertSame(`${text.slice(0, at)}${String.fromCharCode(byte)}${text.slice(at + 1)}`);
          }
      }
      assert.ok(count > 600);
    });

    test('with a line feed in a subject', () => {
      for (const text of streams(direction)) {
        if (text.length > 120) continue;
        const second = text.indexOf('\r\n', text.indexOf('filler')) + 2;
        for (let at = second + 4; at < text.indexOf(' ', second + 4); at++)
          assertSame(`${text.slice(0, at)}\n${text.slice(at)}`);
      }
    });

    test('with a byte too many, and one too few', () => {
      let isFirst = true;
      for (const text of streams(direction)) {
        if (text.length > 90) continue;
        for (const at of placesIn(text, isFirst)) {
          assertSame(text.slice(0, at) + text.slice(at + 1));
          for (const byte of ' \t\r\n0x') assertSame(text.slice(0, at) + byte + text.slice(at));
        }
        isFirst = false;
      }
    });

    test('sizes of every length', () => {
      const line = direction === 'to_client' ? 'MSG a 1' : 'PUB a';
      for (const size of ['0', '00', '1', '9', '10', '99', '999', '1000', '1001', '00000010', '000000010'])
        assertSame(`${line} ${size}\r\n${'x'.repeat(Number(size))}\r\n`);
      for (let digits = 1; digits <= 11; digits++)
        for (const size of ['1'.padEnd(digits, '0'), '9'.repeat(digits), `${'1'.repeat(digits)}x`.slice(1)]) {
          const piece = Buffer.from(`${line} ${size}\r\nx`);
          const parsers = [oneByOne, {}].map((options) => {
            const parser = new NatsParser(direction, options);
            parser.fastScan = options === oneByOne ? undefined : fastScan;
            const [lying] = inMemory([piece], 'start') as [Buffer];
            parser.parse(lying, 0, lying.length);
            return [parser.payloadBytes, parser.error?.problem, parser.isBetweenOperations];
          });
          assert.deepEqual(parsers[1], parsers[0], size);
        }
    });

    test('are read in one call, and nothing else is', () => {
      let calls = 0;
      const scan: FastScan['scan'] = (...args) => {
        calls++;
        return (fastScan as FastScan).scan(...args);
      };
      const counted = { ...(fastScan as FastScan), scan };
      const [text = ''] = streams(direction);
      // At the very beginning of the memory a first line of nine bytes is for the parser itself.
      const [piece] = inMemory([Buffer.from(text.repeat(500))], 'end') as [Buffer];
      const parser = new NatsParser(direction);
      parser.fastScan = counted;
      parser.parse(piece, 0, piece.length);
      assert.equal(calls, 1);
      assert.equal(parser.counts[direction === 'to_client' ? VERB.MSG : VERB.PUB], 1500);
      // Elsewhere in memory the bytes are read one message at a time.
      const elsewhere = Buffer.from(piece);
      parser.parse(elsewhere, 0, elsewhere.length);
      assert.equal(calls, 1);
      assert.equal(parser.counts[direction === 'to_client' ? VERB.MSG : VERB.PUB], 3000);
      const [pings] = inMemory([Buffer.from('PING\r\n'.repeat(50))], 'start') as [Buffer];
      parser.parse(pings, 0, pings.length);
      assert.equal(calls, 1);
    });
  });

test('a pool has room for what is found, behind all slots and what SIMD may look at there', () => {
  for (const slots of [1, 2, 13, 60]) {
    const pool = new BufferPool({ slots });
    const starts = Array.from({ length: pool.free }, () => pool.take());
    const end = Math.max(...starts) + pool.slotBytes;
    assert.ok(end + 64 <= pool.scratch);
    assert.ok(pool.scratch + SCAN_BYTES <= pool.bytes.length);
    const run = fastScanIn(pool.memory, pool.scratch) as FastScan;
    assert.equal(fastScanIn(pool.memory, pool.scratch), run);
    const bytes = Buffer.from('MSG a 1 2\r\nhi\r\n');
    bytes.copy(pool.bytes, end - bytes.length);
    const parser = new NatsParser('to_client');
    parser.fastScan = run;
    parser.parse(pool.bytes, end - bytes.length, end);
    assert.deepEqual([...run.result], [1, 2, -1, end]);
    assert.equal(parser.payloadBytes, 2);
  }
});

describe('an enforcer', () => {
  type Told = { readonly told: number; readonly problem: string | undefined };
  const reportedOf = (text: string): Told => {
    let told = 0;
    const parser = new NatsParser('to_upstream', {
      reportMessages: true,
      assembleLines: true,
      sink: {
        onOperation(line) {
          told++;
          const expected = lineViolation(line);
          return expected === undefined ? undefined : { problem: 'policy', expected };
        },
      },
    });
    parser.fastScan = fastScan;
    const plain = 'PUB a.b 1\r\nx\r\n';
    const [piece] = inMemory([Buffer.from(`${plain}${text}${plain}`, 'latin1')], 'end') as [Buffer];
    parser.parse(piece, 0, piece.length);
    return { told, problem: parser.error?.problem };
  };

  test('is told of no message of a run: nothing in it is for the line policy', () => {
    for (const subject of [
      'a',
      'a.b',
      'orders.eu-west.NEW_1',
      '$JS.API.CONSUMER.CREATE.KV_b.name.$KV.b.>',
      '_INBOX.x~y',
      'a..b',
      '.a.',
      '*',
      '>.a',
      letters(63),
      letters(95),
    ])
      for (const reply of ['', ' r', ' _INBOX.abc.1', ' r.*', ` ${letters(61)}`])
        for (const length of [0, 1, 10, 12_345])
          assert.deepEqual(reportedOf(message(`PUB ${subject}${reply}`, 'x'.repeat(length))), {
            told: 0,
            problem: undefined,
          });
    // A blank at every place of a block.
    for (let lead = 1; lead <= 70; lead++)
      for (const line of [`PUB ${'x'.repeat(lead)}`, `PUB ${'x'.repeat(lead)} r`])
        assert.deepEqual(reportedOf(message(line, 'x')), { told: 0, problem: undefined }, line);
    // Not of visible ASCII: somebody has to look at it.
    assert.deepEqual(reportedOf(message('PUB \xc3\xa4', 'x')), { told: 1, problem: undefined });
  });

  test('is told of each message that may not pass, wherever it stands in a block', () => {
    for (let lead = 1; lead <= 70; lead++)
      for (const bad of ['\0', '\x1f', '\x7f', '\xff']) {
        const front = `${'x'.repeat(lead)}.`;
        for (const name of [`${front}${bad}.b`, `${front}${bad}`])
          for (const line of [`PUB ${name}`, `PUB a ${name}`])
            assert.deepEqual(
              reportedOf(message(line, 'x')),
              { told: 1, problem: 'policy' },
              JSON.stringify(line),
            );
      }
    for (const size of ['01', '001', '00', '00000001'])
      for (let lead = 1; lead <= 70; lead++) {
        const payload = 'x'.repeat(Number(size));
        const text = `PUB ${'s'.repeat(lead)} ${size}\r\n${payload}\r\n`;
        assert.deepEqual(reportedOf(text), { told: 1, problem: 'policy' }, text);
      }
  });
});

test('of a list of subjects their messages alone are scanned, whatever the length', () => {
  const known = { subjects: new KnownSubjects(), maxPayloadBytes: 2, withReply: false };
  const reported = (text: string, place: 'start' | 'end'): number => {
    let count = 0;
    const parser = new NatsParser('to_upstream', {
      reportMessages: true,
      sink: { onOperation: () => void count++ },
    });
    parser.fastScan = fastScan;
    parser.known = known;
    // At the very beginning of the memory a first line of nine bytes is for the parser itself.
    const [piece] = inMemory([Buffer.from(`PING\r\n${text}`, 'latin1')], place) as [Buffer];
    parser.parse(piece, 0, piece.length);
    assert.equal(parser.error, undefined);
    return count - 1;
  };
  const add = (text: string): void =>
    known.subjects.add(Buffer.from(text), Object.assign(new Span(), { end: text.length }));
  for (const others of [0, 1, 3])
    for (let length = 1; length <= 253; length++) {
      known.subjects = new KnownSubjects();
      for (let other = 0; other < others; other++) add('other'.slice(other));
      const subject = letters(length);
      add(subject);
      const isKnown = known.subjects.has(Buffer.from(subject), Object.assign(new Span(), { end: length }));
      for (const place of ['start', 'end'] as const) {
        const all = message(`PUB ${subject}`, 'hi') + message(`PUB ${subject}`, 'h');
        assert.equal(reported(all, place), 0);
        const more = ['x', '.', '\xff'].map((byte) => message(`PUB ${subject}${byte}`, 'hi'));
        const fewer =
          length > 1
            ? [message(`PUB ${subject.slice(1)}`, 'hi'), message(`PUB ${subject.slice(0, -1)}`, 'hi')]
            : [];
        const changed = [0, length >> 1, length - 1].map(
          (at) => `${subject.slice(0, at)}~${subject.slice(at + 1)}`,
        );
        const wrong = [...more, ...fewer, ...changed.map((one) => message(`PUB ${one}`, 'hi'))];
        assert.equal(reported(wrong.join(''), place), wrong.length);
        const others = [message(`PUB ${subject} r`, 'hi'), message(`PUB ${subject}`, 'hi!')];
        assert.equal(reported(others.join(''), place), 2);
      }
      assert.ok(isKnown);
    }
});

test('a list of subjects begins anew where it has no room for one more', () => {
  const subjects = new KnownSubjects();
  const has = (text: string): boolean =>
    subjects.has(Buffer.from(text), Object.assign(new Span(), { end: text.length }));
  const add = (text: string): void =>
    subjects.add(Buffer.from(text), Object.assign(new Span(), { end: text.length }));
  assert.equal(has('a'), false);
  add('a'.repeat(254));
  assert.equal(has('a'.repeat(254)), false);
  add('a'.repeat(100));
  add('b'.repeat(151));
  assert.ok(has('a'.repeat(100)) && has('b'.repeat(151)));
  add('c');
  assert.ok(has('c') && !has('a'.repeat(100)) && !has('b'.repeat(151)));
});

test('without SIMD there are no runs', () => {
  assert.equal(fastScanIn(undefined, 0), undefined);
});
