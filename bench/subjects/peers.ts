import { join } from 'node:path';
import { freePort, Program, versionOf } from './program.ts';
import type { Subject, SubjectKind } from './subject.ts';

/** Other programs for the same task, where they are installed, with their defaults and as little else as works. */

/** One thread, TCP mode: what a proxy in C takes that looks at nothing. */
export const haproxy: SubjectKind = {
  name: 'HAProxy TCP',
  canTls: false,
  version: async () => versionOf('haproxy', '-v'),
  async start({ upstreamPort }) {
    const port = await freePort();
    const config = [
      'global',
      '  nbthread 1',
      '  maxconn 8000',
      'defaults',
      '  mode tcp',
      '  timeout connect 5s',
      '  timeout client 10m',
      '  timeout server 10m',
      'listen bench',
      `  bind 127.0.0.1:${port} backlog 4096`,
      `  server upstream 127.0.0.1:${upstreamPort}`,
      '',
    ].join('\n');
    const program = await Program.start('haproxy', (folder) => ['-db', '-f', join(folder, 'haproxy.cfg')], {
      'haproxy.cfg': config,
    });
    return subjectOf(program, port, 'tcp');
  },
};

/** mod_wstunnel: WebSocket in C, and the leanest of the peers. */
export const lighttpd: SubjectKind = {
  name: 'lighttpd',
  canTls: false,
  shares: { small: 0.5, 'up-32k': 0.5 },
  version: async () => versionOf('lighttpd', '-v'),
  async start({ upstreamPort }) {
    const port = await freePort();
    const config = [
      'server.modules = ( "mod_wstunnel" )',
      'server.bind = "127.0.0.1"',
      `server.port = ${port}`,
      'server.document-root = "/nonexistent"',
      'server.max-fds = 20000',
      'server.max-connections = 9000',
      'server.listen-backlog = 1024',
      `wstunnel.server = ( "" => ( ( "host" => "127.0.0.1", "port" => ${upstreamPort} ) ) )`,
      'wstunnel.frame-type = "binary"',
      '',
    ].join('\n');
    const program = await Program.start('lighttpd', (folder) => ['-D', '-f', join(folder, 'lighttpd.conf')], {
      'lighttpd.conf': config,
    });
    return subjectOf(program, port, 'ws');
  },
};

/** Python, one process for each session. */
export const websockify: SubjectKind = {
  name: 'websockify',
  canTls: false,
  forks: true,
  shares: { small: 0.005, 'up-1k': 0.05, 'up-32k': 0.3, down: 0.5, handshake: 0.1 },
  version: async () => versionOf('websockify', '--help') && installedVersion(),
  async start({ upstreamPort }) {
    const port = await freePort();
    const program = await Program.start('websockify', () => [
      `127.0.0.1:${port}`,
      `127.0.0.1:${upstreamPort}`,
    ]);
    return subjectOf(program, port, 'ws');
  },
};

/** The program does not tell its own. */
function installedVersion(): string {
  return versionOf('dpkg-query', '-W', 'websockify') ?? 'unknown';
}

async function subjectOf(program: Program, port: number, protocol: 'ws' | 'tcp'): Promise<Subject> {
  await program.listens(port);
  return {
    protocol,
    port,
    tls: false,
    pid: program.pid,
    pids: () => program.group(),
    collects: false,
    stop: () => program.stop(),
  };
}
