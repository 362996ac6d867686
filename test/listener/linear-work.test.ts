/**
 * No input may make the rules work more than in proportion to its length (T16). Time is a poor witness on a
 * busy machine, so work is counted: V8 tells how often each block of the rules has run, and twice the input
 * must not run them more than about twice as often.
 */

import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { clientAddress, forwardedOrigin } from '../../src/listener/client-address.ts';
import { checkHandshake, type HandshakeRequest } from '../../src/listener/handshake.ts';
import { compileOrigins, judgeOrigin } from '../../src/listener/origin.ts';
import { parseAuthority } from '../../src/net/host.ts';
import { compileTrustedProxies } from '../../src/net/networks.ts';
import { parseOrigin } from '../../src/net/origin-grammar.ts';
import { headerLines, listElements, trimBlanks } from '../../src/net/raw-headers.ts';
import { parseTarget } from '../../src/net/request-target.ts';

const SHORT = 4096;
/** Twice the input is twice the work; the rest is for what does not depend on the length. */
const MAX_GROWTH = 2.2;
/** Below this many block runs there is nothing that could grow. */
const CONSTANT_WORK = 2000;

// The optimizer inlines functions, and calls of an inlined function are not counted.
setFlagsFromString('--no-opt');
setFlagsFromString('--no-maglev');

const session = new Session();

before(async () => {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
});

after(() => session.disconnect());

