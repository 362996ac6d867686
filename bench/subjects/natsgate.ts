import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXACT_MEMORY } from '../memory.ts';
import { Program } from './program.ts';
import type { StartOptions, Subject, SubjectKind } from './subject.ts';

const ROOT = join(import.meta.dirname, '..', '..');

type Engine = 'cut-through' | 'buffered';
export type Inspect = 'off' | 'observe' | 'enforce';

/** Another checkout of natsgate with its packages installed, and the word for it in the tables. */
type Tree = { readonly root: string; readonly word: string };
const THIS_TREE: Tree = { root: ROOT, word: '' };

/**
 * What `--before` adds: the other tree at every level, and this one again. What two processes of the same tree differ
 * by is what this machine can tell apart.
 */
export function comparedWith(root: string): readonly SubjectKind[] {
  const before: Tree = { root, word: 'before' };
  return [
    natsgate('cut-through', 'off', { root: ROOT, word: 'again' }),
    natsgate('cut-through', 'off', before),
    natsgate('cut-through', 'observe', before),
    natsgate('cut-through', 'enforce', before),
  ];
}

/** The real program with its defaults, but for the limits that a storm of handshakes would run into. */
export function natsgate(engine: Engine, inspect: Inspect = 'off', tree = THIS_TREE): SubjectKind {
  const words = [inspect === 'off' ? (engine === 'buffered' ? engine : '') : inspect, tree.word];
  const variant = words.filter((word) => word !== '').join(', ');
  return {
    name: variant === '' ? 'natsgate' : `natsgate (${variant})`,
    canTls: true,
    // An enforcer passes nothing that comes before a CONNECT, or that is not NATS.
    ...(inspect === 'off' ? {} : { inspects: true }),
    // A message of the buffered engine costs ten times as much.
    shares: { small: engine === 'buffered' ? 0.25 : 1 },
    async version() {
      return (JSON.parse(readFileSync(join(tree.root, 'package.json'), 'utf8')) as { version: string })
        .version;
    },
    start: (options) => start(engine, inspect, options, tree.root),
  };
}

/** Runs under Node's profiler; `finish` ends it so that the profile is in `folder`. */
export async function startProfiled(options: StartOptions, inspect: Inspect) {
  const program = await startProgram('cut-through', inspect, options, (folder) => [
    '--cpu-prof',
    `--cpu-prof-dir=${folder}`,
  ]);
  const finish = (): Promise<void> => program.end('SIGTERM');
  return {
    subject: await subjectOf(program, options),
    kind: natsgate('cut-through', inspect),
    folder: program.folder,
    finish,
  };
}

/** One program whose routes differ in the keys that `routes` gives them; more keys for all of it, and files beside it. */
export async function startWith(
  options: StartOptions,
  more: {
    readonly config?: object;
    readonly routes?: readonly object[];
    readonly files?: Readonly<Record<string, string>>;
  },
): Promise<Subject> {
  const flags = options.exactMemory === true ? EXACT_MEMORY.flags : [];
  return subjectOf(await startProgram('cut-through', 'off', options, () => flags, more), options);
}

async function start(
  engine: Engine,
  inspect: Inspect,
  options: StartOptions,
  root: string,
): Promise<Subject> {
  const flags = options.exactMemory === true ? EXACT_MEMORY.flags : [];
  return subjectOf(await startProgram(engine, inspect, options, () => flags, {}, root), options);
}

function startProgram(
  engine: Engine,
  inspect: Inspect,
  { upstreamPort, tls, exactMemory }: StartOptions,
  flags: (folder: string) => readonly string[],
  { config: more = {}, routes = [], files: moreFiles = {} }: Parameters<typeof startWith>[1] = {},
  root = ROOT,
): Promise<Program> {
  const program = join(root, 'src', 'main.ts');
  const files = tls === undefined ? {} : { tls: { certFile: tls.certFile, keyFile: tls.keyFile } };
  const config = {
    listen: { address: '127.0.0.1:0', ...files },
    admin: '127.0.0.1:0',
    origins: { allow: ['https://app.example.com'], missing: 'allow' },
    upstream: `nats://127.0.0.1:${upstreamPort}`,
    engine,
    inspect,
    routes,
    limits: { handshakesPerSecond: 1_000_000, handshakesInFlight: 10_000 },
    drain: { delay: '0s', timeout: '0s' },
    ...more,
  };
  return Program.start(
    process.execPath,
    (folder) => [...flags(folder), program, '--config', join(folder, 'natsgate.yaml')],
    // JSON is YAML.
    { 'natsgate.yaml': JSON.stringify(config), ...moreFiles },
    exactMemory === true ? EXACT_MEMORY.env : {},
  );
}

async function subjectOf(program: Program, { tls, exactMemory = false }: StartOptions): Promise<Subject> {
  const [, port] = await program.said(/"listen":"wss?:\/\/127\.0\.0\.1:(\d+)".*"message":"ready"/);
  return {
    protocol: 'ws',
    port: Number(port),
    tls: tls !== undefined,
    pid: program.pid,
    pids: () => [program.pid],
    collects: exactMemory,
    stop: () => program.stop(),
  };
}
