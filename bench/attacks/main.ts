import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { pinProcess } from '../affinity.ts';
import { makeCertificate } from '../certificate.ts';
import { ATTACKS } from './all.ts';
import type { Attack, Spent } from './attack.ts';
import { watchHonest } from './honest.ts';
import { Pod } from './pod.ts';
import { HEADINGS, report } from './report.ts';
import { startUpstream } from './upstream.ts';

const run = promisify(execFile);
const ATTACKER = join(import.meta.dirname, 'attacker.ts');
/** What honest users see before an attack, and what memory does after it. */
const BEFORE_MS = 2000;
const AFTER_MS = 5000;

const USAGE = `npm run bench:attacks -- [NAME…] [--tls] [--memory MIB] [--program FILE]

${ATTACKS.map(({ name, what }) => `  ${name.padEnd(18)} ${what}`).join('\n')}

  --tls           the public port speaks TLS
  --memory 256    memory limit of the gateway in MiB, where this user may make a cgroup
  --descriptors N start it under ulimit -n N
  --program FILE  another bundle than dist/image/dist/natsgate.js`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tls: { type: 'boolean', default: false },
    memory: { type: 'string', default: '256' },
    program: { type: 'string' },
    descriptors: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !ATTACKS.some((one) => one.name === name));
if (values.help || unknown.length > 0) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 1);
}
const upstream = await startUpstream();
console.log(HEADINGS);
for (const attack of ATTACKS) {
  if (positionals.length > 0 && !positionals.includes(attack.name)) continue;
  if (attack.tls !== undefined && attack.tls !== values.tls) continue;
  await under(attack);
}
upstream.stop();
process.exit(0);

async function under(attack: Attack): Promise<void> {
  const certificate = values.tls ? makeCertificate() : undefined;
  const limitMiB = Number(values.memory);
  const { program } = values;
  const descriptors = values.descriptors === undefined ? undefined : Number(values.descriptors);
  const pod = await Pod.start({
    limitMiB,
    upstreamPort: upstream.port,
    certificate,
    program,
    descriptors,
  });
  try {
    const over = new AbortController();
    const watch = watchHonest(pod.target, over.signal);
    await wait(BEFORE_MS);
    const before = pod.memory?.now ?? 0;
    const spent = await attacked(attack, pod);
    await wait(AFTER_MS);
    over.abort();
    const fared = await watch;
    await report(attack, pod, spent, fared, before);
  } finally {
    await pod.stop();
    certificate?.remove();
  }
}

async function attacked({ name }: Attack, { target }: Pod): Promise<Spent> {
  const attacker = run(process.execPath, [ATTACKER, name, JSON.stringify(target)], { timeout: 120_000 });
  // An attacker has machines of its own; here it must not take both processors from the gateway.
  for (const pid of [attacker.child.pid!, upstream.pid]) pinProcess(pid, 1);
  const { stdout } = await attacker;
  return JSON.parse(stdout) as Spent;
}
