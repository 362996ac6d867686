import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OriginsConfig } from '../../src/config/config.ts';
import {
  compileOrigins,
  judgeOrigin,
  type OriginRefusal,
  type SelfOrigin,
} from '../../src/listener/origin.ts';
import { parseOriginEntry } from '../../src/net/origin-entry.ts';

const FUZZ_BUDGET_MS = 2000;

const LISTED: readonly string[] = [
  'https://app.example.com',
  'https://app.example.com:8443',
  'http://localhost:3000',
  'https://*.tenant.example.com',
  'https://[2001:db8::1]',
  'https://münchen.example',
  'http://192.0.2.10:8080',
];
const A = 'https://app.example.com';

type Verdict = 'allow' | OriginRefusal;

function config(change: Partial<OriginsConfig> = {}): OriginsConfig {
  return { allow: LISTED, missing: 'deny', opaque: 'deny', ...change };
}

function judge(origins: OriginsConfig, lines: readonly string[], self?: SelfOrigin): Verdict {
  const verdict = judgeOrigin(compileOrigins(origins), lines, self);
  return verdict.allow ? 'allow' : verdict.token;
}

const VECTORS: readonly [name: string, values: readonly string[], verdict: Verdict][] = [
  ['O1 exact triple', [A, 'HTTPS://APP.EXAMPLE.COM', `${A}:8443`, 'http://localhost:3000'], 'allow'],
  ['O1 default port written out', [`${A}:443`], 'allow'],
  ['O2 other scheme or port', [`${A}:80`, 'http://app.example.com', `${A}:8444`], 'origin_not_listed'],
  [
    'O3 port grammar',
    [`${A}:08443`, `${A}:0`, `${A}:`, `${A}:65536`, `${A}:8443x`, `${A}:+443`, `${A}:123456`],
    'origin_malformed',
  ],
  [
    'O4 userinfo',
    [`${A}:443@evil.example`, 'https://user:pw@app.example.com', `${A}@evil.example`],
    'origin_malformed',
  ],
  [
    'O5 repairable characters',
    [`${A}/`, `${A}\\.evil.example`, `${A}#.evil.example`, `${A}?`, `${A}%2e`],
    'origin_malformed',
  ],
  ['O6 trailing dot', [`${A}.`], 'origin_not_listed'],
  [
    'O7 lookalike hosts',
    [`${A}.evil.example`, 'https://evil-app.example.com', 'https://appXexample.com'],
    'origin_not_listed',
  ],
  ['O8 lists', [`${A},https://evil.example`, `${A};`], 'origin_malformed'],
  ['O9 null', ['null'], 'origin_opaque'],
  ['O9 spellings of null', ['NULL', 'Null', '"null"', "'null'"], 'origin_malformed'],
  [
    'O10 no origin of that scheme',
    ['blob:https://app.example.com/uuid', 'data:', 'chrome-extension://abc/', 'x://%41', '://', 'null://a@b'],
    'origin_malformed',
  ],
  [
    'O10 foreign schemes',
    [
      'wss://app.example.com',
      'chrome-extension://abcdef',
      'ftp://app.example.com:443',
      'file://',
      'qrc://',
      'wss://',
    ],
    'origin_scheme',
  ],
  [
    'O11 scheme and slashes',
    [
      'app.example.com',
      'https:app.example.com',
      'https:/app.example.com',
      'https:///app.example.com',
      '://app.example.com',
      '//app.example.com',
      '1https://app.example.com',
      'https//app.example.com',
    ],
    'origin_malformed',
  ],
  ['O12 loopback names', ['http://127.0.0.1:3000', 'http://[::1]:3000'], 'origin_not_listed'],
  [
    'O13 wildcard',
    ['https://a.tenant.example.com', 'https://A.TENANT.example.com', 'https://_x-1.tenant.example.com'],
    'allow',
  ],
  [
    'O13 wildcard borders',
    [
      'https://a.b.tenant.example.com',
      'https://tenant.example.com',
      'http://a.tenant.example.com',
      'https://a.tenant.example.com:444',
      'https://a.tenant.example.com.',
      'https://atenant.example.com',
      'https://com',
    ],
    'origin_not_listed',
  ],
  [
    'O13 empty labels',
    [
      'https://.tenant.example.com',
      'https://a..tenant.example.com',
      'https://*.tenant.example.com',
      'https://',
      'https://.',
    ],
    'origin_malformed',
  ],
  ['O14 A-label', ['https://xn--mnchen-3ya.example', 'https://XN--MNCHEN-3YA.example'], 'allow'],
  [
    'O14 U-label as UTF-8 bytes',
    [Buffer.from('https://münchen.example').toString('latin1'), 'https://münchen.example'],
    'origin_bad_byte',
  ],
  [
    'O15 IPv6',
    ['https://[2001:db8::1]', 'https://[2001:DB8:0:0::0001]', 'https://[2001:db8::0.0.0.1]:443'],
    'allow',
  ],
  ['O15 other IPv6', ['https://[2001:db8::2]', 'https://[2001:db8::1]:444'], 'origin_not_listed'],
  [
    'O15 IPv6 grammar',
    [
      'https://[2001:db8::1%25eth0]',
      'https://[2001:db8::1%eth0]',
      'https://[2001:db8::1',
      'https://2001:db8::1',
      'https://[]',
      'https://[::1]x',
      'https://[1::2::3]',
      'https://[app.example.com]',
      'https://x[::1]',
    ],
    'origin_malformed',
  ],
  ['O16 IPv4', ['http://192.0.2.10:8080'], 'allow'],
  [
    'O16 IPv4 spellings',
    [
      'http://0xc0.0.2.10:8080',
      'http://192.0.2.010:8080',
      'http://192.0.522:8080',
      'http://3221226506:8080',
      'http://192.0.2.0xa:8080',
      'http://192.0.2.10.:8080',
      'http://1.192.0.2.10:8080',
      'http://0X0.0XA:8080',
    ],
    'origin_malformed',
  ],
  ['O17 bytes', ['', `${A}\t`, ` ${A}`, `${A}\r\n`, `${A}\0`, `${A}\x7f`, `${A}\u212a`], 'origin_bad_byte'],
  ['O17 length', [`https://${'a'.repeat(300)}.tenant.example.com`, ' '.repeat(301)], 'origin_too_long'],
  [
    'O17 label and name length',
    [`https://${'a'.repeat(64)}.tenant.example.com`, `https://${'a.'.repeat(126)}aa`],
    'origin_malformed',
  ],
  ['O17 longest label', [`https://${'a'.repeat(63)}.tenant.example.com`], 'allow'],
];

