import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome, type Refusal } from '../../src/handshake-outcome.ts';
import {
  checkHandshake,
  type HandshakeRequest,
  type HandshakeRules,
  type RouteRules,
} from '../../src/listener/handshake.ts';
import { refusalBody, refusalHeaders, refusalResponse } from '../../src/listener/http-refusal.ts';
import { compileOrigins } from '../../src/listener/origin.ts';
import { compileTrustedProxies } from '../../src/net/networks.ts';

const ORIGIN = 'https://app.example.com';

type Lines = readonly (readonly [name: string, value: string])[];

const BASE_LINES: Lines = [
  ['Host', 'gw.example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Sec-WebSocket-Version', '13'],
  ['Origin', ORIGIN],
];

type Change = Partial<Omit<HandshakeRequest, 'rawHeaders'>> & {
  /** Replaces the line of that name; undefined takes it out. */
  readonly set?: Readonly<Record<string, string | undefined>>;
  readonly add?: Lines;
};

function request({ set = {}, add = [], ...parts }: Change = {}): HandshakeRequest {
  const lines = BASE_LINES.flatMap(([name, value]) => {
    const changed = name in set ? set[name] : value;
    return changed === undefined ? [] : [[name, changed] as const];
  });
  return {
    method: 'GET',
    target: '/',
    httpVersion: '1.1',
    rawHeaders: [...lines, ...add].flat(),
    earlyBytes: 0,
    tls: false,
    peerAddress: '203.0.113.5',
    ...parts,
  };
}

type RulesChange = Partial<HandshakeRules> & { allow?: readonly string[]; path?: string };

function rules({ allow = [ORIGIN], path = '/', ...parts }: RulesChange = {}): HandshakeRules {
  return {
    health: undefined,
    trustedProxies: compileTrustedProxies([]),
    hosts: [],
    routes: [route({ path, allow })],
    ...parts,
  };
}

function route(parts: Partial<RouteRules> & { allow?: readonly string[] } = {}): RouteRules {
  const { allow = [ORIGIN], ...others } = parts;
  return {
    name: 'default',
    host: undefined,
    path: '/',
    subprotocols: [],
    explain: false,
    origins: compileOrigins({ allow, missing: 'deny', opaque: 'deny' }),
    ...others,
  };
}

function outcomeOf(change: Change, underRules: HandshakeRules = rules()): HandshakeOutcome {
  const verdict = checkHandshake(request(change), underRules);
  return verdict.accept ? 'accepted' : verdict.outcome;
}

const KEY = 'Sec-WebSocket-Key';
const VERSION = 'Sec-WebSocket-Version';
const PROTOCOL = 'Sec-WebSocket-Protocol';
const EVIL = 'https://evil.example';
const NO_UPGRADE = {
  Upgrade: undefined,
  Connection: undefined,
  [KEY]: undefined,
  [VERSION]: undefined,
  Origin: undefined,
};

