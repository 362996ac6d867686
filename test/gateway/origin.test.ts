import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import type { ListenConfig, OriginsConfig } from '../../src/config/config.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../../src/handshake-outcome.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { handshakeRequest, RawClient, type RequestOptions } from '../support/raw-client.ts';

type Headers = NonNullable<RequestOptions['headers']>;
type Vector = readonly [name: string, origin: Headers['Origin'], verdict: HandshakeOutcome];

const A = 'https://app.example.com';
const ORIGINS: OriginsConfig = {
  allow: [
    A,
    'https://app.example.com:8443',
    'http://localhost:3000',
    'https://*.tenant.example.com',
    'https://[2001:db8::1]',
    'https://münchen.example',
    'http://192.0.2.10:8080',
  ],
  missing: 'deny',
  opaque: 'deny',
};

/** The origin vectors (O1 to O17), one Origin value or several lines each, under the list above. */
const VECTORS: readonly Vector[] = [
  ['O1 exact', A, 'accepted'],
  ['O1 upper case', 'HTTPS://APP.EXAMPLE.COM', 'accepted'],
  ['O1 other port, listed', `${A}:8443`, 'accepted'],
  ['O1 default port written out', `${A}:443`, 'accepted'],
  ['O1 localhost', 'http://localhost:3000', 'accepted'],
  ['O2 port 80', `${A}:80`, 'origin_not_listed'],
  ['O2 http', 'http://app.example.com', 'origin_not_listed'],
  ['O3 leading zero', `${A}:08443`, 'origin_malformed'],
  ['O3 port 0', `${A}:0`, 'origin_malformed'],
  ['O4 the listed host as a user name', `${A}:443@evil.example`, 'origin_malformed'],
  ['O4 user and password', 'https://user:pw@app.example.com', 'origin_malformed'],
  ['O5 slash', `${A}/`, 'origin_malformed'],
  ['O5 backslash', `${A}\\.evil.example`, 'origin_malformed'],
  ['O5 fragment', `${A}#.evil.example`, 'origin_malformed'],
  ['O6 trailing dot', `${A}.`, 'origin_not_listed'],
  ['O7 suffix', `${A}.evil.example`, 'origin_not_listed'],
  ['O7 prefix', 'https://evil-app.example.com', 'origin_not_listed'],
  ['O7 another letter for the dot', 'https://appXexample.com', 'origin_not_listed'],
  ['O8 list', `${A},https://evil.example`, 'origin_malformed'],
  ['O8 two lines', [A, 'https://evil.example'], 'origin_multiple'],
  ['O8 two lines the other way round', ['https://evil.example', A], 'origin_multiple'],
  ['O8 two equal lines', [A, A], 'origin_multiple'],
  ['O9 no line', undefined, 'origin_missing'],
  ['O9 empty', '', 'origin_bad_byte'],
  ['O9 null', 'null', 'origin_opaque'],
  ['O9 NULL', 'NULL', 'origin_malformed'],
  ['O10 file', 'file://', 'origin_scheme'],
  ['O10 blob', 'blob:https://app.example.com/uuid', 'origin_malformed'],
  ['O10 wss', 'wss://app.example.com', 'origin_scheme'],
  ['O10 extension', 'chrome-extension://abcdef', 'origin_scheme'],
  ['O11 no scheme', 'app.example.com', 'origin_malformed'],
  ['O11 no slashes', 'https:app.example.com', 'origin_malformed'],
  ['O12 another loopback name', 'http://127.0.0.1:3000', 'origin_not_listed'],
  ['O13 one label', 'https://a.tenant.example.com', 'accepted'],
  ['O13 two labels', 'https://a.b.tenant.example.com', 'origin_not_listed'],
  ['O13 apex', 'https://tenant.example.com', 'origin_not_listed'],
  ['O13 other scheme', 'http://a.tenant.example.com', 'origin_not_listed'],
  ['O13 empty label', 'https://.tenant.example.com', 'origin_malformed'],
  ['O14 A-label', 'https://xn--mnchen-3ya.example', 'accepted'],
  ['O14 UTF-8', 'https://münchen.example', 'origin_bad_byte'],
  ['O15 IPv6', 'https://[2001:db8::1]', 'accepted'],
  ['O15 zone', 'https://[2001:db8::1%25eth0]', 'origin_malformed'],
  ['O16 dotted quad', 'http://192.0.2.10:8080', 'accepted'],
  ['O16 hexadecimal', 'http://0xc0.0.2.10:8080', 'origin_malformed'],
  ['O16 octal', 'http://192.0.2.010:8080', 'origin_malformed'],
  ['O17 TAB behind it', `${A}\t`, 'accepted'],
  ['O17 300 letters', `https://${'a'.repeat(300)}.tenant.example.com`, 'origin_too_long'],
];

