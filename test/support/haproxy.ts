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

const START_TIMEOUT_MS = 30_000;
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

const DEFAULTS = [
  '  timeout connect 500ms',
  '  timeout client 1h',
  '  timeout server 1h',
  '  timeout check 5s',
];

/** HAProxy in TCP mode in front of nats-servers, one after the other; resolves when an INFO has come through it. */
export async function startHaproxy(serverPorts: readonly number[]): Promise<Balancer> {
  const port = await freePort();
  const servers = serverPorts.map(
    (one, index) => `  server n${index} 127.0.0.1:${one} check inter 200ms fall 1 rise 1`,
  );
  const process = await run(
    [
      'defaults',
      '  mode tcp',
      ...DEFAULTS,
      '  retries 3',
      '  option redispatch 1',
      'listen nats',
      `  bind 127.0.0.1:${port}`,
      '  balance roundrobin',
      ...servers,
    ],
    async () => {
      await using _one = await connectRaw(port);
    },
  );
  return { port, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/** What HAProxy says of a server whose health it asks for at `checkPort` by `option httpchk`, when it has asked. */
export async function haproxyVerdict(port: number, checkPort: number, httpchk: string): Promise<string> {
  const statsPort = await freePort();
  let verdict = '';
  await using _process = await run(
    [
      'defaults',
      '  mode http',
      ...DEFAULTS,
      'listen stats',
      `  bind 127.0.0.1:${statsPort}`,
      '  stats enable',
      '  stats uri /',
      'backend gateway',
      `  option httpchk ${httpchk}`,
      `  server one 127.0.0.1:${port} check port ${checkPort} inter 100ms fall 1 rise 1`,
    ],
    async () => {
      const [names = '', ...rows] = (await (await fetch(`http://127.0.0.1:${statsPort}/;csv`)).text()).split(
        '\n',
      );
      const columns = names.replace('# ', '').split(',');
      const row = rows.find((one) => one.startsWith('gateway,one,'))?.split(',') ?? [];
      const [status = '', code] = ['check_status', 'check_code'].map((name) => row[columns.indexOf(name)]);
      if (!/^L\d/.test(status)) throw new Error(`not asked yet: ${status}`);
      verdict = `${status} ${code}`;
    },
  );
  return verdict;
}

/** Runs HAProxy; resolves as soon as `isReady` does, which is asked again and again. */
async function run(config: readonly string[], isReady: () => Promise<void>): Promise<AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.use(await temporaryFolder());
  const file = join(folder.path, 'haproxy.cfg');
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
      await isReady();
      break;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadlineMs)
        throw new Error(`HAProxy is not ready: ${messageOf(error)} ${said}`);
    }
  }
  return parts.move();
}