async function blocksRun(work: () => unknown): Promise<number> {
  await session.post('Profiler.takePreciseCoverage'); // sets the counters to zero
  work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  let count = 0;
  for (const script of result.filter(({ url }) => /\/src\/(listener|net)\//.test(url))) {
    for (const { ranges } of script.functions) for (const range of ranges) count += range.count;
  }
  return count;
}

const trusted = compileTrustedProxies(['0.0.0.0/0', '::/0']);
const origins = compileOrigins({
  allow: ['*', 'self', 'https://*.example.com'],
  missing: 'deny',
  opaque: 'deny',
});

function judged(parts: Partial<HandshakeRequest>): unknown {
  const request: HandshakeRequest = {
    method: 'GET',
    target: '/',
    httpVersion: '1.1',
    rawHeaders: [],
    earlyBytes: 0,
    tls: false,
    peerAddress: '10.0.0.1',
    ...parts,
  };
  const route = {
    name: 'default',
    host: undefined,
    path: '/',
    subprotocols: ['nats'],
    explain: false,
    origins,
  };
  const rules = { health: undefined, trustedProxies: trusted, hosts: ['gw.example.com'], routes: [route] };
  return checkHandshake(request, rules);
}

const UPGRADE_LINES = [
  ...[
    'Host',
    'gw.example.com',
    'Upgrade',
    'websocket',
    'Connection',
    'upgrade',
    'Origin',
    'https://a.example.com',
  ],
  ...['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version', '13'],
];

/** Text of `length` bytes or a little more: `part` again and again. */
function filled(part: string, length: number): string {
  return part.repeat(Math.ceil(length / part.length));
}

const WORST: readonly [name: string, work: (length: number) => unknown][] = [
  ['origin: one label', (length) => parseOrigin(`https://${filled('a', length)}`)],
  ['origin: dots', (length) => parseOrigin(`https://${filled('a.', length)}`)],
  ['origin: colons', (length) => parseOrigin(`https://${filled(':', length)}`)],
  ['origin: brackets', (length) => parseOrigin(`https://[${filled('[', length)}]`)],
  ['origin: colons in brackets', (length) => parseOrigin(`https://[${filled(':', length)}]`)],
  ['origin: scheme without end', (length) => parseOrigin(filled('a+', length))],
  ['origin: slashes', (length) => parseOrigin(`https:${filled('/', length)}`)],
  ['origin: digits as port', (length) => parseOrigin(`https://a:${filled('1', length)}`)],
  [
    'origin: whole judgement',
    (length) => judgeOrigin(origins, [`https://${filled('a.', length)}`], undefined),
  ],
  ['host: bracket without end', (length) => parseAuthority(`[${filled('1', length)}`)],
  ['target: question marks', (length) => parseTarget(`/${filled('?', length)}`)],
  ['target: authority', (length) => parseTarget(`http://${filled('a', length)}`)],
  ['blanks around a value', (length) => trimBlanks(`${filled(' \t', length)}a${filled(' ', length)}b`)],
  ['blanks only', (length) => trimBlanks(filled(' ', length))],
  ['list: commas', (length) => listElements([filled(',', length)])],
  ['list: blanks and commas', (length) => listElements([filled(' , ', length)])],
  ['lines of one name', (length) => headerLines(filled('Origin\0x\0', length * 9).split('\0'), 'origin')],
  [
    'forwarded: commas',
    (length) => clientAddress('10.0.0.1', ['X-Forwarded-For', filled(',', length)], trusted),
  ],
  [
    'forwarded: proxies',
    (length) =>
      clientAddress('10.0.0.1', ['X-Forwarded-For', filled('10.0.0.1,', length).slice(0, -1)], trusted),
  ],
  [
    'forwarded: one long hop',
    (length) => clientAddress('10.0.0.1', ['X-Forwarded-For', filled('1', length)], trusted),
  ],
  [
    'forwarded: lines',
    (length) =>
      clientAddress('10.0.0.1', filled('X-Forwarded-For\x0010.0.0.1\0', length * 9).split('\0'), trusted),
  ],
  [
    'forwarded: host',
    (length) => forwardedOrigin('10.0.0.1', ['X-Forwarded-Host', filled('a.', length)], trusted),
  ],
  ['handshake: lines', (length) => judged({ rawHeaders: filled('Host\0x\0', length * 7).split('\0') })],
  [
    'handshake: connection options',
    (length) => judged({ rawHeaders: [...UPGRADE_LINES, 'Connection', filled('a,', length)] }),
  ],
  [
    'handshake: key',
    (length) =>
      judged({
        rawHeaders: [...UPGRADE_LINES.map((text) => (text.endsWith('==') ? filled('A', length) : text))],
      }),
  ],
  [
    'handshake: subprotocols',
    (length) => judged({ rawHeaders: [...UPGRADE_LINES, 'Sec-WebSocket-Protocol', filled('a,', length)] }),
  ],
  [
    'handshake: one long subprotocol',
    (length) => judged({ rawHeaders: [...UPGRADE_LINES, 'Sec-WebSocket-Protocol', filled('a', length)] }),
  ],
  [
    'handshake: different subprotocols',
    (length) =>
      judged({
        rawHeaders: [
          ...UPGRADE_LINES,
          'Sec-WebSocket-Protocol',
          Array.from({ length }, (_, index) => `p${index}`).join(),
        ],
      }),
  ],
];

for (const [name, work] of WORST) {
  test(`T16 ${name}: work grows with the length and no faster`, async () => {
    work(SHORT); // whatever happens only once, lazily compiled expressions for example
    const once = await blocksRun(() => work(SHORT));
    const twice = await blocksRun(() => work(2 * SHORT));
    assert.ok(once > 0, 'nothing was counted');
    assert.ok(twice <= Math.max(CONSTANT_WORK, MAX_GROWTH * once), `${once} blocks, then ${twice}`);
  });
}

test('the counter sees quadratic work', async () => {
  const lines = (count: number): string[] => filled('a\0b\0', count * 4).split('\0');
  const quadratic = (count: number) => () => {
    for (let round = 0; round < count; round += 1) headerLines(lines(count), 'x');
  };
  const once = await blocksRun(quadratic(50));
  const twice = await blocksRun(quadratic(100));
  assert.ok(twice > 3 * once, `${once} blocks, then ${twice}`);
});
