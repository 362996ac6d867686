import { join } from 'node:path';
import {
  type NatsServerOptions,
  type RunningNatsServer,
  startNatsServer,
} from '../../src/dev/nats-process.ts';
import { defaultCacheDir, type FoundNatsServer, findNatsServer } from '../../src/dev/nats-server.ts';

let finding: Promise<FoundNatsServer> | undefined;

/** The nats-server of this test run, looked for once. Version and source help a test that needs a newer one. */
export function natsServerBinary(): Promise<FoundNatsServer> {
  finding ??= findNatsServer({
    cacheDir: defaultCacheDir(join(import.meta.dirname, '..', '..'), process.env),
    env: process.env,
    say: (line) => console.error(line),
  });
  return finding;
}

/** A real nats-server on a free port of 127.0.0.1. */
export async function realNatsServer(options: NatsServerOptions = {}): Promise<RunningNatsServer> {
  return startNatsServer((await natsServerBinary()).path, options);
}
