import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Certificate } from '../certificate.ts';
import { Program } from '../subjects/program.ts';
import type { Target } from './attack.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BUNDLE = join(ROOT, 'dist', 'image', 'dist', 'natsgate.js');
/** As in the Dockerfile. */
const NODE_OPTIONS = '--max-old-space-size-percentage=55';
const FLAGS = ['--disable-proto=delete', '--disable-sigusr1'];

export type PodOptions = {
  readonly limitMiB: number;
  readonly upstreamPort: number;
  readonly certificate: Certificate | undefined;
  /** Another program than the bundle of this tree. */
  readonly program: string | undefined;
  /** For `ulimit -n`; undefined: as it is. */
  readonly descriptors: number | undefined;
};

/** The bundle of the image under a memory limit, where cgroups let us; the defaults of the program otherwise. */
export class Pod {
  readonly target: Target;
  readonly #program: Program;
  readonly #group: string | undefined;

  private constructor(program: Program, group: string | undefined, target: Target) {
    this.#program = program;
    this.#group = group;
    this.target = target;
  }

  static async start(options: PodOptions): Promise<Pod> {
    const { limitMiB, upstreamPort, certificate, program = BUNDLE, descriptors } = options;
    if (!existsSync(program))
      throw new Error(`${program} is not there; npm run node -- scripts/build-image.ts`);
    const files = certificate && { certFile: certificate.certFile, keyFile: certificate.keyFile };
    const config = {
      listen: { address: '127.0.0.1:0', ...(files === undefined ? {} : { tls: files }) },
      admin: '127.0.0.1:0',
      origins: { allow: ['https://app.example.com'], missing: 'allow' },
      upstream: `nats://127.0.0.1:${upstreamPort}`,
    };
    const group = makeGroup(limitMiB);
    const join = group === undefined ? '' : `echo $$ > ${group}/cgroup.procs && `;
    const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors} && `;
    const command = `${join}${limit}exec "$0" ${FLAGS.join(' ')} ${program} --config "$1/natsgate.yaml"`;
    const started = await Program.start(
      'sh',
      (folder) => ['-c', command, process.execPath, folder],
      { 'natsgate.yaml': JSON.stringify(config) },
      { NODE_OPTIONS },
    );
    // A field may come before or after another one, so each is looked for by itself.
    const [, port] = await started.said(/"listen":"wss?:\/\/127\.0\.0\.1:(\d+)"/);
    const [, adminPort] = await started.said(/"admin":"http:\/\/127\.0\.0\.1:(\d+)"/);
    const target = { port: Number(port), adminPort: Number(adminPort), tls: certificate !== undefined };
    return new Pod(started, group, target);
  }

  /** Of the process alone, in MiB: resident now, and the most so far. Undefined: it has ended. */
  get memory(): { readonly now: number; readonly most: number } | undefined {
    try {
      const status = readFileSync(`/proc/${this.#program.pid}/status`, 'utf8');
      const field = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
      const now = field('VmRSS');
      return now === 0 ? undefined : { now, most: field('VmHWM') };
    } catch {
      return undefined;
    }
  }

  /** The most that the group was charged, in MiB. cgroup v1 leaves socket buffers out. */
  get mostCharged(): number | undefined {
    for (const name of ['memory.max_usage_in_bytes', 'memory.peak']) {
      if (this.#group !== undefined && existsSync(`${this.#group}/${name}`))
        return Number(readFileSync(`${this.#group}/${name}`, 'utf8')) / 2 ** 20;
    }
    return undefined;
  }

  /** A counter of /metrics, all its series with the reasons that are not zero. */
  async counter(name: string): Promise<string> {
    const text = await fetch(`http://127.0.0.1:${this.target.adminPort}/metrics`, {
      signal: AbortSignal.timeout(5000),
    }).then(
      (answer) => answer.text(),
      () => '',
    );
    const series = [...text.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\d+)$`, 'gm'))];
    return series
      .filter(([, , value]) => value !== '0')
      .map(([, labels = '', value]) => `${/"([^"]*)"$/.exec(labels)?.[1]} ${value}`)
      .join(', ');
  }

  /** Each different one, with how often it was logged. */
  get warnings(): readonly string[] {
    const counts = new Map<string, number>();
    for (const [, text = ''] of this.output.matchAll(/^\{"level":"(?:warn|error)".*"message":"([^"]*)"/gm))
      counts.set(text, (counts.get(text) ?? 0) + 1);
    return [...counts].map(([text, count]) => `logged ${count} times: ${text}`);
  }

  get output(): string {
    return this.#program.output;
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    for (let round = 0; this.#group !== undefined && round < 50; round++) {
      try {
        return rmdirSync(this.#group);
      } catch {
        await wait(50);
      }
    }
  }
}

/** Undefined: not root, or no cgroups. */
function makeGroup(limitMiB: number): string | undefined {
  const name = `natsgate-attack-${process.pid}`;
  for (const [root, file] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(root, name);
    try {
      mkdirSync(group, { recursive: true });
      writeFileSync(join(group, file), String(limitMiB * 2 ** 20));
      return group;
    } catch {
      if (existsSync(group)) rmdirSync(group);
    }
  }
  return undefined;
}
