import { clientIdOf, type SocketEnd } from './socket-end.ts';

/** Longer than the gateway takes for any of its deadlines that are tried here. */
const PATIENCE_MS = 15_000;

export type Trial = {
  /** Undefined: nothing had happened when patience ended. */
  readonly end: SocketEnd | undefined;
  readonly tookMs: number;
};

/**
 * A second WebSocket of this tab, for one experiment, so that the page's own connection goes on. `provoke` is called
 * after the server's INFO. Resolves when the socket has ended.
 */
export function trySocket(address: string, provoke: (socket: WebSocket) => void): Promise<Trial> {
  const { promise, resolve } = Promise.withResolvers<Trial>();
  const startedAtMs = Date.now();
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  let wasOpen = false;
  let clientId: number | undefined;
  const finish = (end: SocketEnd | undefined): void => {
    clearTimeout(deadline);
    resolve({ end, tookMs: Date.now() - startedAtMs });
  };
  const deadline = setTimeout(() => {
    finish(undefined);
    socket.close();
  }, PATIENCE_MS);
  socket.addEventListener('open', () => {
    wasOpen = true;
  });
  socket.addEventListener(
    'message',
    ({ data }) => {
      clientId = clientIdOf(data);
      provoke(socket);
    },
    { once: true },
  );
  socket.addEventListener('close', ({ code, reason }) =>
    finish({ wasOpen, address, startedAtMs, clientId, code, reason }),
  );
  return promise;
}
