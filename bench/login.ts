import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pin } from './affinity.ts';
import { startBench } from './bench-processes.ts';
import { residentInUse } from './memory.ts';
import { median, percentile, shuffled } from './statistics.ts';
import { startWith } from './subjects/natsgate.ts';
import type { Subject } from './subjects/subject.ts';
import { measured } from './work/measured.ts';
import { targetOf } from './work/upload.ts';

/**
 * What a verified token adds to a handshake, in CPU of the gateway and in time until INFO. As in inspect.ts all of it
 * is routes of one program, in slices of a random order; clients come one after the other, so that nobody waits for
 * another one. `none, again` is the control. Then the memory of programs that have just begun, without `auth` and with
 * it: jose is loaded for the latter.
 */
const USAGE = `node bench/login.ts [--rounds N] [--count N] [--memory N]

  --rounds N      slices of each kind (40)
  --count N       handshakes in a slice (250)
  --memory N      programs of each kind whose memory is measured (3)`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    count: { type: 'string', default: '250' },
    memory: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const [rounds, count, programs] = [values.rounds, values.count, values.memory].map(Number) as [
  number,
  number,
  number,
];
const ISSUER = 'https://id.example.com';
const AUDIENCE = 'bench';
const ALGORITHMS = ['ES256', 'RS256', 'EdDSA'] as const;
type Algorithm = (typeof ALGORITHMS)[number];

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const keySet = JSON.stringify({
  keys: ALGORITHMS.map((alg) => ({
    ...pairs[alg].publicKey.export({ format: 'jwk' }),
    kid: alg,
    alg,
    use: 'sig',
  })),
});
const auth = {
  from: [{ header: 'authorization' }],
  jwt: [{ issuer: ISSUER, audience: AUDIENCE, keys: { file: 'keys.json' } }],
};
const files = { 'keys.json': keySet };

/** No two are the same. */
function token(alg: Algorithm): string {
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'user-1', exp, jti: randomUUID() };
  const input = `${text({ alg, kid: alg })}.${text(claims)}`;
  const key = { key: pairs[alg].privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return `${input}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key).toString('base64url')}`;
}

const several = (make: () => string | null): (string | null)[] => Array.from({ length: count }, make);
const known = token('ES256');
const KINDS: Readonly<Record<string, { readonly path: string; tokens(): (string | null)[] }>> = {
  // With the token that nobody reads there: what differs is `auth` alone, not the length of the request.
  none: { path: '/none', tokens: () => several(() => known) },
  'none, again': { path: '/again', tokens: () => several(() => known) },
  cached: { path: '/login', tokens: () => several(() => known) },
  ...Object.fromEntries(
    ALGORITHMS.map((alg) => [`cold, ${alg}`, { path: '/login', tokens: () => several(() => token(alg)) }]),
  ),
};
type Slice = { readonly cpu: number; readonly times: readonly number[] };

const bench = await startBench();

async function measure(subject: Subject, name: string): Promise<Slice> {
  const { path, tokens } = KINDS[name]!;
  const load = { target: targetOf({ ...subject, path }), tokens: tokens() };
  let times: readonly number[] = [];
  const { cpu } = await measured(bench, subject, count, { ns: 1e3, perSecond: 1 }, async () => {
    times = await bench.generator.call('logins', load);
    while ((await bench.upstream.call('connections')) > 0) await wait(5);
  });
  return { cpu: cpu!, times };
}

async function handshakes(): Promise<void> {
  await bench.upstream.call('setMode', { kind: 'echo' });
  const routes = ['/none', '/again', '/login'].map((path) => ({
    path,
    ...(path === '/login' ? { auth } : {}),
  }));
  const config = { inspect: 'observe' };
  const subject = await startWith({ upstreamPort: bench.upstreamPort }, { config, routes, files });
  const names = Object.keys(KINDS);
  const slices = new Map<string, Slice[]>(names.map((name) => [name, []]));
  try {
    pin('throughput', {
      subject: subject.pids(),
      generator: bench.generator.pid,
      upstream: bench.upstream.pid,
    });
    for (let warmUp = 0; warmUp < 10; warmUp++) for (const name of names) await measure(subject, name);
    for (let round = 0; round < rounds; round++)
      for (const name of shuffled(names)) slices.get(name)!.push(await measure(subject, name));
  } finally {
    await subject.stop();
  }
  const base = slices.get('none')!;
  console.log(`${rounds} slices of ${count} handshakes; µs; more than \`none\`: median of the slices`);
  console.log('                CPU   more    p50   more    p99   more');
  for (const [name, all] of slices) {
    const figures = [
      ({ cpu }: Slice) => cpu,
      ({ times }: Slice) =>
        percentile(
          times.toSorted((a, b) => a - b),
          0.5,
        ),
      ({ times }: Slice) =>
        percentile(
          times.toSorted((a, b) => a - b),
          0.99,
        ),
    ].flatMap((of) => [median(all.map(of)), median(all.map((one, index) => of(one) - of(base[index]!)))]);
    console.log(`${name.padEnd(13)}${figures.map((one) => one.toFixed(0).padStart(6)).join(' ')}`);
  }
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