const VECTORS: readonly [name: string, change: Change, outcome: HandshakeOutcome][] = [
  ['H1 nothing changed', {}, 'accepted'],
  ['H1 Upgrade in another case', { set: { Upgrade: 'WebSocket' } }, 'accepted'],
  ['H1 Connection with keep-alive', { set: { Connection: 'keep-alive, Upgrade' } }, 'accepted'],
  [
    'H1 Connection on two lines',
    { set: { Connection: 'keep-alive' }, add: [['connection', ' ,UPGRADE']] },
    'accepted',
  ],
  ['H1 subprotocol nats', { add: [[PROTOCOL, 'nats']] }, 'accepted'],
  ['H1 Content-Length 0', { add: [['Content-Length', '0']] }, 'accepted'],
  ['H1 Expect', { add: [['Expect', '100-continue']] }, 'accepted'],
  [
    'H1 compression offered',
    { add: [['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits']] },
    'accepted',
  ],
  ['H1 garbage in extensions', { add: [['Sec-WebSocket-Extensions', ';;;===,"']] }, 'accepted'],
  [
    'H1 header names in lower case',
    {
      set: { Host: undefined, [KEY]: undefined },
      add: [
        ['host', 'gw.example.com'],
        [KEY.toLowerCase(), 'AAAAAAAAAAAAAAAAAAAAAA=='],
      ],
    },
    'accepted',
  ],

  ['H2 POST', { method: 'POST' }, 'method'],
  ['H2 HEAD', { method: 'HEAD' }, 'method'],
  ['H2 POST without upgrade headers', { method: 'POST', set: NO_UPGRADE }, 'method'],
  ['H2 HEAD without upgrade headers', { method: 'HEAD', set: NO_UPGRADE }, 'method'],
  ['H2 method in lower case', { method: 'get' }, 'method'],
  ['H2 POST with a body', { method: 'POST', add: [['Content-Length', '5']] }, 'method'],

  ['H3 HTTP/1.0', { httpVersion: '1.0' }, 'http_1_0'],
  ['H3 HTTP/1.0 POST', { httpVersion: '1.0', method: 'POST' }, 'http_1_0'],
  ['H3 HTTP/1.0 without upgrade headers', { httpVersion: '1.0', set: NO_UPGRADE }, 'http_1_0'],
  ['H3 HTTP/2.0 as text', { httpVersion: '2.0' }, 'http_version'],
  ['H3 HTTP/0.9 form', { httpVersion: '0.9' }, 'http_version'],

  ['H4 blank inside the target', { target: '/a b' }, 'target'],
  ['H5 absolute form', { target: 'http://gw.example.com/' }, 'accepted'],
  ['H5 absolute form, no path', { target: 'http://gw.example.com' }, 'accepted'],
  ['H5 absolute form, query only', { target: 'http://gw.example.com?x=/y' }, 'accepted'],
  ['H5 absolute form, case folded, default port', { target: 'HTTPS://GW.Example.com:443/?x' }, 'accepted'],
  [
    'H5 absolute form, default port on the other side',
    { target: 'http://gw.example.com/', set: { Host: 'GW.example.com:80' } },
    'accepted',
  ],
  [
    'H5 absolute form, same port',
    { target: 'http://gw.example.com:8080/', set: { Host: 'gw.example.com:8080' } },
    'accepted',
  ],
  ['H5 other authority', { target: 'http://other.example.com/' }, 'target'],
  ['H5 other port', { target: 'http://gw.example.com:8080/' }, 'target'],
  ['H5 userinfo', { target: 'http://gw.example.com@gw.example.com/' }, 'target'],
  ['H5 ws scheme', { target: 'ws://gw.example.com/' }, 'target'],
  ['H5 asterisk form', { target: '*' }, 'target'],
  ['H5 authority form', { target: 'gw.example.com:80' }, 'target'],
  ['H5 empty', { target: '' }, 'target'],
  ['H5 fragment', { target: '/#x' }, 'target'],
  ['H5 backslash authority', { target: 'http://gw.example.com\\@evil.example/' }, 'target'],
  ['H5 raw byte', { target: '/\xfc' }, 'target'],
  ['H5 DEL', { target: '/\x7f' }, 'target'],
  ['H5 8,000 bytes', { target: `/?${'x'.repeat(7998)}` }, 'accepted'],
  ['H5 8,001 bytes', { target: `/?${'x'.repeat(7999)}` }, 'target_too_long'],
  ['H5 8,001 bytes of anything', { target: '*'.repeat(8001) }, 'target_too_long'],
  ['H5 wrong target before a missing Host', { target: '*', set: { Host: undefined } }, 'target'],
  ['H5 absolute form without Host', { target: 'http://gw.example.com/', set: { Host: undefined } }, 'host'],

  ['H6 two slashes', { target: '//' }, 'no_route'],
  ['H6 dot segments', { target: '/a/../' }, 'no_route'],
  ['H6 escaped slash', { target: '/%2f' }, 'no_route'],
  ['H6 absolute form, other path', { target: 'http://gw.example.com//' }, 'no_route'],
  ['H6 query', { target: '/?a=/b?c' }, 'accepted'],
  ['H6 other path without upgrade headers', { target: '/metrics', set: NO_UPGRADE }, 'not_upgrade'],

  ['H7 no Host', { set: { Host: undefined } }, 'host'],
  ['H7 two Hosts', { add: [['HOST', 'gw.example.com']] }, 'host'],
  ['H7 empty Host', { set: { Host: '' } }, 'host'],
  ['H7 port 99999', { set: { Host: 'gw.example.com:99999' } }, 'host'],
  ['H7 port 0', { set: { Host: 'gw.example.com:0' } }, 'host'],
  ['H7 empty port', { set: { Host: 'gw.example.com:' } }, 'host'],
  ['H7 userinfo', { set: { Host: 'a@gw.example.com' } }, 'host'],
  ['H7 path', { set: { Host: 'gw.example.com/' } }, 'host'],
  ['H7 list', { set: { Host: 'gw.example.com, x' } }, 'host'],
  ['H7 historic IPv4', { set: { Host: '0x7f.1' } }, 'host'],
  ['H7 bare IPv6', { set: { Host: '::1' } }, 'host'],
  ['H7 IPv6 with zone', { set: { Host: '[fe80::1%eth0]' } }, 'host'],
  ['H7 dotted quad', { set: { Host: '192.0.2.1:8080' } }, 'accepted'],
  ['H7 bracketed IPv6', { set: { Host: '[2001:db8::1]:8080' } }, 'accepted'],
  ['H7 underscore and trailing dot', { set: { Host: 'nats_gw.default.svc.' } }, 'accepted'],

  ['H8 no Upgrade', { set: { Upgrade: undefined } }, 'not_upgrade'],
  ['H8 plain GET', { set: NO_UPGRADE }, 'not_upgrade'],
  ['H8 h2c', { set: { Upgrade: 'h2c' } }, 'upgrade'],
  ['H8 h2c without Connection', { set: { Upgrade: 'h2c', Connection: undefined } }, 'upgrade'],
  ['H8 list', { set: { Upgrade: 'websocket, h2c' } }, 'upgrade'],
  ['H8 empty elements beside it', { set: { Upgrade: ', websocket ,,' } }, 'accepted'],
  ['H8 the same twice', { set: { Upgrade: 'websocket, websocket' } }, 'upgrade'],
  ['H8 two lines', { add: [['Upgrade', 'websocket']] }, 'upgrade'],
  ['H8 empty', { set: { Upgrade: '' } }, 'upgrade'],
  ['H8 with version', { set: { Upgrade: 'websocket/13' } }, 'upgrade'],

  ['H9 no Connection', { set: { Connection: undefined } }, 'not_upgrade'],
  ['H9 Upgraded', { set: { Connection: 'Upgraded' } }, 'not_upgrade'],
  ['H9 not as a token', { set: { Connection: 'keep-alive upgrade' } }, 'not_upgrade'],

  ['H10 no key', { set: { [KEY]: undefined } }, 'key'],
  ['H10 empty key', { set: { [KEY]: '' } }, 'key'],
  ['H10 key of 15 bytes', { set: { [KEY]: 'dGhlIHNhbXBsZSBub25j' } }, 'key'],
  ['H10 key of 17 bytes', { set: { [KEY]: 'dGhlIHNhbXBsZSBub25jZTE=' } }, 'key'],
  ['H10 base64url', { set: { [KEY]: 'dGhlIHNhbXBsZSBub25-_w==' } }, 'key'],
  ['H10 key twice', { add: [[KEY, 'dGhlIHNhbXBsZSBub25jZQ==']] }, 'key'],
  ['H10 key and a line end', { set: { [KEY]: 'dGhlIHNhbXBsZSBub25jZQ==\n' } }, 'key'],
  ['H10 last digit not canonical', { set: { [KEY]: 'dGhlIHNhbXBsZSBub25jZR==' } }, 'accepted'],

  ['H11 version 12', { set: { [VERSION]: '12' } }, 'version'],
  ['H11 version 8', { set: { [VERSION]: '8' } }, 'version'],
  [
    'H11 version 8 with its Origin',
    { set: { [VERSION]: '8' }, add: [['Sec-WebSocket-Origin', EVIL]] },
    'version',
  ],
  ['H11 version 0', { set: { [VERSION]: '0' } }, 'version'],
  ['H11 version 255', { set: { [VERSION]: '255' } }, 'version'],
  ['H12 no version', { set: { [VERSION]: undefined } }, 'bad_version'],
  ['H12 empty', { set: { [VERSION]: '' } }, 'bad_version'],
  ['H12 013', { set: { [VERSION]: '013' } }, 'bad_version'],
  ['H12 0xd', { set: { [VERSION]: '0xd' } }, 'bad_version'],
  ['H12 13.0', { set: { [VERSION]: '13.0' } }, 'bad_version'],
  ['H12 +13', { set: { [VERSION]: '+13' } }, 'bad_version'],
  ['H12 1.3e1', { set: { [VERSION]: '1.3e1' } }, 'bad_version'],
  ['H12 256', { set: { [VERSION]: '256' } }, 'bad_version'],
  ['H12 13, 8', { set: { [VERSION]: '13, 8' } }, 'bad_version'],
  ['H12 13 twice', { add: [[VERSION, '13']] }, 'bad_version'],

  ['H13 two Origins', { add: [['origin', EVIL]] }, 'origin_multiple'],
  ['H13 the same Origin twice', { add: [['ORIGIN', ORIGIN]] }, 'origin_multiple'],
  ['H13 blanks around the value', { set: { Origin: ` \t${ORIGIN}\t ` } }, 'accepted'],
  ['H13 draft Origin beside the good one', { add: [['Sec-WebSocket-Origin', EVIL]] }, 'accepted'],
  [
    'H13 draft Origin is none',
    {
      set: { Origin: undefined },
      add: [
        ['Sec-WebSocket-Origin', ORIGIN],
        ['Referer', ORIGIN],
      ],
    },
    'origin_missing',
  ],
  ['H13 other Origin', { set: { Origin: EVIL } }, 'origin_not_listed'],
  ['H13 null', { set: { Origin: 'null' } }, 'origin_opaque'],
  ['H13 empty Origin', { set: { Origin: '' } }, 'origin_bad_byte'],
  ['H13 malformed', { set: { Origin: `${ORIGIN}/` } }, 'origin_malformed'],
  ['H13 scheme', { set: { Origin: 'wss://app.example.com' } }, 'origin_scheme'],
  ['H13 length', { set: { Origin: `https://${'a'.repeat(300)}` } }, 'origin_too_long'],

  ['H14 blank in a token', { add: [[PROTOCOL, 'na ts']] }, 'subprotocol'],
  ['H14 empty elements do not count', { add: [[PROTOCOL, ', nats, ,']] }, 'accepted'],
  ['H14 nothing but commas', { add: [[PROTOCOL, ' , ,']] }, 'subprotocol'],
  ['H14 empty', { add: [[PROTOCOL, '']] }, 'subprotocol'],
  ['H14 twice in a list', { add: [[PROTOCOL, 'nats, nats']] }, 'subprotocol'],
  [
    'H14 twice over two lines',
    {
      add: [
        [PROTOCOL, 'nats'],
        [PROTOCOL, 'nats'],
      ],
    },
    'subprotocol',
  ],
  ['H14 separator', { add: [[PROTOCOL, 'nats/1']] }, 'subprotocol'],
  ['H14 line end', { add: [[PROTOCOL, 'nats\r\nSet-Cookie: x']] }, 'subprotocol'],
  ['H14 over 0x7F', { add: [[PROTOCOL, 'n\xe4ts']] }, 'subprotocol'],
  [
    'H14 several',
    {
      add: [
        [PROTOCOL, 'nats, mqtt ,\tv1.x'],
        [PROTOCOL, 'NATS'],
      ],
    },
    'accepted',
  ],

  ['H15 Content-Length 5', { add: [['Content-Length', '5']] }, 'body'],
  ['H15 Content-Length 00', { add: [['Content-Length', '00']] }, 'body'],
  ['H15 empty Content-Length', { add: [['Content-Length', '']] }, 'body'],
  ['H15 list', { add: [['Content-Length', '0, 0']] }, 'body'],
  [
    'H15 two Content-Lengths',
    {
      add: [
        ['Content-Length', '0'],
        ['content-length', '5'],
      ],
    },
    'body',
  ],
  [
    'H15 the same twice',
    {
      add: [
        ['Content-Length', '0'],
        ['Content-Length', '0'],
      ],
    },
    'body',
  ],
  ['H15 chunked', { add: [['Transfer-Encoding', 'chunked']] }, 'body'],
  ['H15 Transfer-Encoding identity', { add: [['transfer-encoding', 'identity']] }, 'body'],

  [
    'H17 names of object members',
    {
      add: [
        ['__proto__', 'x'],
        ['constructor', 'x'],
        ['toString', 'x'],
      ],
    },
    'accepted',
  ],
  ['H17 cookie with escapes', { add: [['Cookie', 'a=%0d%0aX: y']] }, 'accepted'],

  ['H20 a byte behind the head', { earlyBytes: 1 }, 'early_data'],
  ['H20 plain GET with bytes behind it', { earlyBytes: 80, set: NO_UPGRADE }, 'not_upgrade'],
  ['H20 early data comes before the route', { earlyBytes: 1, target: '/x' }, 'early_data'],
];

