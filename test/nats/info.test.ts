import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FirstLine, MAX_INFO_BYTES, readFirstLine, readInfo } from '../../src/nats/info.ts';

const kindOf = (text: string | Buffer): FirstLine['kind'] => readFirstLine(Buffer.from(text)).kind;

const CASES: readonly [string, string | Buffer, FirstLine['kind']][] = [
  ['an INFO line', 'INFO {"server_id":"A"}\r\n', 'info'],
  ['with the blanks of a server', 'INFO {"server_id":"A"} \r\n', 'info'],
  ['ended by a bare LF', 'INFO {}\n', 'info'],
  ['verb in any case, tab, runs of blanks', 'inFo\t  {}\r\n', 'info'],
  ['no blank behind the verb', 'INFO{}\r\n', 'info'],
  ['an -ERR line', "-ERR 'maximum connections exceeded'\r\n", 'error'],
  ['-err in lower case', "-err 'x'\r\n", 'error'],
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n', 'not_nats'],
  ['a TLS alert', Buffer.from([0x15, 3, 1, 0, 2]), 'not_nats'],
  ['an SSH banner', 'SSH-2.0-x\r\n', 'not_nats'],
  ['a blank before the verb', ' INFO {}\r\n', 'not_nats'],
  ['another NATS line', 'PING\r\n', 'not_nats'],
  ['an almost-verb', 'INFX {}\r\n', 'not_nats'],
  ['INFO and nothing', 'INFO\r\n', 'not_nats'],
  ['a line shorter than its verb', 'IN\n', 'not_nats'],
  ['broken JSON', 'INFO {"a":\r\n', 'not_nats'],
  ['a blank that is none of JSON', 'INFO \u00a0{}\r\n', 'not_nats'],
  ['a byte order mark', 'INFO \ufeff{}\r\n', 'not_nats'],
  ['an array', 'INFO []\r\n', 'not_nats'],
  ['null', 'INFO null\r\n', 'not_nats'],
  ['text behind the object', 'INFO {} x\r\n', 'not_nats'],
  ['a line that never ends', Buffer.alloc(MAX_INFO_BYTES, 'INFO '), 'not_nats'],
];

for (const [name, input, kind] of CASES) {
  test(`${name}: ${kind}, whole and byte by byte`, () => {
    const bytes = Buffer.from(input);
    assert.equal(kindOf(bytes), kind);
    // A verdict never changes once it has fallen, and until then every prefix is incomplete.
    let fallen: FirstLine['kind'] = 'incomplete';
    const step = bytes.length > 1000 ? 4096 : 1;
    for (let length = step; length <= bytes.length; length += step) {
      const prefix = kindOf(bytes.subarray(0, length));
      if (fallen !== 'incomplete') assert.equal(prefix, fallen, `after ${length} bytes`);
      fallen = prefix;
    }
    assert.equal(fallen, kind);
  });
}

test('the fields that a gateway acts on, and the length of the line', () => {
  const line =
    'INFO {"server_name":"n1","version":"2.15.1","client_id":42,"tls_required":true,"tls_verify":true,"nonce":"x",' +
    '"client_ip":"::1","connect_urls":["10.0.0.1:4222",7],"ldm":true,"max_payload":1048576,"api_lvl":5} \r\n';
  const info = {
    serverName: 'n1',
    version: '2.15.1',
    clientId: 42,
    tlsRequired: true,
    tlsAvailable: false,
    tlsVerify: true,
    clientIp: '::1',
    connectUrls: ['10.0.0.1:4222'],
    ldm: true,
    maxPayload: 1_048_576,
    nonce: 'x',
    apiLevel: 5,
  };
  assert.deepEqual(readFirstLine(Buffer.from(`${line}PING\r\n`)), {
    kind: 'info',
    length: line.length,
    info,
  });
  assert.deepEqual(readInfo(Buffer.from(line)), info);
  for (const other of [`${line}PING\r\n`, line.trimEnd(), "-ERR 'x'\r\n", 'INFO [] \r\n'])
    assert.equal(readInfo(Buffer.from(other)), undefined, other);
});

test('of addresses no more are kept than anybody reads', () => {
  const urls = JSON.stringify([...Array.from({ length: 70 }, (_, index) => `h${index}:1`), 'x'.repeat(300)]);
  const info = readInfo(Buffer.from(`INFO {"connect_urls":${urls}} \r\n`));
  assert.equal(info?.connectUrls.length, 64);
});

test('fields of a wrong type, and names of Object.prototype, are no fields', () => {
  const read = readFirstLine(
    Buffer.from(
      'INFO {"server_name":7,"client_id":"1","tls_required":"yes","__proto__":{"version":"1"},' +
        '"connect_urls":"a:1","ldm":1,"max_payload":"1","nonce":[]}\r\n',
    ),
  );
  assert.deepEqual(read.kind === 'info' && read.info, {
    serverName: undefined,
    version: undefined,
    clientId: undefined,
    tlsRequired: false,
    connectUrls: [],
    ldm: false,
    maxPayload: undefined,
    nonce: undefined,
    tlsAvailable: false,
    tlsVerify: false,
    clientIp: undefined,
    apiLevel: undefined,
  });
});
