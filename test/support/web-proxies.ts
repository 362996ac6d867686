import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '../../src/dev/executables.ts';
import type { TestCertificates } from './certificates.ts';
import { debianProgram } from './debian-program.ts';
import { freePort } from './free-port.ts';
import { findHaproxy } from './haproxy.ts';
import { temporaryFolder } from './temporary-folder.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples', 'proxies');
const LETSENCRYPT = '/etc/letsencrypt/live/gw.example.com';
const START_TIMEOUT_MS = 30_000;

export const findNginx = () => debianProgram('nginx', 'usr/sbin/nginx');
export const findApache = () => debianProgram('apache2-bin', 'usr/sbin/apache2');
export const findCaddy = () => debianProgram('caddy', 'usr/bin/caddy');

/** Where a proxy of a test is and what it leads to. */
type Place = {
  readonly folder: string;
  /** Of the proxy. */
  readonly port: number;
  readonly gateway: { readonly port: number; readonly adminPort: number };
  readonly certificates: TestCertificates;
};
type Started = { readonly command: readonly string[]; readonly files: Readonly<Record<string, string>> };

/** Each file of `examples/proxies` that can be run: how it is started, with the ports and files of a test in it. */
export const PROXIES = {
  'nginx.conf': async ({ folder, port, certificates, gateway }: Place): Promise<Started> => {
    const { command } = await findNginx();
    const server = await example('nginx.conf', {
      'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
      [`${LETSENCRYPT}/fullchain.pem`]: certificates.serverCertFile,
      [`${LETSENCRYPT}/privkey.pem`]: certificates.serverKeyFile,
      '127.0.0.1:8080': `127.0.0.1:${gateway.port}`,
    });
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const main = [
      'daemon off; master_process off; error_log stderr;',
      `pid ${folder}/nginx.pid; events {}`,
      `http { access_log off; ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}`,
      `include ${folder}/server.conf; }`,
    ];
    return {
      command: [...command, '-p', folder, '-e', 'stderr', '-c', join(folder, 'main.conf')],
      files: { 'server.conf': server, 'main.conf': main.join('\n') },
    };
  },
  'haproxy.cfg': async ({ folder, port, certificates, gateway }: Place): Promise<Started> => {
    const pair = [certificates.serverCertFile, certificates.serverKeyFile];
    const pem = (await Promise.all(pair.map((file) => readFile(file, 'utf8')))).join('');
    const config = await example('haproxy.cfg', {
      'bind :443': `bind 127.0.0.1:${port}`,
      '/etc/haproxy/gw.example.com.pem': join(folder, 'pair.pem'),
      '127.0.0.1:8080': `127.0.0.1:${gateway.port}`,
      'port 8081': `port ${gateway.adminPort}`,
    });
    return haproxy(folder, { 'haproxy.cfg': config, 'pair.pem': pem });
  },
  'haproxy-tcp.cfg': async ({ folder, port, gateway }: Place): Promise<Started> => {
    const config = await example('haproxy-tcp.cfg', {
      'bind :443': `bind 127.0.0.1:${port}`,
      'server gateway1 127.0.0.1:8080': `server gateway1 127.0.0.1:${gateway.port}`,
      'port 8081': `port ${gateway.adminPort}`,
    });
    return haproxy(folder, { 'haproxy.cfg': config });
  },
  'apache.conf': async ({ folder, port, certificates, gateway }: Place): Promise<Started> => {
    const { command, root } = await findApache();
    const host = await example('apache.conf', {
      '*:443': `*:${port}`,
      [`${LETSENCRYPT}/fullchain.pem`]: certificates.serverCertFile,
      [`${LETSENCRYPT}/privkey.pem`]: certificates.serverKeyFile,
      '127.0.0.1:8080': `127.0.0.1:${gateway.port}`,
    });
    const modules = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http', 'socache_shmcb', 'ssl'];
    const folderOfModules = join(root, 'usr/lib/apache2/modules');
    const main = [
      `ServerRoot ${folder}`,
      `DefaultRuntimeDir ${folder}`,
      `PidFile ${folder}/apache.pid`,
      `ErrorLog ${folder}/error.log`,
      'ServerName gw.example.com',
      `Listen 127.0.0.1:${port}`,
      'User #65534',
      'Group #65534',
      ...modules.map((name) => `LoadModule ${name}_module ${folderOfModules}/mod_${name}.so`),
      host,
    ];
    return {
      command: [...command, '-DFOREGROUND', '-f', join(folder, 'main.conf')],
      files: { 'main.conf': `${main.join('\n')}\n` },
    };
  },
  Caddyfile: async ({ folder, port, certificates, gateway }: Place): Promise<Started> => {
    const { command } = await findCaddy();
    const config = await example('Caddyfile', {
      'gw.example.com {': `https://gw.example.com:${port} {\n\tbind 127.0.0.1\n\ttls ${certificates.serverCertFile} ${certificates.serverKeyFile}`,
      '127.0.0.1:8080': `127.0.0.1:${gateway.port}`,
      'health_port 8081': `health_port ${gateway.adminPort}`,
    });
    const own = `{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system ${folder}\n}\n`;
    return {
      command: [...command, 'run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')],
      files: { Caddyfile: own + config },
    };
  },
} as const;

/** Runs one of them; resolves when it accepts connections. */
export async function startProxy(
  name: keyof typeof PROXIES,
  place: Pick<Place, 'gateway' | 'certificates'>,
): Promise<AsyncDisposable & { readonly port: number }> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.use(await temporaryFolder());
  const port = await freePort();
  const { command, files } = await PROXIES[name]({ ...place, folder: folder.path, port });
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder.path, file), text);
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, HOME: folder.path, XDG_CONFIG_HOME: folder.path, XDG_DATA_HOME: folder.path },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const exited = once(child, 'close');
  parts.defer(async () => {
    child.kill('SIGTERM');
    const deadline = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    await exited;
    clearTimeout(deadline);
  });
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
      break;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadlineMs)
        throw new Error(`${name} is not ready: ${messageOf(error)} ${said}`);
    }
  }
  const owned = parts.move();
  return { port, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

async function haproxy(folder: string, files: Readonly<Record<string, string>>): Promise<Started> {
  return { command: [await findHaproxy(), '-db', '-f', join(folder, 'haproxy.cfg')], files };
}

/** A file of the examples with other values; each of the old ones must be there. */
async function example(file: string, values: Readonly<Record<string, string>>): Promise<string> {
  let text = await readFile(join(EXAMPLES, file), 'utf8');
  for (const [old, value] of Object.entries(values)) {
    if (!text.includes(old)) throw new Error(`${file} has no ${old}`);
    text = text.replaceAll(old, value);
  }
  return text;
}
