import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Endpoint,
  encodeProxyHeader,
  MAX_V1_BYTES,
  MAX_V2_BYTES,
  type ProxyHeader,
  readProxyHeader,
} from '../../src/net/proxy-protocol.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const v2 = (hex: string): Buffer => Buffer.from(SIGNATURE + hex.replaceAll(' ', ''), 'hex');
const V4_ADDRESSES = 'cb007109 c0000201 c3cb 01bb';
const V6_ADDRESSES = '20010db8000000000000000000000007 20010db8000000000000000000000001 0001 ffff';

const at = (address: string, port: number): Endpoint => ({ address, port });
const header = (
  length: number,
  source?: Endpoint,
  destination?: Endpoint,
): Extract<ProxyHeader, { kind: 'header' }> => ({ kind: 'header', length, source, destination });

const GOOD: readonly [string, string | Buffer, ProxyHeader][] = [
  [
    'v1 TCP4',
    'PROXY TCP4 203.0.113.9 192.0.2.1 50123 443\r\n',
    header(44, at('203.0.113.9', 50_123), at('192.0.2.1', 443)),
  ],
  [
    'v1 TCP6, canonical spelling comes out',
    'PROXY TCP6 2001:DB8:0:0:0:0:0:7 ::1 0 65535\r\n',
    header(45, at('2001:db8::7', 0), at('::1', 65_535)),
  ],
  [
    'v1 TCP6, an IPv4 address mapped into IPv6',
    'PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n',
    header(39, at('203.0.113.9', 1), at('::1', 2)),
  ],
  ['v1 UNKNOWN', 'PROXY UNKNOWN\r\n', header(15)],
  ['v1 UNKNOWN, and what is to be ignored', 'PROXY UNKNOWN ffff::1 x y z\r\n', header(29)],
  [
    'v2 over IPv4',
    v2(`21 11 000c ${V4_ADDRESSES}`),
    header(28, at('203.0.113.9', 50_123), at('192.0.2.1', 443)),
  ],
  [
    'v2 over IPv6',
    v2(`21 21 0024 ${V6_ADDRESSES}`),
    header(52, at('2001:db8::7', 1), at('2001:db8::1', 65_535)),
  ],
  [
    'v2 with a TLV behind the addresses',
    v2(`21 11 0010 ${V4_ADDRESSES} 04000100`),
    header(32, at('203.0.113.9', 50_123), at('192.0.2.1', 443)),
  ],
  ['v2 LOCAL', v2('20 00 0000'), header(16)],
  ['v2 LOCAL with addresses, which are to be ignored', v2(`20 11 000c ${V4_ADDRESSES}`), header(28)],
  ['v2 LOCAL of another family', v2('20 31 0002 0000'), header(18)],
  ['v2 of no family', v2('21 00 0003 010203'), header(19)],
  [
    'v2 as long as may be',
    Buffer.concat([v2('20 00 0ff0'), Buffer.alloc(MAX_V2_BYTES - 16)]),
    header(MAX_V2_BYTES),
  ],
];

