import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Inspected } from './inspected.ts';

type Row = readonly [bytes: string, observe: 'ok' | 'stop', enforce: 'pass' | 'refuse' | 'prefix'];

const hi = (line: string, end = '\r\n'): string => `${line}${end}hi\r\n`;
const headed = (block: string): string => `HPUB ob.a ${block.length} ${block.length + 2}\r\n${block}hi\r\n`;

/** The vectors of the line policy, behind a plain CONNECT; max_payload is 65,536. */
const VECTORS: Readonly<Record<string, readonly Row[]>> = {
  'N1 verbs and separators': [
    [hi('PUB ob.a 2'), 'ok', 'pass'],
    [hi('pub ob.a 2'), 'ok', 'pass'],
    [hi('PUB\tob.a\t2'), 'ok', 'pass'],
    [hi('PUB  ob.a  2'), 'ok', 'pass'],
    [hi(' PUB ob.a 2'), 'stop', 'refuse'],
  ],
  'N2 line ends': [
    [hi('PUB ob.a 2', '\n'), 'ok', 'refuse'],
    ['PING\n', 'ok', 'refuse'],
    ['SUB ob.a 1\n', 'ok', 'refuse'],
  ],
  'N3 lone CR': [
    [hi('PUB ob.a 2\r'), 'stop', 'refuse'],
    [hi('PUB ob\r.a 2'), 'stop', 'refuse'],
    ['SUB ob\ra 1\r\n', 'stop', 'refuse'],
    [hi('PUB bad\r.one 2'), 'stop', 'refuse'],
  ],
  'N4 sizes': [
    [hi('PUB ob.a 0002'), 'ok', 'refuse'],
    [hi('PUB ob.a 0000000002'), 'stop', 'refuse'],
    [hi('PUB ob.a 0x2'), 'stop', 'refuse'],
    ['PUB ob.a 0\r\n\r\n', 'ok', 'pass'],
    [`PUB ob.a 65536\r\n${'x'.repeat(65_536)}\r\n`, 'ok', 'pass'],
    [`PUB ob.a 65537\r\n${'x'.repeat(65_537)}\r\n`, 'stop', 'refuse'],
    [hi('HPUB ob.a 00 2'), 'ok', 'refuse'],
  ],
  'N5 number of arguments': [
    [hi('PUB a b c 2'), 'stop', 'refuse'],
    ['SUB a b c 1\r\n', 'stop', 'refuse'],
  ],
  'N6 subject bytes': [
    [hi('PUB a\0b 2'), 'ok', 'refuse'],
    [hi('PUB a\x7fb 2'), 'ok', 'refuse'],
    [hi('PUB a\xffb 2'), 'ok', 'refuse'],
    [hi('PUB \xc3\xa9 2'), 'ok', 'pass'],
    [hi('PUB a\xc2\xa0b 2'), 'ok', 'pass'],
    ['SUB a q\0 1\r\n', 'ok', 'refuse'],
  ],
  'N7 publish subjects': [
    [hi('PUB ob..a 2'), 'ok', 'refuse'],
    [hi('PUB .a 2'), 'ok', 'refuse'],
    [hi('PUB a. 2'), 'ok', 'refuse'],
    [hi('PUB ob.* 2'), 'ok', 'refuse'],
    [hi('PUB > 2'), 'ok', 'refuse'],
    [hi('PUB ob.a* 2'), 'ok', 'pass'],
    [hi('HPUB ob.* 0 2'), 'ok', 'refuse'],
  ],
  'N8 PING and PONG': [
    ['PING\r\n', 'ok', 'pass'],
    ['PING  \r\n', 'ok', 'pass'],
    ['PONG\r\n', 'ok', 'pass'],
    ['PING hello\r\n', 'ok', 'refuse'],
    ['PONGx\r\n', 'ok', 'refuse'],
    [`PING ${'x'.repeat(100_000)}\r\n`, 'ok', 'refuse'],
  ],
  'N9 server verbs': [
    ['+OK\r\n', 'ok', 'refuse'],
    ['INFO {}\r\n', 'ok', 'refuse'],
    ["-ERR 'x'\r\n", 'stop', 'refuse'],
    [hi('MSG ob.a 1 2'), 'stop', 'refuse'],
    [hi('HMSG ob.a 1 0 2'), 'stop', 'refuse'],
  ],
  'N10 headers': [
    [headed('NATS/1.0\r\n\r\n'), 'ok', 'pass'],
    [headed('NATS/1.0\r\nA: b\r\n\r\n'), 'ok', 'pass'],
    [hi('HPUB ob.a 0 2'), 'ok', 'pass'],
    [hi('HPUB ob.a r.1 0 2'), 'ok', 'pass'],
    ['HPUB ob.a 15 14\r\n', 'stop', 'refuse'],
    [headed('HTTP/1.0\r\n\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0\r\nA: b\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0 100 Idle\r\n\r\n'), 'ok', 'pass'],
    [headed('NATS/1.0\r\n\r\nEvil: yes\r\n\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0Evil: yes\r\n\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0\r\nA: b\nEvil: yes\r\n\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0\r\nA: b\rEvil: yes\r\n\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0\r\nA: b\r\n\r\n\r\n'), 'ok', 'refuse'],
    [headed('NATS/1.0\r\n\r\n\r\n\r\n'), 'ok', 'refuse'],
  ],
  'N11 subscribe subjects': [
    ['SUB ob..a 1\r\n', 'ok', 'refuse'],
    ['SUB a.>.b 1\r\n', 'ok', 'refuse'],
    ['SUB ob.** 1\r\n', 'ok', 'pass'],
    ['SUB *.a.> workers 1\r\n', 'ok', 'pass'],
  ],
  'N12 sids': [
    ['SUB a 7\r\nSUB b 7\r\n', 'ok', 'pass'],
    ['UNSUB 7\r\n', 'ok', 'pass'],
    ['UNSUB 7 5\r\n', 'ok', 'pass'],
    ['UNSUB 7 -1\r\n', 'ok', 'refuse'],
    ['UNSUB 7 0\r\n', 'ok', 'pass'],
    ['UNSUB 7 007\r\n', 'ok', 'refuse'],
    ['UNSUB 7 1000000000\r\n', 'ok', 'refuse'],
    [`SUB a ${'7'.repeat(64)}\r\n`, 'ok', 'pass'],
    [`SUB a ${'7'.repeat(65)}\r\n`, 'ok', 'refuse'],
    ['SUB a \xc3\xa9\r\n', 'ok', 'refuse'],
    ['UNSUB \x01\r\n', 'ok', 'refuse'],
  ],
  'N13 line length': [
    [`PUB ${'x'.repeat(4094)} 0\r\n\r\n`, 'ok', 'pass'],
    [`PUB ${'x'.repeat(4095)} 0\r\n\r\n`, 'stop', 'refuse'],
  ],
  'N14 unknown and empty': [
    ['\r\n', 'stop', 'refuse'],
    ['QUIT\r\n', 'stop', 'refuse'],
  ],
  'N15 payload': [
    ['PUB ob.a 2\r\nhi!\r\n', 'stop', 'refuse'],
    ['PUB ob.a 20\r\nhi', 'ok', 'prefix'],
    ['PUB ob.a 2', 'ok', 'prefix'],
  ],
  'N16 reply subjects': [
    [hi('PUB ob.a r.* 2'), 'ok', 'refuse'],
    [hi('PUB ob.a r..1 2'), 'ok', 'refuse'],
    [hi('HPUB ob.a r.> 0 2'), 'ok', 'refuse'],
    [hi('PUB ob.a $JS.API.STREAM.LIST 2'), 'ok', 'pass'],
  ],
  'N19 CONNECT': [
    ['CONNECT {"user":"b"}\r\n', 'ok', 'refuse'],
    ['connect{}\r\n', 'ok', 'refuse'],
  ],
};