for (const [name, change, outcome] of VECTORS) {
  test(`${name} → ${outcome}`, () => assert.equal(outcomeOf(change), outcome));
}

test('the first broken rule names the outcome, in the order of the table', () => {
  const steps: readonly [Change, Refusal][] = [
    [{ httpVersion: '2.0' }, 'http_version'],
    [{ method: 'POST' }, 'method'],
    [{ add: [['Transfer-Encoding', 'chunked']] }, 'body'],
    [{ target: '*' }, 'target'],
    [{ set: { Host: 'a b' } }, 'host'],
    [{ set: { Upgrade: 'h2c' } }, 'upgrade'],
    [{ set: { Connection: 'close' } }, 'not_upgrade'],
    [{ set: { [KEY]: 'x' } }, 'key'],
    [{ set: { [VERSION]: '12' } }, 'version'],
    [{ earlyBytes: 1 }, 'early_data'],
    [{ target: '/elsewhere' }, 'no_route'],
    [{ set: { Origin: EVIL } }, 'origin_not_listed'],
    [
      {
        add: [
          [PROTOCOL, ','],
          [PROTOCOL, ''],
        ],
      },
      'subprotocol',
    ],
  ];
  for (const [index, [, outcome]] of steps.entries()) {
    // Everything from this rule on is broken at once; the earliest rule has the last word over the request.
    const merged: Change = { set: {}, add: [] };
    for (const [change] of steps.slice(index).toReversed()) {
      Object.assign(merged, change, {
        set: { ...merged.set, ...change.set },
        add: [...(merged.add ?? []), ...(change.add ?? [])],
      });
    }
    assert.equal(outcomeOf(merged), outcome);
  }
});

