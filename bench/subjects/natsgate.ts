import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXACT_MEMORY } from '../memory.ts';
import { Program } from './program.ts';
import type { StartOptions, Subject, SubjectKind } from './subject.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PROGRAM = join(ROOT, 'src', 'main.ts');

/** The real program with its defaults, but for the limits that a storm of handshakes would run into. */
export function natsgate(engine: 'cut-through' | 'buffered'): SubjectKind {
  return {
    name: engine === 'cut-through' ? 'natsgate' : 'natsgate (buffered)',
    canTls: true,
    async version() {
      return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
    },
    start: (options) => start(engine, options),
  };
}

async function start(engine: string, options: StartOptions): Promise<Subject> {
  const config = {
    listen: {
      address: '127.0.0.1:0',
      ...(options.tls === undefined
        ? {}
        : { tls: { certFile: options.tls.certFile, keyFile: options.tls.keyFile } }),
    },
    admin: '127.0.0.1:0',
    origins: { allow: ['https://app.example.com'], missing: 'allow' },
    upstream: `nats://127.0.0.1:${options.upstreamPort}`,
    engine,
    limits: { handshakesPerSecond: 1_000_000, handshakesInFlight: 10_000 },
  };
  const exact = options.exactMemory === true;
  const program = await Program.start(
    process.execPath,
    (folder) => [...(exact ? EXACT_MEMORY.flags : []), PROGRAM, '--config', join(folder, 'natsgate.yaml')],
    // JSON is YAML.
    { 'natsgate.yaml': JSON.stringify(config) },
    exact ? EXACT_MEMORY.env : {},
  );
  const [, port] = await program.said(/"listen":"wss?:\/\/127\.0\.0\.1:(\d+)".*"message":"ready"/);
  return {
    protocol: 'ws',
    port: Number(port),
    tls: options.tls !== undefined,
    pid: program.pid,
    pids: () => [program.pid],
    collects: exact,
    stop: () => program.stop(),
  };
}