for (const [name, rows] of Object.entries(VECTORS)) {
  describe(name, () => {
    for (const [text, observe, enforce] of rows) {
      const title = text.length > 50 ? `${text.slice(0, 20)}… (${text.length} bytes)` : text;
      const bytes = Buffer.from(text, 'latin1');
      const pieces = Array.from({ length: Math.floor(bytes.length / 60_000) }, (_, at) => 60_000 * (at + 1));
      const cuts = [
        pieces,
        ...(bytes.length <= 40 ? everywhere(bytes.length) : [[1, 9, 17].filter((at) => at < bytes.length)]),
      ];

      test(`observe: ${observe} for ${JSON.stringify(title)}, and every byte goes on`, () => {
        for (const offsets of cuts.filter((one) => bytes.length < 60_000 || one === pieces)) {
          const inspected = Inspected.connected('observe').toUpstream(bytes, offsets);
          assert.equal(inspected.stops.length, observe === 'ok' ? 0 : 1);
          assert.equal(inspected.inspector.refusal, undefined);
          assert.equal(inspected.up, text);
        }
      });

      test(`enforce: ${enforce} for ${JSON.stringify(title)}`, () => {
        for (const offsets of cuts.filter((one) => bytes.length < 60_000 || one === pieces)) {
          const inspected = Inspected.connected('enforce').toUpstream(bytes, offsets);
          const { refusal } = inspected.inspector;
          assert.equal(refusal === undefined, enforce !== 'refuse', `cut at ${offsets}: ${refusal}`);
          assert.equal(inspected.stops.length, enforce === 'refuse' ? 1 : 0);
          if (enforce === 'pass') assert.equal(inspected.up, text);
          else assert.ok(text.startsWith(inspected.up), inspected.up);
          if (enforce === 'refuse') assert.notEqual(inspected.up, text);
          if (enforce === 'refuse')
            assert.ok(!inspected.up.includes('\n') || /^H?PUB|^SUB/.test(inspected.up));
        }
      });
    }
  });
}