test('a route other than / is compared byte for byte', () => {
  const nats = rules({ path: '/nats' });
  assert.equal(outcomeOf({ target: '/nats' }, nats), 'accepted');
  assert.equal(outcomeOf({ target: '/nats?token=x' }, nats), 'accepted');
  assert.equal(outcomeOf({ target: 'http://gw.example.com/nats' }, nats), 'accepted');
  for (const target of ['/', '/nats/', '/NATS', '/n%61ts', '//nats', '/nats;x', '/./nats']) {
    assert.equal(outcomeOf({ target }, nats), 'no_route', target);
  }
});

test('a route that names the host of the request comes before the one for any host', () => {
  const underRules = rules({
    routes: [
      route(),
      route({ name: '/x', path: '/x', allow: ['https://any.example.com'] }),
      route({ name: 'a.example.com/x', host: 'a.example.com', path: '/x', allow: ['https://a.example.com'] }),
      route({ name: 'b.example.com/', host: 'b.example.com', allow: ['https://b.example.com'] }),
    ],
  });
  const routeOf = (target: string, host: string, origin: string): string | undefined =>
    checkHandshake(request({ target, set: { Host: host, Origin: origin } }), underRules).route;
  assert.equal(routeOf('/', 'gw.example.com', ORIGIN), 'default');
  assert.equal(routeOf('/x', 'gw.example.com', 'https://any.example.com'), '/x');
  assert.equal(routeOf('/x', 'A.Example.COM:8080', 'https://a.example.com'), 'a.example.com/x');
  assert.equal(routeOf('/', 'b.example.com', 'https://b.example.com'), 'b.example.com/');
  // Of b only the path / is told apart.
  assert.equal(routeOf('/x', 'b.example.com', 'https://any.example.com'), '/x');
  assert.equal(routeOf('/y', 'b.example.com', ORIGIN), undefined);
  // The origins of another route let nobody in.
  for (const [target, host, origin] of [
    ['/x', 'gw.example.com', ORIGIN],
    ['/x', 'a.example.com', 'https://any.example.com'],
    ['/', 'b.example.com', ORIGIN],
  ] as const) {
    assert.equal(outcomeOf({ target, set: { Host: host, Origin: origin } }, underRules), 'origin_not_listed');
  }
});