for (const [name, values, verdict] of VECTORS) {
  for (const value of values) {
    test(`${name}: ${JSON.stringify(value).slice(0, 70)} → ${verdict}`, () => {
      assert.equal(judge(config(), [value]), verdict);
    });
  }
}

test('O8 two lines, even two equal ones, are refused before anything else', () => {
  assert.equal(judge(config(), [A, 'https://evil.example']), 'origin_multiple');
  assert.equal(judge(config(), [A, A]), 'origin_multiple');
  assert.equal(judge(config({ missing: 'allow', opaque: 'allow' }), ['null', 'null']), 'origin_multiple');
});

test('O9 a missing Origin and null have switches of their own', () => {
  assert.equal(judge(config(), []), 'origin_missing');
  assert.equal(judge(config({ missing: 'allow' }), []), 'allow');
  assert.equal(judge(config({ missing: 'allow' }), ['']), 'origin_bad_byte');
  assert.equal(judge(config({ missing: 'allow' }), ['null']), 'origin_opaque');
  assert.equal(judge(config({ opaque: 'allow' }), ['null']), 'allow');
  assert.equal(judge(config({ opaque: 'allow' }), ['NULL']), 'origin_malformed');
  assert.equal(judge(config({ opaque: 'allow' }), []), 'origin_missing');
});

test('O10 an application origin matches byte for byte when it is listed', () => {
  const origins = config({ allow: ['chrome-extension://abcdef', 'capacitor://localhost', 'file://'] });
  assert.equal(judge(origins, ['chrome-extension://abcdef']), 'allow');
  assert.equal(judge(origins, ['capacitor://localhost']), 'allow');
  assert.equal(judge(origins, ['file://']), 'allow');
  assert.equal(judge(origins, ['Chrome-extension://abcdef']), 'origin_scheme');
  assert.equal(judge(origins, ['chrome-extension://abcdef.x']), 'origin_scheme');
  assert.equal(judge(origins, ['capacitor://LOCALHOST']), 'origin_scheme');
});

