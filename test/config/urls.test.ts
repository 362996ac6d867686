import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  healthUrl,
  hostName,
  listenAddress,
  network,
  ORIGIN_FORM,
  originEntry,
  SERVER_FORM,
  upstreamUrl,
} from '../../src/config/urls.ts';
import type { ValueParser } from '../../src/config/values.ts';
import { parseAuthority } from '../../src/net/host.ts';
import { compileTrustedProxies } from '../../src/net/networks.ts';

const listen = listenAddress('0.0.0.0');
const admin = listenAddress('127.0.0.1');

test('addresses to listen on', () => {
  accept(listen, [
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    [':8080', { host: '0.0.0.0', port: 8080 }],
    ['8080', { host: '0.0.0.0', port: 8080 }],
    ['localhost:0', { host: '127.0.0.1', port: 0 }],
    ['[::]:8080', { host: '::', port: 8080 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }],
  ]);
  accept(admin, [
    ['8081', { host: '127.0.0.1', port: 8081 }],
    [':8081', { host: '0.0.0.0', port: 8081 }],
  ]);
  refuse(listen, [
    ['', /not an IP address and a port/, /such as/],
    ['0.0.0.0', /not an IP address and a port/, /0\.0\.0\.0:8080/],
    ['::1', /no brackets/, /"\[::1\]:8080"/],
    [':::8080', /not an IP address|no brackets/, /./],
    ['[::]', /not an IP address/, /./],
    ['[1.2.3.4]:80', /not an IP address/, /./],
    ['0.0.0.0:65536', /a port from 0 to 65535/, /./],
    ['0.0.0.0:080', /a port from 0 to 65535/, /./],
    ['99999', /a port from 0 to 65535/, /./],
    ['*:8080', /not an IP address/, /0\.0\.0\.0:8080/],
    ['gw.example.com:80', /not an IP address/, /./],
    ['http://0.0.0.0:80', /not an IP address/, /./],
    ['010.0.0.1:80', /not an IP address/, /./],
  ]);
});

test('upstream URLs', () => {
  accept(upstreamUrl, [
    ['nats://nats:4222', { host: 'nats', port: 4222, name: 'nats:4222' }],
    ['nats://NATS.example.com', { host: 'nats.example.com', port: 4222, name: 'nats.example.com:4222' }],
    ['NATS://nats_1:14222', { host: 'nats_1', port: 14_222, name: 'nats_1:14222' }],
    ['nats://127.0.0.1', { host: '127.0.0.1', port: 4222, name: '127.0.0.1:4222' }],
    ['nats://[::1]', { host: '::1', port: 4222, name: '[::1]:4222' }],
    ['nats://[::1]:5222', { host: '::1', port: 5222, name: '[::1]:5222' }],
    // As the tools of NATS take it, without a scheme.
    ['localhost:4222', { host: 'localhost', port: 4222, name: 'localhost:4222' }],
    ['nats', { host: 'nats', port: 4222, name: 'nats:4222' }],
    ['nats:5222', { host: 'nats', port: 5222, name: 'nats:5222' }],
    ['10.0.0.1:4222', { host: '10.0.0.1', port: 4222, name: '10.0.0.1:4222' }],
    ['[::1]:4222', { host: '::1', port: 4222, name: '[::1]:4222' }],
    ['[2001:db8::1]', { host: '2001:db8::1', port: 4222, name: '[2001:db8::1]:4222' }],
  ]);
  refuse(upstreamUrl, [
    ['', /empty/, /nats:/],
    ['tls://nats:4222', /^tls:\/\/ cannot be used: TLS/, /nats:/],
    ['ws://nats:80', /WebSocket/, /nats:/],
    ['http://nats:8222', /monitoring port/, /nats:/],
    ['nats://user:CANARY@nats:4222', /password does not belong/, /nats:\/\/host:port alone/],
    ['nats://CANARY@nats', /password does not belong/, /./],
    ['nats://user:CANARY', /no port from 1 to 65535/, /./],
    ['natss://user:CANARY', /the scheme of the URL is not nats/, /./],
    ['nats:/user:CANARY@nats', /password does not belong/, /./],
    ['CANARY://nats', /the scheme/, /./],
    ['nats://nats:0', /port/, /./],
    ['nats://nats:04222', /port/, /./],
    ['nats://nats:', /port/, /./],
    ['nats://', /host/, /./],
    ['nats://::1', /IPv6 in brackets/, /./],
    ['nats://[::1', /IPv6 in brackets/, /./],
    ['nats://nats/', /path/, /./],
    ['nats://nats?a', /path/, /./],
    ['nats://a,nats://b', /several servers/, /a list/],
    ['nats://1234', /neither a name/, /./],
    ['4222', /neither a name/, /nats:\/\/host:4222/],
    ['::1', /IPv6 in brackets/, /./],
    ['localhost:CANARY', /no port/, /./],
    ['nats:/CANARY', /path/, /./],
    ['//CANARY', /path/, /./],
    ['user:CANARY@nats:4222', /password does not belong/, /./],
    ['nats://0x7f.1', /neither a name/, /./],
    ['nats://a..b', /neither a name/, /./],
    ['nats://a:x[::1]', /no port/, /./],
  ]);
});