test('a host that only an untrusted client names in X-Forwarded-Host chooses no route', () => {
  const routes = [route(), route({ name: 'a.example.com/', host: 'a.example.com' })];
  const add: Lines = [['X-Forwarded-Host', 'a.example.com']];
  const nameUnder = (networks: readonly string[]): string | undefined =>
    checkHandshake(request({ add }), rules({ routes, trustedProxies: compileTrustedProxies(networks) }))
      .route;
  assert.equal(nameUnder([]), 'default');
  assert.equal(nameUnder(['203.0.113.0/24']), 'a.example.com/');
});

test('where subprotocols are spoken an offer must hold one of them', () => {
  const mqtt = rules({ routes: [route({ subprotocols: ['mqtt', 'mqttv3.1'] })] });
  const offer = (value: string) => outcomeOf({ add: [['Sec-WebSocket-Protocol', value]] }, mqtt);
  assert.equal(outcomeOf({}, mqtt), 'accepted');
  assert.equal(offer('mqtt'), 'accepted');
  assert.equal(offer('amqp, mqttv3.1'), 'accepted');
  for (const value of ['amqp', 'MQTT', 'mqtt, mqtt', 'mqtt,,(', ','])
    assert.equal(offer(value), 'subprotocol');
});

const SELF_ROWS: readonly [
  name: string,
  origin: string,
  host: string,
  parts: {
    tls?: boolean;
    peerAddress?: string;
    proto?: string;
    forwardedHost?: string;
    forwardedPort?: string;
    hosts?: readonly string[];
  },
  outcome: HandshakeOutcome,
][] = [
  ['TLS', 'https://gw.example.com', 'gw.example.com', { tls: true }, 'accepted'],
  ['TLS, page without', 'http://gw.example.com', 'gw.example.com', { tls: true }, 'origin_not_listed'],
  ['plain', 'http://gw.example.com', 'gw.example.com', {}, 'accepted'],
  ['plain, page with TLS', 'https://gw.example.com', 'gw.example.com', {}, 'origin_not_listed'],
  [
    'TLS ended by a trusted proxy',
    'https://gw.example.com',
    'gw.example.com',
    { peerAddress: '10.0.0.1', proto: 'https' },
    'accepted',
  ],
  [
    'trusted proxy that writes wss',
    'https://gw.example.com',
    'gw.example.com',
    { peerAddress: '10.0.0.1', proto: 'wss' },
    'accepted',
  ],
  [
    'trusted proxy with two values',
    'https://gw.example.com',
    'gw.example.com',
    { peerAddress: '10.0.0.1', proto: 'https, http' },
    'origin_not_listed',
  ],
  [
    'two trusted proxies that agree',
    'https://gw.example.com',
    'pod-7',
    { peerAddress: '10.0.0.1', proto: 'https, https', forwardedHost: 'gw.example.com, gw.example.com' },
    'accepted',
  ],
  [
    'a proxy that takes the port out of Host and says it',
    'https://gw.example.com:8443',
    'gw.example.com',
    { peerAddress: '10.0.0.1', proto: 'https', forwardedPort: '8443' },
    'accepted',
  ],
  [
    'a proxy that says a port of its own',
    'https://gw.example.com',
    'gw.example.com',
    { peerAddress: '10.0.0.1', proto: 'https', forwardedPort: '8080' },
    'accepted',
  ],
  [
    'a port in Host and another one beside it',
    'https://gw.example.com:8443',
    'gw.example.com:9443',
    { peerAddress: '10.0.0.1', proto: 'https', forwardedPort: '8443' },
    'origin_not_listed',
  ],
  [
    'a third port',
    'https://gw.example.com:9443',
    'gw.example.com',
    { peerAddress: '10.0.0.1', proto: 'https', forwardedPort: '8443' },
    'origin_not_listed',
  ],
  [
    'X-Forwarded-Port of anybody else',
    'http://gw.example.com:8443',
    'gw.example.com',
    { forwardedPort: '8443' },
    'origin_not_listed',
  ],
  [
    'the same from anybody else',
    'https://gw.example.com',
    'gw.example.com',
    { proto: 'https' },
    'origin_not_listed',
  ],
  ['port of Host', 'https://gw.example.com:8443', 'gw.example.com:8443', { tls: true }, 'accepted'],
  ['other port', 'https://gw.example.com', 'gw.example.com:8443', { tls: true }, 'origin_not_listed'],
  [
    'Host of a trusted proxy',
    'https://gw.example.com',
    'pod-7:8080',
    { peerAddress: '10.0.0.1', proto: 'https', forwardedHost: 'gw.example.com' },
    'accepted',
  ],
  [
    'X-Forwarded-Host of anybody else',
    'http://gw.example.com',
    'pod-7',
    { forwardedHost: 'gw.example.com' },
    'origin_not_listed',
  ],
  ['DNS rebinding', 'http://rebound.attacker.example', 'rebound.attacker.example', {}, 'origin_not_listed'],
  ['loopback is not on the list', 'http://localhost:8080', 'localhost:8080', {}, 'origin_not_listed'],
  ['loopback without a list', 'http://localhost:8080', 'localhost:8080', { hosts: [] }, 'accepted'],
  ['loopback address without a list', 'http://127.0.0.1:8080', '127.0.0.1:8080', { hosts: [] }, 'accepted'],
  ['loopback IPv6 without a list', 'http://[::1]:8080', '[0::1]:8080', { hosts: [] }, 'accepted'],
  ['loopback subdomain without a list', 'http://app.localhost', 'app.localhost', { hosts: [] }, 'accepted'],
  ['no loopback name', 'http://notlocalhost', 'notlocalhost', { hosts: [] }, 'origin_not_listed'],
  [
    'public name without a list',
    'http://gw.example.com',
    'gw.example.com',
    { hosts: [] },
    'origin_not_listed',
  ],
];

