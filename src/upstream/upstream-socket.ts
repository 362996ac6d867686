import { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

/**
 * A socket to nats-server whose failed writes do not stop its reads.
 *
 * A server that hangs up with bytes of the client unread resets the connection. Node destroys a socket at the first
 * write after that, and the server's last words, its `-ERR`, stay unread in the kernel. Here they are still read; the
 * failure is told in place of the end that follows them.
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

function ignore(): void {}
