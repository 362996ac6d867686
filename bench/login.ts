import { createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pin } from './affinity.ts';
import { startBench } from './bench-processes.ts';
import { residentInUse } from './memory.ts';
import { median, percentile } from './statistics.ts';
import { startWith } from './subjects/natsgate.ts';
import type { Subject } from './subjects/subject.ts';
import { measured } from './work/measured.ts';
import { targetOf } from './work/upload.ts';

/**
 * What a verified token adds to a handshake, in CPU of the gateway and in time until INFO. All of it is routes of one
 * program. The kinds of a group take short turns, forwards and backwards, so that whatever disturbs the machine meets all
 * of them; what one adds is the median over the pairs of its turn and the one of `none` beside it, with the range that
 * holds the true median 19 times of 20. Clients come one after the other, so that nobody waits for another one. `none,
 * again` is the control. Then the memory of programs that have just begun, without `auth` and
 * with it: jose is loaded for the latter.
 */
const USAGE = `node bench/login.ts [--turns N] [--count N] [--memory N]

  --turns N       turns of each kind (300)
  --count N       handshakes in a turn (40)
  --memory N      programs of each kind whose memory is measured (3)`;

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '300' },
    count: { type: 'string', default: '40' },
    memory: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const [turns, count, programs] = [values.turns, values.count, values.memory].map(Number) as [
  number,
  number,
  number,
];
const WARM_UP = 30;
const ISSUER = 'https://id.example.com';
const AUDIENCE = 'bench';
const PAIRED = ['ES256', 'RS256', 'EdDSA'] as const;
const ALGORITHMS = [...PAIRED, 'HS256'] as const;
type Algorithm = (typeof ALGORITHMS)[number];

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const secret = randomBytes(32).toString('hex');
const keySet = JSON.stringify({
  keys: PAIRED.map((alg) => ({
    ...pairs[alg].publicKey.export({ format: 'jwk' }),
    kid: alg,
    alg,
    use: 'sig',
  })),
});
const authBy = (keys: object) => ({
  from: [{ header: 'authorization' }],
  jwt: [{ issuer: ISSUER, audience: AUDIENCE, ...keys }],
});
const auth = authBy({ keys: { file: 'keys.json' } });
const bySecret = authBy({ keys: { secretFile: 'secret' }, algorithms: ['HS256'] });
const files = { 'keys.json': keySet, secret };

/** No two are the same. */
function token(alg: Algorithm): string {
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'user-1', exp, jti: randomUUID() };
  const input = `${text({ alg, kid: alg })}.${text(claims)}`;
  return `${input}.${signatureOf(alg, input).toString('base64url')}`;
}

function signatureOf(alg: Algorithm, input: string): Buffer {
  if (alg === 'HS256') return createHmac('sha256', secret).update(input).digest();
  const key = { key: pairs[alg].privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key);
}

type Kind = { readonly name: string; readonly path: string; token(): string };
const known = token('ES256');
// With the token that nobody reads there: what differs is `auth` alone, not the length of the request.
const CONTROLS: readonly Kind[] = ['none', 'none, again'].map((name, index) => ({
  name,
  path: ['/none', '/again'][index]!,
  token: () => known,
}));
/** What a cold one leaves in the memory of the program would be charged to a cached one, too. */
const GROUPS: readonly (readonly Kind[])[] = [
  [...CONTROLS, { name: 'cached', path: '/login', token: () => known }],
  [
    ...CONTROLS,
    ...ALGORITHMS.map((alg) => ({
      name: `cold, ${alg}`,
      path: alg === 'HS256' ? '/secret' : '/login',
      token: () => token(alg),
    })),
  ],
];
/** µs of CPU for each handshake of it, and how long each took, sorted. */
type Turn = { readonly cpu: number; readonly times: readonly number[] };

const bench = await startBench();