for (const [name, origin, host, parts, outcome] of SELF_ROWS) {
  test(`O18 self, ${name} → ${outcome}`, () => {
    const add: (readonly [string, string])[] = [];
    if (parts.proto !== undefined) add.push(['X-Forwarded-Proto', parts.proto]);
    if (parts.forwardedHost !== undefined) add.push(['X-Forwarded-Host', parts.forwardedHost]);
    if (parts.forwardedPort !== undefined) add.push(['X-Forwarded-Port', parts.forwardedPort]);
    const underRules = rules({
      allow: ['self'],
      hosts: parts.hosts ?? ['gw.example.com'],
      trustedProxies: compileTrustedProxies(['10.0.0.0/8']),
    });
    const { tls = false, peerAddress = '203.0.113.5' } = parts;
    assert.equal(
      outcomeOf({ set: { Host: host, Origin: origin }, add, tls, peerAddress }, underRules),
      outcome,
    );
  });
}

test('T06 self takes a Host and an Origin only when both are the listed name', () => {
  const names = ['gw.example.com', 'localhost', 'rebound.attacker.example'];
  const underRules = rules({ allow: ['self'], hosts: ['gw.example.com'] });
  const accepted: string[] = [];
  for (const host of names) {
    for (const origin of [...names.map((name) => `http://${name}`), 'null']) {
      if (outcomeOf({ set: { Host: host, Origin: origin } }, underRules) === 'accepted')
        accepted.push(`${host} ${origin}`);
    }
  }
  assert.deepEqual(accepted, ['gw.example.com http://gw.example.com']);
});

