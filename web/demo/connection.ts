import { type NatsConnection, type ServerInfo, wsconnect } from '@nats-io/nats-core';
import { clientIdOf, type SocketEnd } from './socket-end.ts';

export type ConnectionState = 'closed' | 'connecting' | 'open' | 'reconnecting';

export type ConnectionEvents = {
  onState(state: ConnectionState, detail?: string): void;
  /** A session is open: INFO came, CONNECT was accepted. Called again after each reconnect. */
  onSession(connection: NatsConnection, info: ServerInfo | undefined): void;
  /** A WebSocket was made, and is not open yet. */
  onSocket(socket: WebSocket): void;
  /** A WebSocket ended, or was never opened. */
  onSocketEnd(end: SocketEnd): void;
  /** An -ERR of the server, or another error that nats.js tells of. */
  onError(error: Error): void;
};

/** The page's one NATS connection: nats.js with an eye on the WebSocket below it. */
export class Connection {
  readonly #events: ConnectionEvents;
  #nats: NatsConnection | undefined;
  /** Each connect and disconnect begins a new one; what belongs to an older one is not told any more. */
  #generation = 0;

  constructor(events: ConnectionEvents) {
    this.#events = events;
  }

  /** The live connection; undefined before it is open and after it was closed. */
  get nats(): NatsConnection | undefined {
    return this.#nats;
  }

  async connect(url: string): Promise<void> {
    await this.disconnect();
    const generation = ++this.#generation;
    this.#events.onState('connecting');
    try {
      const nats = await wsconnect({
        servers: url,
        name: 'natsgate demo page',
        maxReconnectAttempts: -1,
        reconnectTimeWait: 1000,
        timeout: 5000,
        // What a server tells of its cluster are TCP addresses, which a browser cannot dial.
        ignoreClusterUpdates: true,
        wsFactory: async (address) => ({
          socket: this.#watched(address, url),
          encrypted: address.startsWith('wss:'),
        }),
      });
      if (generation !== this.#generation) return void (await nats.close());
      this.#nats = nats;
      this.#events.onState('open');
      this.#events.onSession(nats, nats.info);
      void this.#follow(nats, generation);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#events.onState('closed', error instanceof Error ? error.message : String(error));
    }
  }

  async disconnect(): Promise<void> {
    this.#generation++;
    const nats = this.#nats;
    this.#nats = undefined;
    this.#events.onState('closed');
    await nats?.close();
  }

  /** nats.js keeps close code and reason to itself; the socket made here tells them. `address`: as it was given. */
  #watched(url: string, address: string): WebSocket {
    const startedAtMs = Date.now();
    const socket = new WebSocket(url);
    this.#events.onSocket(socket);
    let wasOpen = false;
    let clientId: number | undefined;
    socket.addEventListener('open', () => {
      wasOpen = true;
    });
    // The first message is the server's INFO, and that alone.
    socket.addEventListener('message', ({ data }) => (clientId = clientIdOf(data)), { once: true });
    socket.addEventListener('close', ({ code, reason }) =>
      this.#events.onSocketEnd({ wasOpen, address, startedAtMs, clientId, code, reason }),
    );
    return socket;
  }

  async #follow(nats: NatsConnection, generation: number): Promise<void> {
    let isOpen = true;
    for await (const status of nats.status()) {
      if (generation !== this.#generation) return;
      switch (status.type) {
        case 'disconnect':
        case 'reconnecting':
          isOpen = false;
          this.#events.onState('reconnecting');
          break;
        case 'reconnect':
          // nats.js tells of one reconnect again for each attempt that failed before it.
          if (isOpen) break;
          isOpen = true;
          this.#events.onState('open');
          this.#events.onSession(nats, nats.info);
          break;
        case 'error':
          this.#events.onError(status.error);
          break;
        default:
      }
    }
    // nats.js ends the iteration only when it gave up: a closed connection, or one the server refused for good.
    if (generation !== this.#generation) return;
    this.#nats = undefined;
    const ended = await nats.closed();
    this.#events.onState('closed', ended instanceof Error ? ended.message : undefined);
  }
}
