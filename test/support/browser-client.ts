import { type ConnectionOptions, type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { WebSocket } from 'ws';

/** nats-core with the headers of a program, or of a browser that has a cookie: asked for anew at each connection. */
export const connectedWith = (
  gateway: { readonly port: number },
  headers: () => Readonly<Record<string, string>>,
  options: ConnectionOptions = {},
): Promise<NatsConnection> =>
  wsconnect({
    ...options,
    servers: `ws://127.0.0.1:${gateway.port}`,
    reconnectTimeWait: 20,
    reconnectJitter: 0,
    maxReconnectAttempts: 20,
    wsFactory: (url) => {
      const socket = new WebSocket(url, { headers: headers(), origin: 'https://app.example.com' });
      return Promise.resolve({ socket: socket as unknown as globalThis.WebSocket, encrypted: false });
    },
  });
