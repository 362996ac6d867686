import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection to a nats-server on which any bytes can be written. */
export type RawNats = AsyncDisposable & {
  /** The first line, its end included. */
  readonly info: string;
  write(bytes: string | Buffer): void;
  /** The lines that come next, up to the first that `isLast` takes, or to the end of the connection. */
  linesUntil(isLast: (line: string) => boolean): Promise<string[]>;
};

const TIMEOUT_MS = 30_000;

export async function connectRaw(port: number): Promise<RawNats> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('nats-server is silent')));
  const lines = readLines(socket);
  const first = await lines.next();
  if (first.done) throw new Error('nats-server closed before its INFO');
  return {
    info: first.value,
    write: (bytes) => void socket.write(bytes),
    async linesUntil(isLast) {
      const found: string[] = [];
      for (;;) {
        const next = await lines.next();
        if (next.done) return found;
        found.push(next.value);
        if (isLast(next.value)) return found;
      }
    },
    async [Symbol.asyncDispose]() {
      if (socket.closed) return;
      socket.destroy();
      await once(socket, 'close');
    },
  };
}

async function* readLines(socket: Socket): AsyncGenerator<string, void> {
  let text = '';
  try {
    for await (const chunk of socket) {
      text += (chunk as Buffer).toString('latin1');
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
        yield text.slice(0, end + 1);
        text = text.slice(end + 1);
      }
    }
  } catch (error) {
    // A server that closes with our bytes unread resets the connection.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
}