test('the verdict carries the client address and the first Origin, whatever the outcome', () => {
  const underRules = rules({ trustedProxies: compileTrustedProxies(['10.0.0.0/8']) });
  const change: Change = {
    method: 'POST',
    peerAddress: '::ffff:10.0.0.1',
    set: { Origin: 'first\x1b[31m' },
    add: [
      ['Origin', 'second'],
      ['X-Forwarded-For', '198.51.100.7'],
    ],
  };
  assert.deepEqual(checkHandshake(request(change), underRules), {
    accept: false,
    outcome: 'method',
    clientAddress: '198.51.100.7',
    origin: 'first\x1b[31m',
    route: undefined,
  });
  assert.deepEqual(checkHandshake(request(), underRules), {
    accept: true,
    clientAddress: '203.0.113.5',
    origin: ORIGIN,
    secure: false,
    route: 'default',
  });
  const secure = (proto: string | undefined, peerAddress: string, tls: boolean): unknown => {
    const add: [string, string][] = proto === undefined ? [] : [['X-Forwarded-Proto', proto]];
    const verdict = checkHandshake({ ...request({ peerAddress, add }), tls }, underRules);
    return verdict.accept && verdict.secure;
  };
  assert.equal(secure(undefined, '203.0.113.5', true), true);
  assert.equal(secure('https', '10.0.0.1', false), true, 'a trusted proxy ended TLS');
  assert.equal(secure('http', '10.0.0.1', true), false);
  assert.equal(secure('https', '203.0.113.5', false), false, 'nobody else is believed');
  assert.equal(checkHandshake(request({ set: { Origin: undefined } }), underRules).origin, undefined);
});

const REFUSALS = Object.keys(HANDSHAKE_OUTCOMES).filter(
  (outcome): outcome is Refusal => outcome !== 'accepted' && outcome !== 'client_abort',
);

function parseAnswer(answer: Buffer): { status: string; headers: Map<string, string>; body: string } {
  const text = answer.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  const [status = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const [, name = '', value = ''] = /^([A-Za-z-]+): ([ -~]+)$/.exec(line) ?? [];
    return [name.toLowerCase(), value];
  });
  assert.equal(new Set(headers.map(([name]) => name)).size, headers.length, 'no header twice');
  return { status, headers: new Map(headers), body: text.slice(end + 4) };
}

