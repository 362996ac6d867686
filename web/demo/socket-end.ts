/** One WebSocket, from the attempt to its end, as the browser tells it. */
export type SocketEnd = {
  /** False: the handshake never came to its 101, and the browser keeps the answer to itself. */
  readonly wasOpen: boolean;
  readonly address: string;
  readonly startedAtMs: number;
  /** nats-server's number for it, as in the gateway's log; undefined before its INFO. */
  readonly clientId: number | undefined;
  readonly code: number;
  /** The gateway's token, the same word as in its log and metrics. */
  readonly reason: string;
};

/** nats-server's number for a connection, in its INFO. */
export function clientIdOf(info: unknown): number | undefined {
  if (!(info instanceof ArrayBuffer)) return undefined;
  const [, id] = /"client_id":(\d+)/.exec(new TextDecoder().decode(info)) ?? [];
  return id === undefined ? undefined : Number(id);
}
