import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { readInto } from '../../src/bytes/socket-reads.ts';
import { serve } from '../helper.ts';

/**
 * The other end of every measurement: speaks as much NATS as a gateway waits for (its INFO line), then does what
 * it was told to do with the bytes that come.
 */

export type UpstreamMode =
  /** Count them, and their digest if asked; but for a first line, if that is told. */
  | {
      readonly kind: 'sink';
      readonly expectBytes: number;
      readonly digest: boolean;
      readonly skipLine?: boolean;
    }
  /** Send them back. */
  | { readonly kind: 'echo' }
  /** The first one starts a flood of so many bytes. */
  | { readonly kind: 'blast'; readonly bytes: number; readonly messages?: boolean }
  /** Leave them with the kernel. */
  | { readonly kind: 'stopped' };

const INFO_LINE =
  'INFO {"server_id":"BENCH","server_name":"bench","version":"2.15.1","proto":1,"max_payload":1048576,"client_id":7}\r\n';

/** What a flood consists of: 64 KiB for each write, no two bytes in a row equal. */
const FLOOD_PIECE = Buffer.alloc(65_536, 'the quick brown fox jumps over the lazy dog 0123456789\r\n');
/** The same as messages of NATS, 4 KiB each. */
const MESSAGE = Buffer.from(`MSG bench.subject 1 4096\r\n${'x'.repeat(4096)}\r\n`);
const MESSAGES_PIECE = Buffer.concat(Array.from({ length: 15 }, () => MESSAGE));
const pieceOf = (messages = false): Buffer => (messages ? MESSAGES_PIECE : FLOOD_PIECE);
const receive = Buffer.allocUnsafeSlow(262_144);

let mode: UpstreamMode = { kind: 'echo' };
let received = 0;
let hash: Hash | undefined;
let arrived = Promise.withResolvers<void>();
const sockets = new Set<Socket>();

const server = createServer({ noDelay: true }, (socket) => {
  sockets.add(socket);
  socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  if (mode.kind === 'stopped') socket.pause();
  else {
    const onBytes = takeBytes(socket, mode);
    const direct =
      mode.kind !== 'echo' && readInto(socket, receive, (length) => onBytes(receive.subarray(0, length)));
    if (!direct) socket.on('data', onBytes);
    socket.resume();
  }
  socket.write(INFO_LINE);
});

function takeBytes(socket: Socket, current: UpstreamMode): (chunk: Buffer) => void {
  let flooding = false;
  let skipping = current.kind === 'sink' && current.skipLine === true;
  return (all) => {
    let chunk = all;
    if (skipping) {
      const lineEnd = all.indexOf(10);
      skipping = lineEnd === -1;
      chunk = all.subarray(skipping ? all.length : lineEnd + 1);
    }
    received += chunk.length;
    if (current.kind === 'echo') socket.write(chunk);
    else if (current.kind === 'sink') {
      hash?.update(chunk);
      if (received >= current.expectBytes) arrived.resolve();
    } else if (current.kind === 'blast' && !flooding) {
      flooding = true;
      flood(socket, current.bytes, pieceOf(current.messages));
    }
  };
}

function flood(socket: Socket, bytes: number, full: Buffer): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const piece = left >= full.length ? full : full.subarray(0, left);
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
    socket.off('drain', more);
  };
  socket.on('drain', more);
  more();
}

const methods = {
  async listen(): Promise<number> {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  setMode(next: UpstreamMode): void {
    mode = next;
    received = 0;
    hash = next.kind === 'sink' && next.digest ? createHash('sha256') : undefined;
    arrived = Promise.withResolvers();
  },
  /** Resolves when the sink has all that it expects. */
  async arrived(): Promise<{ readonly bytes: number; readonly sha256: string | undefined }> {
    await arrived.promise;
    return { bytes: received, sha256: hash?.digest('hex') };
  },
  /** Bytes that the kernel took from us, over all connections. */
  sent(): number {
    let bytes = 0;
    for (const socket of sockets) bytes += socket.bytesWritten - socket.writableLength;
    return bytes;
  },
  /** By the sink, since its mode was set. */
  received(): number {
    return received;
  },
  connections(): number {
    return sockets.size;
  },
  dropAll(): void {
    for (const socket of sockets) socket.destroy();
  },
  floodDigest({ bytes, messages }: { readonly bytes: number; readonly messages: boolean }): string {
    const full = pieceOf(messages);
    const digest = createHash('sha256');
    for (let left = bytes; left > 0; left -= full.length) {
      digest.update(left >= full.length ? full : full.subarray(0, left));
    }
    return digest.digest('hex');
  },
};

export type UpstreamMethods = typeof methods;

serve(methods);