for (const outcome of REFUSALS) {
  test(`T71 the answer to ${outcome} is complete and constant`, () => {
    const { status, sentence } = HANDSHAKE_OUTCOMES[outcome];
    const answer = parseAnswer(refusalResponse(outcome));
    assert.equal(answer.status, `HTTP/1.1 ${status} ${STATUS_CODES[status]}`);
    assert.equal(answer.body, `${outcome}: ${sentence}\n`);
    assert.deepEqual(Object.fromEntries(answer.headers), {
      connection: status === 426 ? 'Upgrade, close' : 'close',
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(Buffer.byteLength(answer.body)),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(status === 405 ? { allow: 'GET' } : {}),
      ...(status === 426 ? { upgrade: 'websocket' } : {}),
      ...(outcome === 'version' || outcome === 'bad_version' ? { 'sec-websocket-version': '13' } : {}),
      ...(status === 429 || status === 503 ? { 'retry-after': '5' } : {}),
    });
    const head = parseAnswer(refusalResponse(outcome, { head: true }));
    assert.deepEqual(head, { ...answer, body: '' });
  });
}

test('Retry-After is a whole number of seconds, at least one, and only on 429 and 503', () => {
  const retryAfter = (outcome: Refusal, seconds: number): string | undefined =>
    new Map(refusalHeaders(outcome, seconds)).get('Retry-After');
  assert.equal(retryAfter('over_capacity', 7), '7');
  assert.equal(retryAfter('too_many_handshakes', 1.2), '2');
  assert.equal(retryAfter('draining', 0), '1');
  assert.equal(retryAfter('draining', -3), '1');
  assert.equal(retryAfter('too_many_sessions', Number.NaN), '5');
  assert.equal(retryAfter('upstream_timeout', 7), undefined);
  assert.match(
    refusalResponse('over_capacity', { retryAfterSeconds: 9 }).toString(),
    /\r\nRetry-After: 9\r\n/,
  );
});

test('a client that left is not answered', () => {
  assert.equal(refusalResponse('client_abort').length, 0);
  assert.deepEqual(refusalHeaders('client_abort'), []);
});

test('T15 whatever the request says, the answer is the constant of its outcome', () => {
  const canary = fc
    .string({ unit: fc.constantFrom(...'QXZ079'), minLength: 6, maxLength: 12 })
    .map((text) => `Kx${text}`);
  const slots = [
    'method',
    'target',
    'httpVersion',
    'Host',
    'Upgrade',
    'Connection',
    KEY,
    VERSION,
    'Origin',
    PROTOCOL,
    'Cookie',
  ];
  const wraps = ['%', '/%', 'https://%.example', '%\r\nSet-Cookie: %', ' %,%', '<b>%</b>'];
  fc.assert(
    fc.property(fc.constantFrom(...slots), fc.constantFrom(...wraps), canary, (slot, wrap, text) => {
      const value = wrap.replaceAll('%', text);
      const isPart = slot === 'method' || slot === 'target' || slot === 'httpVersion';
      const change: Change = isPart
        ? { [slot]: value }
        : { set: { [slot]: undefined }, add: [[slot, value]] };
      const verdict = checkHandshake(request(change), rules());
      if (verdict.accept) return;
      const answer = refusalResponse(verdict.outcome).toString('latin1');
      assert.ok(!answer.includes(text));
      assert.ok(answer.endsWith(`\r\n\r\n${refusalBody(verdict.outcome)}`));
    }),
    { numRuns: 3000 },
  );
});

test('any request at all gets a verdict, and 101 only with every needed line in place', () => {
  const names = [
    ...BASE_LINES.map(([name]) => name),
    PROTOCOL,
    'Content-Length',
    'X-Forwarded-For',
    '__proto__',
    '',
  ];
  const values = [...BASE_LINES.map(([, value]) => value), '0', 'nats', ',', ''];
  const line = fc.tuple(
    fc.constantFrom(...names),
    fc.oneof(fc.constantFrom(...values), fc.string({ unit: 'binary', maxLength: 20 })),
  );
  const underRules = rules({ trustedProxies: compileTrustedProxies(['0.0.0.0/0', '::/0']) });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.shuffledSubarray([...BASE_LINES]), (more, some) => {
      const lines = [...some, ...more];
      const verdict = checkHandshake({ ...request(), rawHeaders: lines.flat() }, underRules);
      if (!verdict.accept) return;
      for (const [name] of BASE_LINES)
        assert.ok(
          lines.some(([present]) => present === name),
          name,
        );
    }),
    { numRuns: 3000 },
  );
});
