import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readInfo } from '../../src/nats/info.ts';
import { type InfoRules, rewriteInfo } from '../../src/nats/info-rewrite.ts';
import { realNatsServer } from '../support/nats.ts';
import { connectRaw } from '../support/raw-nats.ts';

const KEEP: InfoRules = { connectUrls: 'keep', hide: [] };
const rewrite = (json: string, rules: Partial<InfoRules>): string | undefined =>
  rewriteInfo(Buffer.from(`INFO ${json} \r\n`), { ...KEEP, ...rules })?.toString();

const CASES: readonly [string, string, Partial<InfoRules>, string][] = [
  [
    'drop: both lists go',
    '{"a":1.0,"connect_urls":["10.0.0.1:4222"],"b":2,"ws_connect_urls":["10.0.0.1:80"]}',
    { connectUrls: 'drop' },
    '{"a":1.0,"b":2}',
  ],
  ['drop: an object that becomes empty', '{"connect_urls":[]}', { connectUrls: 'drop' }, '{}'],
  ['an empty list drops', '{"connect_urls":["a:1"]}', { connectUrls: [] }, '{}'],
  [
    'list: in the place of the old one',
    '{"a":1,"connect_urls":["10.0.0.1:4222"],"b":2}',
    { connectUrls: ['nats.example.com:443', 'n2:443'] },
    '{"a":1,"connect_urls":["nats.example.com:443","n2:443"],"b":2}',
  ],
  [
    'list: into an INFO that has none',
    '{"a":1,"ws_connect_urls":[]}',
    { connectUrls: ['n:443'] },
    '{"a":1,"connect_urls":["n:443"]}',
  ],
  ['list: into an empty object', '{}', { connectUrls: ['n:443'] }, '{"connect_urls":["n:443"]}'],
  [
    'every spelling that some client reads, and each repetition',
    '{"Connect_URLs":["a:1"],"\\u0063onnect_urls":["b:1"],"connect_url\u017f":[]}',
    { connectUrls: ['n:443'] },
    '{"connect_urls":["n:443"]}',
  ],
  [
    'another spelling of the wanted value',
    '{"Connect_URLs":["n:443"]}',
    { connectUrls: ['n:443'] },
    '{"connect_urls":["n:443"]}',
  ],
  [
    'tls true',
    '{"tls_required":false,"a":1,"tls_verify":true}',
    { tls: true },
    '{"tls_required":true,"a":1,"tls_available":true}',
  ],
  [
    'tls false',
    '{"tls_required":true,"tls_verify":true,"tls_available":true,"a":1}',
    { tls: false },
    '{"a":1}',
  ],
  [
    'client address replaced',
    '{"client_ip":"10.0.0.9","a":1}',
    { clientIp: '2001:db8::1' },
    '{"client_ip":"2001:db8::1","a":1}',
  ],
  [
    'login not needed',
    '{"a":1,"Auth_Required":true,"nonce":"n"}',
    { needsNoLogin: true },
    '{"a":1,"nonce":"n"}',
  ],
  ['client address put in', '{"a":1}', { clientIp: '192.0.2.7' }, '{"a":1,"client_ip":"192.0.2.7"}'],
  [
    'hidden: always present ones keep their type, others go',
    '{"server_name":"n1","git_commit":"abc","go":"go1.26","host":"10.0.0.1","port":4222,"cluster":"c","ip":"nats://x","max_payload":1}',
    { hide: ['host', 'port', 'cluster', 'server_name', 'git_commit', 'go', 'ip'] },
    '{"server_name":"","go":"","host":"0.0.0.0","port":0,"max_payload":1}',
  ],
  ['ldm', '{"a":1}', { ldm: true }, '{"a":1,"ldm":true}'],
  ['ldm replaced', '{"ldm":false}', { ldm: true }, '{"ldm":true}'],
];

for (const [name, json, rules, expected] of CASES)
  test(name, () => {
    const once = rewrite(json, rules);
    assert.equal(once, `INFO ${expected} \r\n`);
    // Whatever the rules ask for is there now, so that the line passes as it is.
    const line = Buffer.from(once);
    assert.equal(rewriteInfo(line, { ...KEEP, ...rules }), line);
  });

const SAME: readonly [string, string, Partial<InfoRules>][] = [
  ['keep', 'INFO {"connect_urls":["a:1"],"ws_connect_urls":["a:2"],"tls_verify":true} \r\n', {}],
  ['nothing to drop', 'INFO {"a":1} \r\n', { connectUrls: 'drop' }],
  ['nothing to hide, and nothing is put in', 'INFO {"a":1} \r\n', { hide: ['host', 'port', 'cluster'] }],
  ['another form of the line', 'info\t{ "a" : 1 }\n', { connectUrls: 'drop', tls: false }],
  [
    'names inside values',
    'INFO {"a":{"connect_urls":["x:1"]},"b":"connect_urls"} \r\n',
    { connectUrls: 'drop' },
  ],
];