test('the forms that editors and the chart know let every valid origin and server pass, and no usual mistake', () => {
  const origin = originEntry('an origin');
  const pieces =
    `https:// HTTP :// ws:// qrc vscode-webview * *. app.example.com localhost self nats:// TCP:// [::1]
    [2001:db8::1] :443 :* / ä _ - . % @ # 8080 a ,`.split(/\s+/);
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 5 }).map((some) => some.join(''));
  fc.assert(
    fc.property(text, (text) => {
      if (origin.read(text).ok) assert.match(text, ORIGIN_FORM);
      if (upstreamUrl.read(text).ok) assert.match(text, SERVER_FORM);
    }),
    {
      numRuns: 5000,
      examples: [...pieces, 'https://app.example.com', 'qrc://', 'nats://nats:4222', 'n'].map((one) => [one]),
    },
  );
  for (const wrong of ['https://app.example.com/', 'app.example.com', 'https://a.example/x', 'null', ''])
    assert.doesNotMatch(wrong, ORIGIN_FORM);
  for (const wrong of ['http://n:8222', 'tls://n:4222', 'n:4222x', 'n/', 'u@n', 'a,b', ''])
    assert.doesNotMatch(wrong, SERVER_FORM);
});

test('health URLs', () => {
  accept(healthUrl, [
    ['http://{host}:8222/healthz', 'http://{host}:8222/healthz'],
    [
      'https://nats.example.com/healthz?js-server-only=true',
      'https://nats.example.com/healthz?js-server-only=true',
    ],
    ['http://[::1]:8222/healthz', 'http://[::1]:8222/healthz'],
  ]);
  refuse(healthUrl, [
    ['', /not a URL of http/, /{host}/],
    ['nats://CANARY:4222', /not a URL of http/, /{host}/],
    ['http://u:CANARY@nats/healthz', /password/, /{host}/],
    ['http://nats:8222', /with a path/, /healthz/],
    ['http://nats:8222/', /with a path/, /healthz/],
    ['http://{HOST}:8222/healthz', /{host}/, /{host}/],
    ['http://a/h,http://b/h', /several URLs/, /a list/],
    ['http://nats:CANARY/healthz', /not a URL of http/, /./],
    ['http://{host}.nats:8222/healthz', /{host} as its whole host/, /{host}/],
  ]);
});

test('host names and networks', () => {
  accept(hostName, [
    ['GW.example.com', 'gw.example.com'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    ['10.0.0.1', '10.0.0.1'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
  ]);
  refuse(hostName, [
    ['https://gw.example.com', /not a host name/, /alone/],
    ['gw.example.com:443', /not a host name alone/, /alone/],
    ['::1', /no brackets/, /"\[::1\]"/],
    ['*.example.com', /not a host name/, /./],
    ['', /not a host name/, /./],
    ['a b', /not a host name/, /./],
    ['gw.0xyz', /not a host name/, /./],
    ['%67w.é.example', /not a host name/, /./],
    ['[fe80::1%eth0]', /not a host name/, /./],
  ]);
  accept(network, [
    ['::ffff:10.0.0.0/104', '::ffff:10.0.0.0/104'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['127.0.0.1', '127.0.0.1'],
  ]);
  for (const text of [
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    'all',
    '',
    '10.0.0.0/',
  ]) {
    refuse(network, [[text, /not a network/, /10\.0\.0\.0\/8/]]);
  }
  refuse(network, [['::ffff:10.0.0.0/64', /not a network/, /10\.0\.0\.0\/8/]]);
});

test('what the configuration takes as a host or a network, the handshake can match', () => {
  const label = fc.constantFrom(
    'gw',
    'example',
    '0xyz',
    '0x7f',
    '12',
    '-',
    '_',
    '',
    'é',
    '%67',
    '*',
    '127',
    '0',
  );
  const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
  fc.assert(
    fc.property(
      fc.oneof(
        host,
        fc.ipV4(),
        fc.ipV4Extended(),
        fc.ipV6().map((text) => `[${text}]`),
      ),
      (text) => {
        const reading = hostName.read(text);
        if (reading.ok) assert.equal(parseAuthority(reading.value)?.host.text, reading.value);
      },
    ),
    { numRuns: 20_000 },
  );
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((text) => `::ffff:${text}`),
  );
  fc.assert(
    fc.property(address, fc.integer({ min: -1, max: 129 }), (text, prefix) => {
      const reading = network.read(`${text}/${prefix}`);
      if (reading.ok) compileTrustedProxies([reading.value]);
    }),
    { numRuns: 20_000 },
  );
});

function accept<T>(reader: ValueParser<T>, rows: readonly (readonly [string, T])[]): void {
  for (const [text, value] of rows) assert.deepEqual(reader.read(text), { ok: true, value }, text);
}

function refuse(reader: ValueParser<unknown>, rows: readonly (readonly [string, RegExp, RegExp])[]): void {
  for (const [text, what, write] of rows) {
    const reading = reader.read(text);
    assert.ok(!reading.ok, text);
    assert.match(reading.what, what, text);
    assert.match(reading.write, write, text);
    assert.doesNotMatch(`${reading.what} ${reading.write}`, /CANARY/, text);
  }
}