test('what is refused never becomes complete upstream, and what stood in front of it went', () => {
  for (const [text, , enforce] of Object.values(VECTORS).flat()) {
    if (enforce !== 'refuse' || text.length > 40) continue;
    const bytes = Buffer.from(`SUB before 1\r\n${text}`, 'latin1');
    const inspected = Inspected.connected('enforce').toUpstream(bytes);
    assert.ok(inspected.up.startsWith('SUB before 1\r\n'));
    assert.ok(inspected.up.length < bytes.length);
  }
});

test('what may be said before CONNECT: nothing', () => {
  for (const text of ['PING\r\n', 'SUB a 1\r\n', 'PUB a 2\r\nhi\r\n']) {
    const inspected = new Inspected('enforce').toUpstream(Buffer.from(text));
    assert.equal(inspected.up, '');
    assert.equal(inspected.inspector.refusal, 'Unknown Protocol Operation');
  }
});

test('a size above the maximum is refused in the words of the server, before any byte of it', () => {
  const inspected = Inspected.connected('enforce').toUpstream(Buffer.from('PUB ob.a 65537\r\nxx'));
  assert.equal(inspected.inspector.refusal, 'Maximum Payload Violation');
  assert.equal(inspected.up, '');
  assert.equal(
    inspected.inspector.lastWords('nats_violation')?.toString(),
    "-ERR 'Maximum Payload Violation'\r\n",
  );
});

/** Cut once, everywhere, and into single bytes; the parser's own test cuts at pairs of places. */
function everywhere(length: number): number[][] {
  const offsets = Array.from({ length: length - 1 }, (_, at) => at + 1);
  return [...offsets.map((at) => [at]), offsets];
}