const resources = new AsyncDisposableStack();
let upstream: FakeUpstream;
before(async () => {
  upstream = resources.use(await FakeUpstream.start());
});
after(() => resources.disposeAsync());

describe('O1–O17', () => {
  const gateways = new AsyncDisposableStack();
  let gateway: TestGateway;
  before(async () => {
    gateway = gateways.use(await startTestGateway(upstream.port, { origins: ORIGINS }));
  });
  after(() => gateways.disposeAsync());

  for (const [name, origin, expected] of VECTORS) {
    test(`${name} → ${expected}`, async () => assertVerdict(gateway, { Origin: origin }, expected));
  }

  test('the names of other headers stand in for nothing', async () => {
    const others = { 'Sec-WebSocket-Origin': A, Referer: `${A}/`, 'X-Forwarded-Origin': A };
    await assertVerdict(gateway, { Origin: undefined, ...others }, 'origin_missing');
    await assertVerdict(gateway, { Origin: 'https://evil.example', ...others }, 'origin_not_listed');
  });

  test('the name of the header in any case', async () => {
    await assertVerdict(gateway, { Origin: undefined, oRIGIN: A }, 'accepted');
    await assertVerdict(gateway, { oRIGIN: A }, 'origin_multiple');
  });
});

describe('O9, O10 by policy', () => {
  const policies: readonly [name: string, origins: Partial<OriginsConfig>, rows: readonly Vector[]][] = [
    [
      'missing: allow',
      { missing: 'allow' },
      [
        ['O9 no line', undefined, 'accepted'],
        ['O9 null', 'null', 'origin_opaque'],
        ['O9 empty', '', 'origin_bad_byte'],
        ['O9 another site', 'https://evil.example', 'origin_not_listed'],
      ],
    ],
    [
      'opaque: allow',
      { missing: 'deny', opaque: 'allow' },
      [
        ['O9 null', 'null', 'accepted'],
        ['O9 NULL', 'NULL', 'origin_malformed'],
        ['O9 quoted', '"null"', 'origin_malformed'],
        ['O9 no line', undefined, 'origin_missing'],
        ['O9 two lines', ['null', 'null'], 'origin_multiple'],
      ],
    ],
    [
      'an application, listed',
      { allow: ['chrome-extension://abcdef'], missing: 'deny' },
      [
        ['O10 as listed', 'chrome-extension://abcdef', 'accepted'],
        ['O10 in another case', 'chrome-extension://ABCDEF', 'origin_scheme'],
        ['O10 another one', 'chrome-extension://abcdefg', 'origin_scheme'],
      ],
    ],
    [
      'applications without a name, and with one that changes',
      { allow: ['qrc://', 'content://', 'chrome-extension://*'], missing: 'deny' },
      [
        ['Qt', 'qrc://', 'accepted'],
        ['Android', 'content://', 'accepted'],
        ['any extension', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'accepted'],
        ['none', 'chrome-extension://', 'origin_scheme'],
        ['another scheme', 'moz-extension://abcdef', 'origin_scheme'],
        ['a page', 'https://whoever.example', 'origin_not_listed'],
      ],
    ],
    [
      'localhost',
      { allow: ['localhost'], missing: 'deny' },
      [
        ['a development server', 'http://localhost:5173', 'accepted'],
        ['over TLS', 'https://127.0.0.1:8443', 'accepted'],
        ['IPv6', 'http://[::1]:3000', 'accepted'],
        ['an application', 'capacitor://localhost', 'origin_scheme'],
        ['a lookalike', 'http://localhost.evil.example', 'origin_not_listed'],
        ['null', 'null', 'origin_opaque'],
      ],
    ],
    [
      "'*'",
      { allow: ['*'], missing: 'deny' },
      [
        ['O19 any', 'https://whoever.example', 'accepted'],
        ['O19 any over http', 'http://192.0.2.1:8080', 'accepted'],
        ['O19 null', 'null', 'origin_opaque'],
        ['O19 path', 'https://whoever.example/x', 'origin_malformed'],
        ['O19 another scheme', 'file://', 'origin_scheme'],
        ['O19 an extension', 'chrome-extension://abcdef', 'origin_scheme'],
        ['O19 no line', undefined, 'origin_missing'],
        ['O19 two lines', ['https://whoever.example', 'https://other.example'], 'origin_multiple'],
      ],
    ],
    ['no entry', { allow: [], missing: 'deny' }, [['an empty list', A, 'origin_not_listed']]],
  ];

  for (const [name, origins, rows] of policies) {
    test(name, async () => {
      await using gateway = await startTestGateway(upstream.port, { origins });
      for (const [row, origin, expected] of rows) {
        await assertVerdict(gateway, { Origin: origin }, expected, row);
      }
    });
  }
});