for (const [name, input, expected] of GOOD) {
  test(`${name}: whole, byte by byte, and with bytes behind it`, () => {
    const bytes = Buffer.from(input);
    for (let length = 0; length < bytes.length; length++) {
      assert.deepEqual(readProxyHeader(bytes.subarray(0, length)), { kind: 'incomplete' }, `${length} bytes`);
    }
    assert.deepEqual(readProxyHeader(bytes), expected);
    assert.deepEqual(readProxyHeader(Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n')])), expected);
  });
}

const LONG = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

test('the longest line of version 1 has 104 bytes; one of 107 is read, one of 108 is not', () => {
  assert.equal(encodeProxyHeader('v1', at(LONG, 65_535), at(LONG, 65_535)).length, 104);
  const line = (length: number): Buffer => Buffer.from(`PROXY UNKNOWN ${'x'.repeat(length - 16)}\r\n`);
  assert.deepEqual(readProxyHeader(line(MAX_V1_BYTES)), header(MAX_V1_BYTES));
  assert.equal(readProxyHeader(line(MAX_V1_BYTES + 1)).kind, 'malformed');
});

const MALFORMED: readonly [string, string | Buffer][] = [
  ['a request', 'GET / HTTP/1.1\r\n'],
  ['a TLS hello', Buffer.from([0x16, 3, 1])],
  ['lower case', 'proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n'],
  ['a blank in front', ' PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n'],
  ['a bare LF', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n'],
  ['CR and no LF', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx'],
  ['a line that does not end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
  ['two blanks', 'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n'],
  ['a blank at the end', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n'],
  ['a port too few', 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n'],
  ['a family of no TCP', 'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n'],
  ['no family', 'PROXY \r\n'],
  ['IPv6 in TCP4', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
  ['IPv4 in TCP6', 'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n'],
  ['a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
  ['an address that is none', 'PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n'],
  ['a zero in front of an octet', 'PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n'],
  ['a port too high', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'],
  ['a zero in front of a port', 'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n'],
  ['a negative port', 'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n'],
  ['a signature that goes wrong', Buffer.from('0d0a0d0a000d0a51554954ff', 'hex')],
  ['version 1 in binary', v2('11')],
  ['an unknown command', v2('22')],
  ['datagrams', v2(`21 12 000c ${V4_ADDRESSES}`)],
  ['a UNIX socket', v2('21 31 0000')],
  ['too short for its addresses', v2(`21 11 000b ${V4_ADDRESSES}`)],
  ['IPv6 with the length of IPv4', v2(`21 21 000c ${V4_ADDRESSES}`)],
  ['longer than 4 KiB', v2('20 00 0ff1')],
];

for (const [name, input] of MALFORMED) {
  test(`refused: ${name}`, () => {
    const bytes = Buffer.from(input);
    const verdict = readProxyHeader(bytes);
    assert.equal(verdict.kind, 'malformed');
    // No prefix was ever taken for a header.
    for (let length = 0; length < bytes.length; length++) {
      assert.notEqual(readProxyHeader(bytes.subarray(0, length)).kind, 'header');
    }
  });
}

test('encoding: the words of the specification', () => {
  const [four, six] = [at('203.0.113.9', 50_123), at('2001:db8::7', 1)];
  for (const [version, source, destination, expected] of [
    ['v1', four, at('192.0.2.1', 443), 'PROXY TCP4 203.0.113.9 192.0.2.1 50123 443\r\n'],
    ['v1', six, at('2001:db8::1', 65_535), 'PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n'],
    [
      'v1',
      at('::ffff:203.0.113.9', 5),
      at('::ffff:192.0.2.1', 6),
      'PROXY TCP4 203.0.113.9 192.0.2.1 5 6\r\n',
    ],
    ['v1', four, six, 'PROXY TCP4 203.0.113.9 0.0.0.0 50123 1\r\n'],
    ['v1', six, four, 'PROXY TCP6 2001:db8::7 :: 1 50123\r\n'],
    ['v1', four, undefined, 'PROXY TCP4 203.0.113.9 0.0.0.0 50123 0\r\n'],
    ['v1', at('fe80::1%eth0', 1), undefined, 'PROXY TCP6 fe80::1 :: 1 0\r\n'],
    ['v1', undefined, four, 'PROXY UNKNOWN\r\n'],
    ['v1', at('', 0), four, 'PROXY UNKNOWN\r\n'],
    ['v2', four, at('192.0.2.1', 443), v2(`21 11 000c ${V4_ADDRESSES}`)],
    ['v2', six, at('2001:db8::1', 65_535), v2(`21 21 0024 ${V6_ADDRESSES}`)],
    ['v2', undefined, four, v2('20 00 0000')],
    ['v2', at('nonsense', 0), four, v2('20 00 0000')],
  ] as const) {
    const bytes = encodeProxyHeader(version, source, destination);
    assert.deepEqual(bytes.toString('latin1'), Buffer.from(expected).toString('latin1'));
  }
});

const port = fc.nat({ max: 65_535 });
const ends = fc.oneof(fc.tuple(fc.ipV4(), port, fc.ipV4(), port), fc.tuple(fc.ipV6(), port, fc.ipV6(), port));

test('what was encoded is read again, in both versions, whatever stands behind it', () => {
  fc.assert(
    fc.property(fc.constantFrom('v1', 'v2'), ends, fc.uint8Array(), (version, [from, p, to, q], rest) => {
      const bytes = encodeProxyHeader(version, at(from, p), at(to, q));
      const read = readProxyHeader(Buffer.concat([bytes, rest]));
      assert.equal(read.kind, 'header');
      assert.equal(read.length, bytes.length);
      // Encoding what was read gives the same bytes: the spelling alone may have changed.
      assert.deepEqual(encodeProxyHeader(version, read.source, read.destination), bytes);
      assert.deepEqual([read.source?.port, read.destination?.port], [p, q]);
    }),
  );
});

test('any bytes end in a verdict within the limits, and a verdict never changes', () => {
  const start = fc.constantFrom(Buffer.alloc(0), Buffer.from('PROXY '), v2(''), v2('21 11'), v2('2111000c'));
  const mixed = fc.tuple(start, fc.uint8Array({ maxLength: 120 }));
  fc.assert(
    fc.property(mixed, ([first, rest]) => {
      const bytes = Buffer.concat([first, rest]);
      let fallen: ProxyHeader = { kind: 'incomplete' };
      for (let length = 0; length <= bytes.length; length++) {
        const verdict = readProxyHeader(bytes.subarray(0, length));
        if (fallen.kind === 'header') assert.deepEqual(verdict, fallen);
        else if (fallen.kind === 'malformed') assert.equal(verdict.kind, 'malformed');
        fallen = verdict;
      }
      const whole = readProxyHeader(Buffer.concat([bytes, Buffer.alloc(MAX_V2_BYTES)]));
      assert.notEqual(whole.kind, 'incomplete');
    }),
  );
});