const APPLICATIONS: readonly [allow: readonly string[], rows: readonly (readonly [string, Verdict])[]][] = [
  [
    // Qt WebEngine, Android WebView.
    ['qrc://', 'content://'],
    [
      ['qrc://', 'allow'],
      ['content://', 'allow'],
      ['QRC://', 'origin_scheme'],
      ['qrc://x', 'origin_scheme'],
      ['qrc:///', 'origin_malformed'],
      ['qrc:', 'origin_malformed'],
      ['file://', 'origin_scheme'],
    ],
  ],
  [
    // The name is another one in each installation.
    ['moz-extension://*', 'Vscode-Webview://*', 'tauri://localhost'],
    [
      ['moz-extension://3c4a0f1e-94a2-4a5c-8f4b-0d6f1f1b7a52', 'allow'],
      ['vscode-webview://0o8f2q9c1d7h3k5m6n4p', 'allow'],
      ['tauri://localhost', 'allow'],
      ['moz-extension://a.b:80', 'allow'],
      ['tauri://other', 'origin_scheme'],
      ['moz-extension://', 'origin_scheme'],
      ['Moz-Extension://3c4a0f1e', 'origin_scheme'],
      ['chrome-extension://abcdef', 'origin_scheme'],
      ['moz-extension://a/b', 'origin_malformed'],
      ['moz-extension://*', 'origin_malformed'],
      ['moz-extension://a@b', 'origin_malformed'],
      ['https://app.example.com', 'origin_not_listed'],
      ['null', 'origin_opaque'],
    ],
  ],
  [
    // '*' is every web page; applications are written out beside it.
    ['*', 'chrome-extension://*'],
    [
      ['https://whoever.example', 'allow'],
      ['chrome-extension://abcdef', 'allow'],
      ['capacitor://localhost', 'origin_scheme'],
      ['qrc://', 'origin_scheme'],
    ],
  ],
  [
    ['localhost'],
    [
      ['http://localhost:3000', 'allow'],
      ['https://localhost:5173', 'allow'],
      ['http://localhost', 'allow'],
      ['HTTP://LOCALHOST:1', 'allow'],
      ['http://app.localhost:8080', 'allow'],
      ['http://127.0.0.1:3000', 'allow'],
      ['https://127.255.0.9', 'allow'],
      ['http://[::1]:3000', 'allow'],
      ['http://[0::1]:3000', 'allow'],
      ['http://notlocalhost', 'origin_not_listed'],
      ['http://localhost.evil.example', 'origin_not_listed'],
      ['http://localhost.', 'origin_not_listed'],
      ['http://127.0.0.1.evil.example', 'origin_not_listed'],
      ['http://128.0.0.1', 'origin_not_listed'],
      ['http://0.0.0.0:3000', 'origin_not_listed'],
      ['http://[::]:3000', 'origin_not_listed'],
      ['http://[::ffff:127.0.0.1]', 'origin_not_listed'],
      ['http://192.168.0.1', 'origin_not_listed'],
      ['http://127.1', 'origin_malformed'],
      ['capacitor://localhost', 'origin_scheme'],
      ['wss://localhost:3000', 'origin_scheme'],
      ['null', 'origin_opaque'],
    ],
  ],
  [
    ['https://app.example.com', 'localhost'],
    [
      ['https://app.example.com', 'allow'],
      ['http://localhost:3000', 'allow'],
      ['http://app.example.com', 'origin_not_listed'],
    ],
  ],
];

for (const [allow, rows] of APPLICATIONS) {
  for (const [value, verdict] of rows)
    test(`under ${allow.join(', ')}: ${value} → ${verdict}`, () =>
      assert.equal(judge(config({ allow }), [value]), verdict));
}

test('O13 a wildcard entry with a port asks for that port', () => {
  const origins = config({ allow: ['https://*.preview.example.com:8443'] });
  assert.equal(judge(origins, ['https://a.preview.example.com:8443']), 'allow');
  assert.equal(judge(origins, ['https://a.preview.example.com']), 'origin_not_listed');
});

test('O14 U-labels are converted behind a wildcard too', () => {
  const origins = config({ allow: ['https://*.münchen.example'] });
  assert.equal(judge(origins, ['https://a.xn--mnchen-3ya.example']), 'allow');
});

