import { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

/**
 * A socket to nats-server whose failed writes do not stop its reads.
 *
 * A server that hangs up with bytes of the client unread resets the connection. Node destroys a socket at the first
 * write after that, and the server's last words, its `-ERR`, stay unread in the kernel. Here they are still read; the
 * failure is reported in place of the end that follows them.
 */
export class UpstreamSocket extends Socket {
  #failure: Error | undefined;
  #done: Done | undefined;
  #written: Done = ignore;

  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, this.#tolerant(done));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    super._writev?.(chunks, this.#tolerant(done));
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || this.#failure === undefined) return super.push(chunk, encoding);
    this.destroy(this.#failure);
    return false;
  }

  /** Node gives the same function for every write, so this makes one and not one for each write. */
  #tolerant(done: Done): Done {
    if (done !== this.#done) {
      this.#done = done;
      this.#written = (error) => {
        this.#failure ??= error ?? undefined;
        done();
      };
    }
    return this.#written;
  }
}

/** The same for a socket that is made elsewhere, as Node makes TLS sockets. */
export function keepReading(socket: Socket): void {
  let failure: Error | undefined;
  const tolerant =
    (done: Done): Done =>
    (error) => {
      failure ??= error ?? undefined;
      done();
    };
  const { _write: write, _writev: writev, push } = socket;
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, tolerant(done));
  socket._writev = (chunks, done) => writev?.call(socket, chunks, tolerant(done));
  socket.push = (chunk, encoding) => {
    if (chunk !== null || failure === undefined) return push.call(socket, chunk, encoding);
    socket.destroy(failure);
    return false;
  };
}

function ignore(): void {}
