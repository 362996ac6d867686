import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressKey, clientAddress, forwardedOrigin } from '../../src/listener/client-address.ts';
import { canonicalIpv6, parseIpAddress } from '../../src/net/ip-address.ts';
import { compileTrustedProxies } from '../../src/net/networks.ts';

const TRUSTED = compileTrustedProxies(['10.0.0.0/8', '192.168.1.1', '2001:db8:cafe::/48']);

function forwardedFor(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => ['X-Forwarded-For', line]);
}

const CHAINS: readonly [name: string, peer: string, lines: readonly string[], client: string][] = [
  ['no proxy, no header', '203.0.113.5', [], '203.0.113.5'],
  ['no proxy, forged header', '203.0.113.5', ['6.6.6.6'], '203.0.113.5'],
  ['no proxy, forged header that names a proxy', '203.0.113.5', ['6.6.6.6, 10.0.0.1'], '203.0.113.5'],
  ['proxy without header', '10.0.0.1', [], '10.0.0.1'],
  ['one proxy', '10.0.0.1', ['203.0.113.5'], '203.0.113.5'],
  ['one proxy, forged hop on the left', '10.0.0.1', ['6.6.6.6, 203.0.113.5'], '203.0.113.5'],
  ['forged hop that looks like a proxy', '10.0.0.1', ['6.6.6.6, 10.0.0.9, 203.0.113.5'], '203.0.113.5'],
  ['two proxies', '10.0.0.1', ['203.0.113.5, 10.2.3.4'], '203.0.113.5'],
  ['three proxies over three lines', '10.0.0.1', ['203.0.113.5', '10.2.3.4', '192.168.1.1'], '203.0.113.5'],
  ['forged line in front', '10.0.0.1', ['6.6.6.6', '203.0.113.5'], '203.0.113.5'],
  ['all hops trusted', '10.0.0.1', ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
  ['neighbour of a trusted address', '10.0.0.1', ['203.0.113.5, 192.168.1.2'], '192.168.1.2'],
  ['mapped peer', '::ffff:10.0.0.1', ['203.0.113.5'], '203.0.113.5'],
  ['mapped peer in hexadecimal', '::FFFF:a00:1', ['203.0.113.5'], '203.0.113.5'],
  ['mapped hop', '10.0.0.1', ['::ffff:203.0.113.5'], '203.0.113.5'],
  ['mapped proxy hop', '10.0.0.1', ['203.0.113.5, ::ffff:10.0.0.7'], '203.0.113.5'],
  ['IPv6 proxy and client', '2001:db8:cafe::1', ['2001:DB8:0:0::5'], '2001:db8::5'],
  ['hop with port', '10.0.0.1', ['203.0.113.5:61234'], '203.0.113.5'],
  ['hop in brackets', '10.0.0.1', ['[2001:db8::5]'], '2001:db8::5'],
  ['hop in brackets with port', '10.0.0.1', ['[2001:db8::5]:61234, 10.0.0.2:80'], '2001:db8::5'],
  ['blanks and tabs', '10.0.0.1', [' \t203.0.113.5\t , 10.0.0.2 '], '203.0.113.5'],
  ['garbage where the client stands', '10.0.0.1', ['unknown'], '10.0.0.1'],
  ['garbage between', '10.0.0.1', ['203.0.113.5, unknown, 10.0.0.2'], '10.0.0.2'],
  ['garbage on the left is never reached', '10.0.0.1', ['<script>, 203.0.113.5'], '203.0.113.5'],
  ['empty line', '10.0.0.1', [''], '10.0.0.1'],
  ['empty hop', '10.0.0.1', ['203.0.113.5,,10.0.0.2'], '203.0.113.5'],
  ['comma at the end', '10.0.0.1', ['203.0.113.5, ,'], '203.0.113.5'],
  ['an empty line after it', '10.0.0.1', ['203.0.113.5', ''], '203.0.113.5'],
  ['comma in front', '10.0.0.1', [',10.0.0.2'], '10.0.0.2'],
  ['historic spelling', '10.0.0.1', ['0xcb.0.0x71.5'], '10.0.0.1'],
  ['zone', '10.0.0.1', ['fe80::1%eth0'], '10.0.0.1'],
  ['port out of range', '10.0.0.1', ['203.0.113.5:99999'], '10.0.0.1'],
  ['hop that is far too long', '10.0.0.1', [`6.6.6.6,${' '.repeat(100)}203.0.113.5, 10.0.0.2`], '10.0.0.2'],
  ['peer with zone', 'fe80::1%eth0', ['6.6.6.6'], 'fe80::1'],
  ['peer without address', '', ['6.6.6.6'], ''],
];

for (const [name, peer, lines, client] of CHAINS) {
  test(`T60 ${name}`, () => assert.equal(clientAddress(peer, forwardedFor(...lines), TRUSTED), client));
}

test('T60 the name of the header is read in any case', () => {
  assert.equal(clientAddress('10.0.0.1', ['x-FORWARDED-for', '203.0.113.5'], TRUSTED), '203.0.113.5');
});

test('the walk ends after 32 hops, however many there are', () => {
  const chain = ['203.0.113.5', ...Array.from({ length: 40 }, (_, index) => `10.0.1.${index}`)].join(',');
  assert.equal(clientAddress('10.0.0.1', forwardedFor(chain), TRUSTED), '10.0.1.8');
});

test('any header at all gives an address, and an untrusted peer always its own', () => {
  const piece = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('10.0.0.1', '', ' ', 'unknown', '[', ']', ':', '::ffff:1.2.3.4', '[::1]:', '1.2.3.4:x'),
    fc.string({ unit: 'binary', maxLength: 10 }),
  );
  const lines = fc.array(
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(',')),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(lines, (values) => {
      const headers = forwardedFor(...values);
      const behindProxy = clientAddress('10.0.0.1', headers, TRUSTED);
      assert.equal(parseIpAddress(behindProxy)?.text, behindProxy);
      assert.equal(clientAddress('203.0.113.5', headers, TRUSTED), '203.0.113.5');
    }),
    { numRuns: 3000 },
  );
});