test('O18 self is the whole triple, and nothing without a known host', () => {
  const origins = config({ allow: ['self'] });
  const self: SelfOrigin = { scheme: 'https', host: 'gw.example.com', ports: [443] };
  assert.equal(judge(origins, ['https://gw.example.com'], self), 'allow');
  assert.equal(judge(origins, ['https://GW.example.com:443'], self), 'allow');
  assert.equal(judge(origins, ['http://gw.example.com'], self), 'origin_not_listed');
  assert.equal(judge(origins, ['https://gw.example.com:8443'], self), 'origin_not_listed');
  assert.equal(judge(origins, ['https://gw.example.com:8443'], { ...self, ports: [443, 8443] }), 'allow');
  assert.equal(judge(origins, ['https://rebound.attacker.example'], undefined), 'origin_not_listed');
  assert.equal(judge(origins, [], self), 'origin_missing');
  assert.equal(judge(config(), ['https://gw.example.com'], self), 'origin_not_listed');
});

test('O19 any takes each well-formed web origin, never null, nothing or another scheme', () => {
  const origins = config({ allow: ['*'] });
  assert.equal(judge(origins, ['https://whoever.example']), 'allow');
  assert.equal(judge(origins, ['http://192.0.2.1:81']), 'allow');
  assert.equal(judge(origins, ['null']), 'origin_opaque');
  assert.equal(judge(origins, []), 'origin_missing');
  assert.equal(judge(origins, ['https://whoever.example/x']), 'origin_malformed');
  assert.equal(judge(origins, ['wss://whoever.example']), 'origin_scheme');
});

test('an empty list allows nothing', () => {
  assert.equal(judge(config({ allow: [] }), [A]), 'origin_not_listed');
});

test('the compiled list has what browsers send, none twice', () => {
  const policy = compileOrigins(
    config({
      allow: ['HTTPS://App.Example.com:443', A, 'https://*.MÜNCHEN.example:8443', 'self', 'https://[0:0::1]'],
    }),
  );
  assert.deepEqual(policy.entries, [A, 'https://*.xn--mnchen-3ya.example:8443', 'self', 'https://[::1]']);
});

const PROBLEMS: readonly [entry: string, says: RegExp][] = [
  ['', /empty/],
  ['null', /origins\.opaque: allow/],
  ['NULL', /origins\.opaque: allow/],
  ['Self', /write self/],
  ['app.example.com', /write https:\/\/app\.example\.com/],
  ['*.example.com', /write https:\/\/\*\.example\.com/],
  ['app.example.com:8443', /write https:\/\/app\.example\.com:8443/],
  ['https:app.example.com', /scheme is missing/],
  ['https://app.example.com/', /without a slash; write https:\/\/app\.example\.com/],
  ['https://app.example.com/path', /no path/],
  ['https://app.example.com?x', /no path/],
  ['https://user@app.example.com', /no user name/],
  ['https://*.com', /two labels/],
  ['https://*.com.', /two labels/],
  ['https://*', /\* matches exactly one/],
  ['https://a.*.example.com', /\* matches exactly one/],
  ['https://app*.example.com', /\* matches exactly one/],
  ['https://*.*.example.com', /\* matches exactly one/],
  ['https://*.192.0.2.1', /no wildcards/],
  ['https://app.example.com:0', /host or port/],
  ['https://app.example.com:99999', /host or port/],
  ['https://app..example.com', /host or port/],
  ['https://0xc0.0.2.10', /host or port/],
  ['https://１９２.0.2.10', /host or port/],
  ['https://a／b.example', /host or port/],
  ['https://%65é.example', /host or port/],
  ['https://', /host or port/],
  ['https://a.example https://b.example', /no blanks/],
  ['wss://app.example.com', /write https:\/\/app\.example\.com/],
  ['ws://app.example.com', /write http:\/\/app\.example\.com/],
  ['capacitor://localhost/x', /exactly as the application/],
  ['capacitor://localhost/', /without a slash; write capacitor:\/\/localhost$/],
  ['qrc:///', /without a slash; write qrc:\/\/$/],
  ['chrome-extension://*.x', /write chrome-extension:\/\/\*$/],
  ['chrome-extension://a*', /write chrome-extension:\/\/\*$/],
  ['Localhost', /write localhost$/],
  ['http://localhost:*', /a port has no wildcard; write localhost alone/],
  ['https://127.0.0.1:*', /write localhost alone/],
  ['http://[::1]:*', /write localhost alone/],
  ['http://*.localhost:*', /write localhost alone/],
  ['http://*.localhost', /write localhost alone/],
  ['localhost:*', /write localhost alone/],
  ['localhost:3000', /write http:\/\/localhost:3000, or localhost alone/],
  ['127.0.0.1', /write http:\/\/127\.0\.0\.1, or localhost alone/],
  ['https://app.example.com:*', /one entry for each port/],
  ['app.example.com:*', /one entry for each port/],
];

