import { once } from 'node:events';
import { connect } from 'node:net';

const MESSAGE_BYTES = 512 * 1024;
/** More than all buffers between nats-server and a tab take, and less than its own limit for one: 32 MiB. */
const MESSAGES = 64;
const TIMEOUT_MS = 20_000;

/** Publishes much more than a client that does not read can be sent. Resolves when nats-server has all of it. */
export async function flood(natsPort: number, subject: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: natsPort, signal: AbortSignal.timeout(TIMEOUT_MS) });
  try {
    await once(socket, 'data'); // INFO
    socket.resume();
    const message = Buffer.concat([
      Buffer.from(`PUB ${subject} ${MESSAGE_BYTES}\r\n`),
      Buffer.alloc(MESSAGE_BYTES, '.'),
      Buffer.from('\r\n'),
    ]);
    socket.write('CONNECT {"verbose":false}\r\n');
    for (let left = MESSAGES; left > 0; left--) if (!socket.write(message)) await once(socket, 'drain');
    socket.end();
    await once(socket, 'close');
  } finally {
    socket.destroy();
  }
}
