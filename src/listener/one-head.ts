import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type HeadBreach, type HeadLimits, HeadMeter } from '../net/http-head.ts';
import type { PendingConnection } from './pending.ts';

/**
 * Gives `connection` to Node's HTTP server, which gets one head of it and not a byte more: it would parse and keep
 * whatever a client sends after its first request, at a hundred times the size. `onRefused` is called for a head that
 * is over a limit, or that the parser does not take for one. `connection.onData` may be given bytes that were read
 * before.
 */
export function readOneHead(
  connection: PendingConnection,
  http: Server,
  limits: HeadLimits,
  onRefused: (breach: HeadBreach) => void,
): void {
  const { socket } = connection;
  http.emit('connection', socket);
  // The server's own listener; by ours it learns that it must not read the connection's handle by itself.
  const parse = socket.listeners('data').at(-1) as (this: Socket, chunk: Buffer) => void;
  socket.off('data', parse);
  const meter = new HeadMeter(limits);
  connection.onData = (chunk) => {
    const length = meter.read(chunk);
    connection.earlyBytes = chunk.length - length;
    if (length > 0) parse.call(socket, length === chunk.length ? chunk : chunk.subarray(0, length));
    if (connection.judged || socket.destroyed) return;
    if (meter.breach !== undefined) onRefused(meter.breach);
    else if (meter.ended) onRefused('bad_request');
  };
  socket.on('data', connection.onData);
}