for (const [entry, says] of PROBLEMS) {
  test(`entry ${JSON.stringify(entry)} is refused, with what to write`, () => {
    const parsed = parseOriginEntry(entry);
    const problem = parsed.kind === 'problem' ? parsed.problem : 'no problem';
    assert.match(problem, says);
    assert.match(problem, /; write /);
    assert.throws(() => compileOrigins(config({ allow: [entry] })), /origins: /);
  });
}

const WARNINGS: readonly [entry: string, says: RegExp | undefined][] = [
  ['*', /every web page/],
  ['https://*.github.io', /anybody can get a name/],
  ['https://*.co.uk', /anybody can get a name/],
  ['https://*.s3.eu-central-1.amazonaws.com', /anybody can get a name/],
  ['https://*.our-team.github.io', undefined],
  ['https://our-team.github.io', undefined],
  ['https://*.preview.example.com', undefined],
  ['http://app.example.com', /without TLS/],
  ['http://*.app.example.com', /without TLS/],
  ['http://203.0.113.1', /without TLS/],
  ['http://[2001:db8::1]', /without TLS/],
  ['http://localhost:3000', undefined],
  [
    'http://localhost',
    /port 80 alone; write http:\/\/localhost:5173 with the port of the page, or localhost alone/,
  ],
  ['https://localhost', /port 443 alone/],
  ['http://127.0.0.1', /port 80 alone/],
  ['http://app.localhost:8080', undefined],
  ['http://127.0.0.1:8080', undefined],
  ['http://192.168.1.1', undefined],
  ['http://[fd00::1]', undefined],
  ['http://printer', undefined],
  ['http://app.home.arpa', undefined],
  ['https://app.example.com.', /trailing dot/],
  ['file://', /every file/],
  ['content://', /every file/],
  ['qrc://', undefined],
  ['capacitor://localhost', undefined],
  ['vscode-webview://*', /every extension or application/],
  ['localhost', /for development/],
  ['self', undefined],
  [A, undefined],
];

for (const [entry, says] of WARNINGS) {
  test(`entry ${entry} ${says === undefined ? 'is taken without a word' : 'is taken with a warning'}`, () => {
    const parsed = parseOriginEntry(entry);
    assert.ok(parsed.kind !== 'problem');
    if (says === undefined) assert.equal(parsed.warning, undefined);
    else assert.match(parsed.warning ?? 'no warning', says);
    compileOrigins(config({ allow: [entry] }));
  });
}

/**
 * The same rules once more, by other means: expressions for the shape, the URL parser for the spelling of IPv6,
 * a scan of the list for the match.
 */
function reference(value: string, listed: readonly string[]): Verdict {
  if (value.length > 300) return 'origin_too_long';
  if (!/^[\x21-\x7e]+$/.test(value)) return 'origin_bad_byte';
  if (value === 'null') return 'origin_opaque';
  if (/^(?!https?:)[a-z][a-z0-9+.-]*:\/\/$/i.test(value)) return 'origin_scheme';
  const shape = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?$/.exec(
    value.toLowerCase(),
  );
  const [, scheme = '', name = '', port = scheme === 'https' ? '443' : '80'] = shape ?? [];
  const host = referenceHost(name);
  if (shape === null || host === undefined || Number(port) > 65_535) return 'origin_malformed';
  if (scheme !== 'http' && scheme !== 'https')
    return listed.some((entry) => entry === `${value.slice(0, scheme.length)}://*`)
      ? 'allow'
      : 'origin_scheme';
  const triple = `${scheme}://${host}:${port}`;
  for (const entry of listed) {
    if (entry === '*') return 'allow';
    if (entry === 'localhost' && /:\/\/((.+\.)?localhost|127(\.\d+){3}|\[::1\]):\d+$/.test(triple))
      return 'allow';
    const full = /:[0-9]+$/.test(entry) ? entry : `${entry}:${entry.startsWith('https') ? 443 : 80}`;
    if (triple === full) return 'allow';
    const pattern = full.replaceAll('.', '\\.').replace('*', '[^.]+');
    if (entry.includes('*') && new RegExp(`^${pattern}$`).test(triple)) return 'allow';
  }
  return 'origin_not_listed';
}

