import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { installDebianPackage } from '../../src/dev/debian-packages.ts';
import { findOnPath, isExecutable, messageOf } from '../../src/dev/executables.ts';
import { freePort } from './free-port.ts';
import { connectRaw } from './raw-nats.ts';
import { temporaryFolder } from './temporary-folder.ts';

const START_TIMEOUT_MS = 15_000;
/** Debian installs it where the PATH of a user does not lead. */
const DEBIAN_PATH = '/usr/sbin/haproxy';

/** `HAPROXY`, the PATH, or Debian's package when root; throws one sentence otherwise. */
export async function findHaproxy(): Promise<string> {
  const found = async (): Promise<string | undefined> => {
    const [onPath] = await findOnPath('haproxy', process.env);
    return onPath ?? ((await isExecutable(DEBIAN_PATH)) ? DEBIAN_PATH : undefined);
  };
  const path = process.env['HAPROXY'] ?? (await found());
  if (path !== undefined) return path;
  let failure = 'only root can install packages';
  if (userInfo().uid === 0) {
    try {
      await installDebianPackage({ packageName: 'haproxy', env: process.env, say: console.error });
      if (await isExecutable(DEBIAN_PATH)) return DEBIAN_PATH;
    } catch (error) {
      failure = messageOf(error);
    }
  }
  throw new Error(`no HAProxy: install it, or set HAPROXY to its path (${failure})`);
}

export type Balancer = AsyncDisposable & { readonly port: number };

/** HAProxy in TCP mode in front of nats-servers, one after the other; resolves when an INFO has come through it. */
export async function startHaproxy(serverPorts: readonly number[]): Promise<Balancer> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.use(await temporaryFolder());
  const port = await freePort();
  const file = join(folder.path, 'haproxy.cfg');
  const servers = serverPorts.map(
    (one, index) => `  server n${index} 127.0.0.1:${one} check inter 200ms fall 1 rise 1`,
  );
  const config = [
    'defaults',
    '  mode tcp',
    '  timeout connect 500ms',
    '  timeout client 1h',
    '  timeout server 1h',
    '  retries 3',
    '  option redispatch 1',
    'listen nats',
    `  bind 127.0.0.1:${port}`,
    '  balance roundrobin',
    ...servers,
  ];
  await writeFile(file, `${config.join('\n')}\n`);
  const child: ChildProcess = spawn(await findHaproxy(), ['-db', '-f', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const exited = once(child, 'close');
  parts.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await using _one = await connectRaw(port);
      break;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadlineMs)
        throw new Error(`HAProxy does not carry: ${messageOf(error)} ${said}`);
    }
  }
  const owned = parts.move();
  return { port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