describe('O18 self', () => {
  const SELF: Partial<OriginsConfig> = { allow: ['self'], missing: 'deny' };
  const HOSTS = ['gw.example.com'];
  const REBOUND = 'rebound.attacker.example';

  const files = new AsyncDisposableStack();
  let certificates: TestCertificates;
  before(async () => {
    certificates = files.use(await makeCertificates());
  });
  after(() => files.disposeAsync());

  const selfGateway = (listen: Partial<ListenConfig>): Promise<TestGateway> =>
    startTestGateway(upstream.port, { origins: SELF, listen });

  type Row = readonly [name: string, headers: Headers, verdict: HandshakeOutcome];
  async function assertRows(
    gateway: TestGateway,
    rows: readonly Row[],
    options?: ConnectionOptions,
  ): Promise<void> {
    for (const [name, headers, expected] of rows)
      await assertVerdict(gateway, headers, expected, name, options);
  }

  test('TLS, a list of hosts', async () => {
    await using gateway = await selfGateway({ tls: serverTls(certificates), hosts: HOSTS });
    const rows: readonly Row[] = [
      ['same origin', { Origin: 'https://gw.example.com' }, 'accepted'],
      ['upper case', { Host: 'GW.example.com', Origin: 'https://gw.EXAMPLE.com' }, 'accepted'],
      ['http', { Origin: 'http://gw.example.com' }, 'origin_not_listed'],
      [
        'with the port of Host',
        { Host: 'gw.example.com:8443', Origin: 'https://gw.example.com:8443' },
        'accepted',
      ],
      [
        'without the port of Host',
        { Host: 'gw.example.com:8443', Origin: 'https://gw.example.com' },
        'origin_not_listed',
      ],
      [
        'the default port in Host alone',
        { Host: 'gw.example.com:443', Origin: 'https://gw.example.com' },
        'accepted',
      ],
      ['rebound', { Host: REBOUND, Origin: `https://${REBOUND}` }, 'origin_not_listed'],
      [
        'loopback is not on the list',
        { Host: 'localhost', Origin: 'https://localhost' },
        'origin_not_listed',
      ],
      ['no line', { Origin: undefined }, 'origin_missing'],
      ['null', { Origin: 'null' }, 'origin_opaque'],
      [
        'X-Forwarded-Proto of an untrusted peer',
        { Origin: 'http://gw.example.com', 'X-Forwarded-Proto': 'http' },
        'origin_not_listed',
      ],
    ];
    await assertRows(gateway, rows, {});
  });

  test('plain behind a trusted peer', async () => {
    await using gateway = await selfGateway({ hosts: HOSTS, trustedProxies: ['127.0.0.0/8'] });
    const https = { Origin: 'https://gw.example.com' };
    await assertRows(gateway, [
      ['X-Forwarded-Proto: https', { ...https, 'X-Forwarded-Proto': 'https' }, 'accepted'],
      ['X-Forwarded-Proto: HTTPS', { ...https, 'X-Forwarded-Proto': 'HTTPS' }, 'accepted'],
      ['X-Forwarded-Proto: http', { ...https, 'X-Forwarded-Proto': 'http' }, 'origin_not_listed'],
      ['X-Forwarded-Proto twice', { ...https, 'X-Forwarded-Proto': ['https', 'http'] }, 'origin_not_listed'],
      ['X-Forwarded-Proto as a list', { ...https, 'X-Forwarded-Proto': 'https, http' }, 'origin_not_listed'],
      ['no X-Forwarded-Proto', https, 'origin_not_listed'],
      ['equal values', { ...https, 'X-Forwarded-Proto': ['https, https', 'https'] }, 'accepted'],
      [
        'X-Forwarded-Port',
        { Origin: 'https://gw.example.com:8443', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Port': '8443' },
        'accepted',
      ],
      ['plain', { Origin: 'http://gw.example.com' }, 'accepted'],
      [
        'X-Forwarded-Host on the list',
        { Host: '10.0.0.1:8080', 'X-Forwarded-Host': 'gw.example.com', Origin: 'http://gw.example.com' },
        'accepted',
      ],
      [
        'X-Forwarded-Host not on the list',
        { 'X-Forwarded-Host': REBOUND, Origin: `http://${REBOUND}` },
        'origin_not_listed',
      ],
    ]);
  });

  test('plain behind an untrusted peer', async () => {
    await using gateway = await selfGateway({ hosts: HOSTS, trustedProxies: ['192.0.2.0/24'] });
    await assertRows(gateway, [
      [
        'X-Forwarded-Proto',
        { Origin: 'https://gw.example.com', 'X-Forwarded-Proto': 'https' },
        'origin_not_listed',
      ],
      [
        'X-Forwarded-Host',
        { Host: REBOUND, 'X-Forwarded-Host': 'gw.example.com', Origin: `http://${REBOUND}` },
        'origin_not_listed',
      ],
      ['plain', { Origin: 'http://gw.example.com' }, 'accepted'],
    ]);
  });

  test('no list of hosts: loopback names only', async () => {
    await using gateway = await selfGateway({});
    await assertRows(gateway, [
      ['localhost', { Host: 'localhost:3000', Origin: 'http://localhost:3000' }, 'accepted'],
      ['127.0.0.1', { Host: '127.0.0.1', Origin: 'http://127.0.0.1' }, 'accepted'],
      ['::1', { Host: '[::1]:3000', Origin: 'http://[::1]:3000' }, 'accepted'],
      ['one for the other', { Host: '127.0.0.1:3000', Origin: 'http://localhost:3000' }, 'origin_not_listed'],
      ['any other name', { Origin: 'http://gw.example.com' }, 'origin_not_listed'],
      [
        'a name that starts so',
        { Host: '127.0.0.1.attacker.example', Origin: 'http://127.0.0.1.attacker.example' },
        'origin_not_listed',
      ],
    ]);
  });
});

describe('Host × Origin: a page that reached us under a name of its own gains nothing', () => {
  const HOSTS = ['gw.example.com', 'gw.example.com:8080', 'rebound.attacker.example'];
  const PAGES: readonly [origin: string | undefined, verdicts: readonly HandshakeOutcome[]][] = [
    [A, ['accepted', 'accepted', 'accepted']],
    ['http://gw.example.com', ['accepted', 'origin_not_listed', 'origin_not_listed']],
    ['http://gw.example.com:8080', ['origin_not_listed', 'accepted', 'origin_not_listed']],
    ['http://rebound.attacker.example', ['origin_not_listed', 'origin_not_listed', 'origin_not_listed']],
  ];
  for (const [origin, verdicts] of PAGES) {
    for (const [index, host] of HOSTS.entries()) {
      test(`${origin} at ${host} → ${verdicts[index]}`, async () => {
        await using gateway = await startTestGateway(upstream.port, {
          listen: { hosts: ['gw.example.com'] },
          origins: { allow: [A, 'self'], missing: 'deny' },
        });
        await assertVerdict(gateway, { Host: host, Origin: origin }, verdicts[index]!);
      });
    }
  }
});

/** The answer to the good request with these headers: 101, or status and token of one refusal. */
async function assertVerdict(
  gateway: TestGateway,
  headers: Headers,
  expected: HandshakeOutcome,
  name?: string,
  tls?: ConnectionOptions,
): Promise<void> {
  await using client = await RawClient.connect(gateway.port, tls);
  client.send(handshakeRequest({ headers }));
  const answer = await client.answer();
  const verdict = answer.status === 101 ? 'accepted' : answer.body.split(':', 1)[0];
  assert.deepEqual([name, verdict], [name, expected]);
  if (expected === 'accepted') return;
  assert.equal(answer.status, expected === 'origin_multiple' ? 400 : 403);
  assert.equal(answer.body, `${expected}: ${HANDSHAKE_OUTCOMES[expected].sentence}\n`);
  assert.deepEqual(
    [...answer.headers.keys()].filter((header) => header.startsWith('access-control-')),
    [],
  );
  await client.until(() => client.ended);
}