test('T82 no forwarding header means anything unless the peer is trusted', () => {
  const headers: readonly (readonly [name: string, value: string])[] = [
    ['X-Forwarded-For', '198.51.100.1'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'gw.example.com'],
    ['X-Forwarded-Port', '8443'],
    ['X-Real-IP', '198.51.100.2'],
    ['True-Client-IP', '198.51.100.3'],
    ['CF-Connecting-IP', '198.51.100.4'],
    ['Forwarded', 'for=198.51.100.5;proto=https;host=gw.example.com'],
    ['Via', '1.1 proxy'],
  ];
  for (const peer of [
    '203.0.113.5',
    '10.0.0.1',
    '::ffff:203.0.113.5',
    '::ffff:10.0.0.1',
    '2001:db8:cafe::1',
    '2001:db8::1',
  ]) {
    const trusted = TRUSTED.has(peer);
    for (const [name, value] of headers) {
      const client = clientAddress(peer, [name, value], TRUSTED);
      const { scheme, authority, port } = forwardedOrigin(peer, [name, value], TRUSTED);
      const own = parseIpAddress(peer)?.text;
      assert.equal(client, trusted && name === 'X-Forwarded-For' ? '198.51.100.1' : own, `${peer} ${name}`);
      assert.equal(scheme, trusted && name === 'X-Forwarded-Proto' ? 'https' : undefined, `${peer} ${name}`);
      const host = trusted && name === 'X-Forwarded-Host' ? 'gw.example.com' : undefined;
      assert.equal(authority?.host.text, host, `${peer} ${name}`);
      assert.equal(port, trusted && name === 'X-Forwarded-Port' ? 8443 : undefined, `${peer} ${name}`);
    }
  }
});