for (const [name, line, rules] of SAME)
  test(`the very same buffer when nothing changes: ${name}`, () => {
    const bytes = Buffer.from(line);
    assert.equal(rewriteInfo(bytes, { ...KEEP, ...rules }), bytes);
  });

for (const line of [
  '',
  'INFO',
  'INFO {}',
  'INFO \r\n',
  'INFO []\r\n',
  'INFO {"a":1\r\n',
  'INFO {} x\r\n',
  'INFO {}\r\nPING\r\n',
  ' INFO {}\r\n',
  'INFX {}\r\n',
  `INFO {"a":"${'x'.repeat(64 * 1024)}"}\r\n`,
])
  test(`no INFO line: ${JSON.stringify(line.slice(0, 30))}`, () => {
    assert.equal(rewriteInfo(Buffer.from(line), { connectUrls: 'drop', hide: [] }), undefined);
    assert.equal(readInfo(Buffer.from(line)), undefined);
  });

const EVERYTHING: InfoRules = {
  connectUrls: ['nats.example.com:443'],
  tls: true,
  clientIp: '192.0.2.7',
  hide: ['host', 'port', 'cluster', 'server_name', 'git_commit', 'go', 'ip'],
  ldm: true,
};
const TOUCHED =
  /^(connect_urls|ws_connect_urls|tls_\w+|client_ip|host|port|cluster|server_name|git_commit|go|ip|ldm)$/;

test('what no rule names survives with its bytes and order, whatever it is', () => {
  const raw = fc.constantFrom(
    '1.0',
    '12345678901234567890',
    '"\\u0041\\/é"',
    '{ "connect_urls" : [1 ] }',
    'null',
    '-0',
    '[]',
  );
  const name = fc.constantFrom(
    ...['nonce', 'version', 'proto', 'headers', 'jetstream', 'domain', 'api_lvl', 'client_id', 'server_id'],
    ...[
      'xkey',
      'max_payload',
      'new_field',
      'connect_info',
      '__proto__',
      'connect_urls',
      'host',
      'TLS_verify',
      'ldm',
    ],
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, raw)), (members) => {
      const text = (list: readonly [string, string][]): string =>
        list.map(([key, value]) => `"${key}":${value}`).join(',');
      const output = rewrite(`{${text(members)}}`, EVERYTHING);
      const untouched = members.filter(([key]) => !TOUCHED.test(key.toLowerCase()));
      let at = 0;
      for (const member of untouched) {
        const found = output?.indexOf(text([member]), at) ?? -1;
        assert.notEqual(found, -1, `${text([member])} in ${output}`);
        at = found + text([member]).length;
      }
      const object = JSON.parse(output?.slice(5) ?? '') as Record<string, unknown>;
      assert.deepEqual(object['connect_urls'], ['nats.example.com:443']);
      assert.equal(object['tls_required'], true);
      assert.equal(output?.includes('erify'), false);
    }),
  );
});

test('both INFO lines of a real server: rewritten, and every other member as it was', async () => {
  await using server = await realNatsServer();
  await using client = await connectRaw(server.port);
  client.write('CONNECT {"protocol":1,"verbose":false}\r\nPING\r\n');
  const lines = [
    client.info,
    ...(await client.linesUntil((line) => line.startsWith('PONG') || line.startsWith('-ERR'))),
  ];
  const infos = lines.filter((line) => line.startsWith('INFO'));
  assert.ok(infos.length >= 1);
  for (const line of infos) {
    assert.equal(
      rewriteInfo(Buffer.from(line), { connectUrls: 'drop', tls: false, hide: [] })?.toString(),
      line,
    );
    const before = JSON.parse(line.slice(5)) as Record<string, unknown>;
    const after = rewriteInfo(Buffer.from(line), EVERYTHING)?.toString() ?? '';
    assert.match(after, /^INFO \{.*\} \r\n$/);
    const read = JSON.parse(after.slice(5)) as Record<string, unknown>;
    for (const [key, value] of Object.entries(before))
      if (!TOUCHED.test(key)) assert.deepEqual(read[key], value, key);
    assert.equal(readInfo(Buffer.from(after))?.clientId, before['client_id']);
    assert.deepEqual(
      [read['host'], read['port'], read['server_name'], read['cluster'], read['ldm']],
      ['0.0.0.0', 0, '', undefined, true],
    );
  }
});
