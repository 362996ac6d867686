import { Socket } from 'node:net';

/**
 * What Node keeps of a socket and has no public call for, in one place: the handle below it, and below TLS the TCP
 * socket that carries it (Node 26.10; test/net/tcp-handle.test.ts holds it). Where a part is missing its public
 * neighbour answers, which is coarser.
 */
type Handle = {
  readonly bytesWritten?: number;
  /** Of what was written, the bytes that the kernel has not taken; `writableLength` counts whole chunks. */
  readonly writeQueueSize?: number;
  /** Of a TLS handle: that of TCP. */
  readonly _parent?: Handle;
};
type Inner = { readonly _handle?: Handle | null; readonly _parent?: unknown };

const tcpHandle = (socket: Socket): Handle => {
  const handle = (socket as unknown as Inner)._handle;
  return handle?._parent ?? handle ?? {};
};

/** Bytes of the connection that the kernel has taken since it began, on the wire's side of TLS. */
export function takenBytes(socket: Socket): number {
  const { bytesWritten, writeQueueSize } = tcpHandle(socket);
  if (bytesWritten === undefined || writeQueueSize === undefined)
    return socket.bytesWritten - socket.writableLength;
  return bytesWritten - writeQueueSize;
}

/**
 * Destroys the socket. When bytes wait in this process the peer does not read, and its stream is cut off in any case:
 * then with a reset, which frees at once what the kernel holds for it, megabytes perhaps. Else the kernel would keep
 * that until the peer has read it, or for minutes when it never does.
 *
 * True: the descriptor is closed, and nothing reads what was written any more. False: only `close` says so.
 */
export function drop(socket: Socket): boolean {
  const waiting = tcpHandle(socket).writeQueueSize ?? socket.writableLength;
  if (waiting > 0) reset(socket);
  socket.destroy();
  return (socket as unknown as Inner)._handle === null;
}

function reset(socket: Socket): void {
  const inner = (socket as unknown as Inner)._parent;
  const tcp = inner instanceof Socket ? inner : socket;
  try {
    tcp.resetAndDestroy();
  } catch {
    // Not TCP. Destroying it does the rest.
  }
}