async function turn(subject: Subject, { path, token }: Kind): Promise<Turn> {
  const load = { target: targetOf({ ...subject, path }), tokens: Array.from({ length: count }, token) };
  let times: readonly number[] = [];
  const { cpu } = await measured(bench, subject, count, { ns: 1e3, perSecond: 1 }, async () => {
    times = await bench.generator.call('logins', load);
    while ((await bench.upstream.call('connections')) > 0) await wait(2);
  });
  return { cpu: cpu!, times: ascending(times) };
}

async function handshakes(): Promise<void> {
  await bench.upstream.call('setMode', { kind: 'echo' });
  const routes = [
    { path: '/none' },
    { path: '/again' },
    { path: '/login', auth },
    { path: '/secret', auth: bySecret },
  ];
  const config = { inspect: 'observe' };
  const subject = await startWith({ upstreamPort: bench.upstreamPort }, { config, routes, files });
  try {
    pin('throughput', {
      subject: subject.pids(),
      generator: bench.generator.pid,
      upstream: bench.upstream.pid,
    });
    console.log(`${turns} turns of ${count} handshakes each; µs; more than \`none\`: median of the pairs`);
    for (const kinds of GROUPS) await group(subject, kinds);
  } finally {
    await subject.stop();
  }
}

async function group(subject: Subject, kinds: readonly Kind[]): Promise<void> {
  const taken = new Map<Kind, Turn[]>(kinds.map((kind) => [kind, []]));
  for (let at = -WARM_UP; at < turns; at++)
    for (const kind of at % 2 === 0 ? kinds : kinds.toReversed()) {
      const one = await turn(subject, kind);
      if (at >= 0) taken.get(kind)!.push(one);
    }
  const base = taken.get(kinds[0]!)!;
  console.log('                CPU   more     (19 of 20)    p50   more    p99   more');
  for (const kind of kinds) {
    const all = taken.get(kind)!;
    const more = (of: (one: Turn) => number) => all.map((one, index) => of(one) - of(base[index]!));
    const p50 = ({ times }: Turn): number => percentile(times, 0.5);
    const p99 = (some: readonly Turn[]): number =>
      percentile(ascending(some.flatMap(({ times }) => times)), 0.99);
    const cpu = more((one) => one.cpu);
    const [least, most] = rangeOfMedian(cpu).map((one) => one.toFixed(0));
    const figures = [median(all.map(p50)), median(more(p50)), p99(all), p99(all) - p99(base)];
    console.log(
      kind.name.padEnd(13),
      shown([median(all.map(({ cpu }) => cpu)), median(cpu)]),
      `(${least} to ${most})`.padStart(14),
      shown(figures),
    );
  }
}

const ascending = (some: readonly number[]): number[] => some.toSorted((a, b) => a - b);
const shown = (some: readonly number[]): string => some.map((one) => one.toFixed(0).padStart(6)).join(' ');

/** By the binomial distribution: whatever the values are spread like. */
function rangeOfMedian(some: readonly number[]): number[] {
  const beside = 0.98 * Math.sqrt(some.length);
  const sorted = ascending(some);
  return [-beside, beside].map((by) => sorted[Math.round((some.length - 1) / 2 + by)] ?? Number.NaN);
}

async function memory(): Promise<void> {
  const inspect = 'observe';
  const kinds = {
    'without auth': { config: { inspect } },
    'with auth': { config: { inspect, auth }, files },
  };
  for (const [name, more] of Object.entries(kinds)) {
    const mib: number[] = [];
    for (let program = 0; program < programs; program++) {
      const subject = await startWith({ upstreamPort: bench.upstreamPort, exactMemory: true }, more);
      mib.push((await residentInUse(subject)) / 1024 / 1024);
      await subject.stop();
    }
    console.log(`${name}: ${mib.map((one) => one.toFixed(1)).join(', ')} MiB`);
  }
}

try {
  await handshakes();
  await memory();
} finally {
  bench.generator.stop();
  bench.upstream.stop();
}