const FORWARDED: readonly [
  headers: readonly string[],
  scheme: string | undefined,
  authority: string | undefined,
  port?: number,
][] = [
  [[], undefined, undefined],
  [['X-Forwarded-Proto', 'HTTPS'], 'https', undefined],
  [['X-Forwarded-Proto', 'http'], 'http', undefined],
  [['X-Forwarded-Proto', 'wss'], 'https', undefined],
  [['X-Forwarded-Proto', 'ws'], 'http', undefined],
  [['X-Forwarded-Proto', 'https,http'], undefined, undefined],
  [['X-Forwarded-Proto', 'https', 'x-forwarded-proto', 'https'], 'https', undefined],
  [['X-Forwarded-Proto', 'https, https'], 'https', undefined],
  [['X-Forwarded-Proto', 'wss, https,'], 'https', undefined],
  [['X-Forwarded-Proto', 'https, h2'], undefined, undefined],
  [['X-Forwarded-Proto', 'h2, https'], undefined, undefined],
  [['X-Forwarded-Proto', 'h2'], undefined, undefined],
  [['X-Forwarded-Proto', 'constructor'], undefined, undefined],
  [['X-Forwarded-Proto', ''], undefined, undefined],
  [['X-Forwarded-Host', 'GW.example.com'], undefined, 'gw.example.com:undefined'],
  [['X-Forwarded-Host', 'gw.example.com:8443'], undefined, 'gw.example.com:8443'],
  [['X-Forwarded-Host', '[2001:DB8::1]:8443'], undefined, '[2001:db8::1]:8443'],
  [['X-Forwarded-Host', 'gw.example.com, evil.example'], undefined, undefined],
  [['X-Forwarded-Host', 'gw.example.com', 'X-Forwarded-Host', 'evil.example'], undefined, undefined],
  [['X-Forwarded-Host', 'gw.example.com, GW.example.com'], undefined, 'gw.example.com:undefined'],
  [['X-Forwarded-Host', 'gw.example.com, gw.example.com:8443'], undefined, undefined],
  [['X-Forwarded-Host', 'a@gw.example.com'], undefined, undefined],
  [['X-Forwarded-Port', '8443'], undefined, undefined, 8443],
  [['X-Forwarded-Port', '8443, 8443'], undefined, undefined, 8443],
  [['X-Forwarded-Port', '443, 8443'], undefined, undefined],
  [['X-Forwarded-Port', '0'], undefined, undefined],
  [['X-Forwarded-Port', '08443'], undefined, undefined],
  [['X-Forwarded-Port', 'x'], undefined, undefined],
  [['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'gw.example.com'], 'https', 'gw.example.com:undefined'],
];

for (const [headers, scheme, authority, port] of FORWARDED) {
  test(`a trusted proxy that says ${JSON.stringify(headers)}`, () => {
    const forwarded = forwardedOrigin('10.0.0.1', headers, TRUSTED);
    assert.deepEqual([forwarded.scheme, forwarded.port], [scheme, port]);
    const said = forwarded.authority;
    assert.equal(said === undefined ? undefined : `${said.host.text}:${said.port}`, authority);
  });
}

const NETWORKS: readonly [cidr: string, inside: readonly string[], outside: readonly string[]][] = [
  [
    '10.0.0.0/8',
    ['10.255.0.1', '::ffff:10.1.1.1', '::ffff:a01:101'],
    ['11.0.0.1', '::10.0.0.1', '2001:db8::1'],
  ],
  ['10.1.2.3/8', ['10.9.9.9'], ['11.0.0.1']],
  ['192.0.2.7', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
  ['0.0.0.0/0', ['1.2.3.4', '::ffff:1.2.3.4'], ['2001:db8::1', '::']],
  ['::/0', ['2001:db8::1', '::1'], ['1.2.3.4', '::ffff:1.2.3.4']],
  ['2001:db8::/32', ['2001:db8:ffff::1'], ['2001:db9::1']],
  ['::ffff:10.0.0.0/104', ['10.1.1.1'], ['11.0.0.1']],
  ['fe80::/10', ['fe80::1', 'febf::1'], ['fec0::1']],
];

for (const [cidr, inside, outside] of NETWORKS) {
  test(`network ${cidr}`, () => {
    const network = compileTrustedProxies([cidr]);
    for (const address of inside) assert.equal(network.has(address), true, address);
    for (const address of [...outside, '', 'x', '10.0.0.1/8'])
      assert.equal(network.has(address), false, address);
  });
}

for (const cidr of [
  '',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0/8',
  '::/129',
  'fe80::%eth0/64',
  '::ffff:10.0.0.0/90',
  'proxy.example',
  '[::1]/128',
  ' 10.0.0.0/8',
]) {
  test(`${JSON.stringify(cidr)} is no network`, () => {
    assert.throws(() => compileTrustedProxies(['10.0.0.0/8', cidr]), / is not a network$/);
  });
}

const KEYS: readonly [address: string, key: string][] = [
  ['203.0.113.5', '203.0.113.5'],
  ['::ffff:203.0.113.5', '203.0.113.5'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8:0:0:3:4:5:6', '2001:db8::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['::1', '::/64'],
  ['::1:ffff:192.0.2.1', '::/64'],
  ['', ''],
  ['unknown', 'unknown'],
];

for (const [address, key] of KEYS) {
  test(`${JSON.stringify(address)} is counted as ${JSON.stringify(key)}`, () =>
    assert.equal(addressKey(address), key));
}

test('IPv6 gets the spelling that the URL parser gives it', () => {
  const group = fc.oneof(
    { weight: 2, arbitrary: fc.constant('0') },
    fc.nat(0xffff).map((value) => value.toString(16)),
  );
  const full = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':'));
  fc.assert(
    fc.property(fc.oneof(full, fc.ipV6()), (address) => {
      const spelling = new URL(`http://[${address}]/`).hostname.slice(1, -1);
      assert.equal(canonicalIpv6(address), spelling);
      assert.equal(canonicalIpv6(address.toUpperCase()), spelling);
    }),
    { numRuns: 3000 },
  );
});
