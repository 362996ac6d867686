import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

const INFO = 'INFO {"server_id":"X","version":"2.15.1","max_payload":1048576}\r\n';
const FLOOD = 'FLOOD\r\n';
const MESSAGE = Buffer.alloc(900_000);
const MESSAGES = 13;

/** As a client's frame; the server answers it with 12 MB. */
export const FLOOD_REQUEST = Buffer.from([0x82, 0x80 + FLOOD.length, 0, 0, 0, 0, ...Buffer.from(FLOOD)]);

/**
 * Starts a server that says INFO, answers each PING, and floods a client on request. It has its own process, so that a
 * flood does not delay the measurement of honest clients.
 */
export async function startUpstream(): Promise<{
  readonly port: number;
  readonly pid: number;
  stop(): void;
}> {
  const child = fork(import.meta.filename);
  const [port] = (await once(child, 'message')) as [number];
  return { port, pid: child.pid!, stop: () => child.kill() };
}

if (process.send !== undefined && import.meta.main) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (!bytes.includes(FLOOD)) socket.write('PONG\r\n');
      else for (let count = 0; count < MESSAGES; count++) socket.write(MESSAGE);
    });
    socket.write(INFO);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit(0));
}
