import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CaptureError, readCapture } from '../../src/capture/ndjson.ts';
import { END, EVERYTHING, fileOf, HEADER, pieces } from './support.ts';

const PUB = { t: 1, d: 'c>', op: 'PUB', subj: 'a', n: 3 };

const read = (file: Buffer, bytes?: number) => Array.fromAsync(readCapture(pieces(file, bytes)));

test('every record comes as it was written, however the file is cut into pieces', async () => {
  const file = EVERYTHING({ client: '2001:db8::7', route: '/', origin: 'https://a.example', user: 'jane' });
  const lines = file.toString().trim().split('\n');
  for (const bytes of [1, 7, file.length])
    assert.deepEqual(
      await read(file, bytes),
      lines.map((line) => JSON.parse(line) as unknown),
    );
});

test('the last line may have no line feed, and keys that are not known are passed over', async () => {
  const file = fileOf({ ...HEADER, later: 1 }, { ...PUB, later: [2] });
  assert.equal((await read(file.subarray(0, -1))).length, 2);
});

describe('what is refused, with its line', () => {
  const cases: readonly (readonly [string, readonly object[], RegExp])[] = [
    ['another file', [{ v: 1 }], /^line 1: this is not a natsgate capture$/],
    ['a later version', [{ ...HEADER, v: 2 }], /^line 1: v: expected 1; a newer natsgate/],
    ['a time without zone', [{ ...HEADER, started: '2026-11-30' }], /^line 1: started: /],
    ['a name in place of an address', [{ ...HEADER, client: 'host' }], /^line 1: client: expected an IP/],
    ['an event before the header', [PUB], /^line 1: /],
    ['time that goes back', [HEADER, PUB, { ...PUB, t: 0 }], /^line 3: t: /],
    ['something after the end', [HEADER, END, { ...PUB, t: 200 }], /^line 3: nothing may follow/],
    ['a direction', [HEADER, { ...PUB, d: 'x>' }], /^line 2: d: expected one of c>, >s, s>, >c, g$/],
    ['an operation', [HEADER, { ...PUB, op: 'PUT' }], /^line 2: op: expected a NATS operation$/],
    ['an operation of the other side', [HEADER, { ...PUB, op: 'MSG', sid: '1' }], /^line 2: op: expected an/],
    ['a missing subject', [HEADER, { ...PUB, subj: undefined }], /^line 2: subj: /],
    ['a subject with a line feed', [HEADER, { ...PUB, subj: 'a\r\nPUB' }], /^line 2: subj: /],
    [
      'a text of two lines',
      [HEADER, { t: 1, d: 'c>', op: 'CONNECT', text: '{}\r\nPING' }],
      /^line 2: text: /,
    ],
    ['half a byte', [HEADER, { ...PUB, n: 1.5 }], /^line 2: n: /],
    ['a payload that no server takes', [HEADER, { ...PUB, n: 2 ** 27 }], /^line 2: n: expected at most/],
    ['more headers than message', [HEADER, { ...PUB, op: 'HPUB', hb: 4 }], /^line 2: hb: /],
    ['a header name of two', [HEADER, { ...PUB, op: 'HPUB', hb: 2, hn: ['a: b'] }], /^line 2: hn: /],
    ['a payload in a masked capture', [HEADER, { ...PUB, b: 'YWJj' }], /^line 2: b: expected none/],
    [
      'a payload of more bytes than it has',
      [
        { ...HEADER, payloads: 'full' },
        { ...PUB, b: 'YWJjZGVm' },
      ],
      /^line 2: b: expected n bytes/,
    ],
    ['a verdict', [HEADER, { ...PUB, v: 'maybe' }], /^line 2: v: /],
    ['a list', [HEADER, []], /^line 2: not a JSON object$/],
  ];
  for (const [name, records, message] of cases)
    test(name, async () => {
      await assert.rejects(read(fileOf(...records)), (error: Error) => {
        assert.ok(error instanceof CaptureError);
        assert.match(error.message, message);
        return true;
      });
    });

  test('no JSON, and nothing at all', async () => {
    await assert.rejects(read(Buffer.from('hello\n')), /^Error: line 1: not JSON$/);
    await assert.rejects(read(Buffer.alloc(0)), /the file is empty/);
  });

  test('a line without end is not kept for ever', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (let at = 0; at < 1000; at++) yield Buffer.alloc(1024 * 1024, 'a');
    }
    await assert.rejects(Array.fromAsync(readCapture(endless())), /a line has more than/);
  });
});
