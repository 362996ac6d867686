import { join } from 'node:path';
import { findNatsServer } from '../../src/dev/nats-server.ts';
import { Program } from './program.ts';
import type { SubjectKind } from './subject.ts';

/**
 * A real nats-server without anything in front: it also parses and routes what a gateway only carries, so only its
 * two rows may be compared with one another.
 */
export function natsServer(protocol: 'ws' | 'tcp'): SubjectKind {
  return {
    name: protocol === 'ws' ? 'nats-server WebSocket' : 'nats-server TCP',
    canTls: false,
    isServer: true,
    version: async () => (await find())?.version,
    async start() {
      const server = await find();
      if (server === undefined) throw new Error('there is no nats-server');
      const config = 'host: 127.0.0.1\nport: -1\nwebsocket { host: 127.0.0.1, port: -1, no_tls: true }\n';
      const program = await Program.start(server.path, (folder) => ['-c', join(folder, 'nats.conf')], {
        'nats.conf': config,
      });
      const [, ws] = await program.said(/Listening for websocket clients on ws:\/\/127\.0\.0\.1:(\d+)/);
      const [, tcp] = await program.said(/Listening for client connections on 127\.0\.0\.1:(\d+)/);
      await program.said(/Server is ready/);
      return {
        protocol,
        port: Number(protocol === 'ws' ? ws : tcp),
        tls: false,
        hello: 'CONNECT {"verbose":false}\r\n',
        pid: program.pid,
        pids: () => [program.pid],
        collects: false,
        stop: () => program.stop(),
      };
    },
  };
}

/** What is there; nothing is brought for a bench. */
async function find(): Promise<{ readonly path: string; readonly version: string } | undefined> {
  const cacheDir = join(import.meta.dirname, '..', '..', '.cache', 'natsgate');
  try {
    return await findNatsServer({ cacheDir, env: process.env, isRoot: false, fetch: noFetch, say: () => {} });
  } catch {
    return undefined;
  }
}

const noFetch = (): Promise<never> => Promise.reject(new Error('a bench downloads nothing'));