function referenceHost(name: string): string | undefined {
  if (name.startsWith('['))
    return URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : undefined;
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > 253 || labels.some((label) => label === '' || label.length > 63)) return undefined;
  if (!/^([0-9]+|0x.*)$/.test(labels.at(-1) ?? '')) return name;
  const byte = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
  return new RegExp(`^${byte}\\.${byte}\\.${byte}\\.${byte}$`).test(name) ? name : undefined;
}

const ASCII_LISTED = LISTED.map((entry) => entry.replace('münchen', 'xn--mnchen-3ya'));

const structured = fc
  .tuple(
    fc.constantFrom('https', 'http', 'HTTPS', 'wss', 'file', 'chrome-extension', 'null', ''),
    fc.constantFrom('://', '://', '://', '://', ':', '//', ':/', ':///'),
    fc.oneof(
      fc.constantFrom(
        'app.example.com',
        'a.tenant.example.com',
        'a.b.tenant.example.com',
        'localhost',
        '192.0.2.10',
      ),
      fc.ipV6().map((address) => `[${address}]`),
      fc.ipV4Extended(),
      fc
        .array(
          fc.constantFrom(
            'a',
            'example',
            'com',
            '',
            '0x1',
            '07',
            '9',
            '-',
            '_',
            '%41',
            'xn--a',
            'a'.repeat(64),
          ),
          { maxLength: 6 },
        )
        .map((labels) => labels.join('.')),
    ),
    fc.oneof(
      fc.constantFrom('', '', ':443', ':80', ':8443', ':3000', ':'),
      fc.nat(70_000).map((port) => `:${port}`),
    ),
  )
  .map((parts) => parts.join(''));

const mutated = fc
  .tuple(
    fc.constantFrom(
      ...ASCII_LISTED,
      ...VECTORS.flatMap(([, values]) => values),
      'https://[2001:db8:0::1]',
      'https://whoever.example',
    ),
    fc.array(
      fc.tuple(
        fc.constantFrom('insert', 'replace', 'delete', 'case', 'repeat', 'cut'),
        fc.nat(),
        fc.constantFrom(...'.:/@\\#?%*,;[]-_ \t\0"\'0x9azAZ+~\x7f\x80é\u212a'),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([base, steps]) => steps.reduce(mutate, base));

function mutate(text: string, [kind, position, character]: [string, number, string]): string {
  const at = position % (text.length + 1);
  const [before, here, after] = [text.slice(0, at), text.slice(at, at + 1), text.slice(at + 1)];
  if (kind === 'insert') return before + character + here + after;
  if (kind === 'replace') return before + character + after;
  if (kind === 'delete') return before + after;
  if (kind === 'case') return before + here.toUpperCase() + after;
  return kind === 'repeat' ? text + text.slice(at) : before;
}

test('D6 two independent implementations agree, and allow implies the form that browsers send', () => {
  const lists = [
    ASCII_LISTED,
    [...ASCII_LISTED, '*'],
    ['localhost', 'chrome-extension://*', 'https://app.example.com'],
    ['https://*.example.com', 'http://*.tenant.example.com:8443'],
  ];
  const policies = lists.map((allow) => ({ allow, policy: compileOrigins(config({ allow })) }));
  const values = fc.oneof(mutated, structured);
  fc.assert(
    fc.property(values, fc.constantFrom(...policies), (value, { allow, policy }) => {
      const verdict = judgeOrigin(policy, [value], undefined);
      assert.equal(verdict.allow ? 'allow' : verdict.token, reference(value, allow));
      if (verdict.allow) assertCanonical(value);
    }),
    { numRuns: 1_000_000, interruptAfterTimeLimit: FUZZ_BUDGET_MS, markInterruptAsFailure: false },
  );
});

/** The URL parser finds nothing to repair but case, the spelling of IPv6 and a default port. */
function assertCanonical(value: string): void {
  // Of applications nothing more is known than scheme://name.
  if (!/^https?:/i.test(value)) return assert.match(value, /^chrome-extension:\/\/[a-zA-Z0-9._:[\]-]+$/);
  // A-labels that decode to nothing are refused by the URL parser only; they are names all the same.
  if (/xn--(?!mnchen)/i.test(value)) return;
  const url = new URL(value);
  const defaultPort = url.protocol === 'https:' ? ':443' : ':80';
  const folded = value.toLowerCase();
  const written = folded.endsWith(defaultPort) ? folded.slice(0, -defaultPort.length) : folded;
  if (url.hostname.startsWith('[')) assert.equal(written.replace(/\[.*\]/, url.hostname), url.origin);
  else assert.equal(written, url.origin);
}
