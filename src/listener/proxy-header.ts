import type { Socket } from 'node:net';
import { type Endpoint, readProxyHeader } from '../net/proxy-protocol.ts';

/** Senders put the header into their first packet; a peer that takes longer is not one of them. */
const HEADER_MS = 2000;

export type ProxyHeaderOwner = {
  /** The header has come. Undefined: the sender speaks for itself. `rest`: what came after it; reading is paused. */
  onHeader(named: { readonly peer: Endpoint; readonly reached: Endpoint } | undefined, rest: Buffer): void;
  /** No valid header; the connection is the owner's to end. */
  onRefused(cause: string): void;
};

/** Takes the PROXY header off a new connection, on which nobody else listens for data yet. */
export function takeProxyHeader(socket: Socket, owner: ProxyHeaderOwner): void {
  let received: Buffer = Buffer.alloc(0);
  const settle = (): void => {
    clearTimeout(deadline);
    socket.off('data', onData).off('end', onEnd).off('close', settle);
    socket.pause();
  };
  const refuse = (cause: string): void => {
    settle();
    owner.onRefused(cause);
  };
  const onData = (chunk: Buffer): void => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const header = readProxyHeader(received);
    if (header.kind === 'incomplete') return;
    if (header.kind === 'malformed') return refuse(`PROXY header: ${header.what}`);
    settle();
    const { source, destination, length } = header;
    const named =
      source === undefined || destination === undefined ? undefined : { peer: source, reached: destination };
    owner.onHeader(named, received.subarray(length));
  };
  const onEnd = (): void => {
    // Connecting and leaving again is how balancers look whether a port is open.
    if (received.length > 0) return refuse('PROXY header: the connection ended inside it');
    settle();
    socket.destroy();
  };
  const deadline = setTimeout(() => refuse(`no PROXY header within ${HEADER_MS} ms`), HEADER_MS);
  socket.on('data', onData).on('end', onEnd).on('close', settle);
}
