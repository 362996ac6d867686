import { clientIdOf, type SocketEnd } from './socket-end.ts';

/** Longer than the gateway takes for any of its deadlines that are tried here. */
const PATIENCE_MS = 15_000;
/** A longer message is not an error alone. */
const MAX_ERROR_BYTES = 1024;

export type Trial = {
  /** Undefined: nothing had happened when patience ended. */
  readonly end: SocketEnd | undefined;
  readonly tookMs: number;
  /** Texts of its -ERR lines. */
  readonly serverErrors: readonly string[];
};

/**
 * A second WebSocket of this tab, for one experiment, so that the page's own connection goes on. `provoke` is called
 * after the server's INFO, `onServerError` after an -ERR. Resolves when the socket has ended.
 */
export function trySocket(
  address: string,
  provoke: (socket: WebSocket) => void,
  onServerError: (socket: WebSocket) => void = () => {},
): Promise<Trial> {
  const { promise, resolve } = Promise.withResolvers<Trial>();
  const startedAtMs = Date.now();
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  let wasOpen = false;
  let clientId: number | undefined;
  const serverErrors: string[] = [];
  const finish = (end: SocketEnd | undefined): void => {
    clearTimeout(deadline);
    resolve({ end, tookMs: Date.now() - startedAtMs, serverErrors });
  };
  const deadline = setTimeout(() => {
    finish(undefined);
    socket.close();
  }, PATIENCE_MS);
  socket.addEventListener('open', () => {
    wasOpen = true;
  });
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
    if (clientId === undefined) {
      clientId = clientIdOf(data);
      return provoke(socket);
    }
    const [, error] = data.byteLength > MAX_ERROR_BYTES ? [] : (/^-ERR '(.*)'\r$/m.exec(textOf(data)) ?? []);
    if (error === undefined) return;
    serverErrors.push(error);
    onServerError(socket);
  });
  socket.addEventListener('close', ({ code, reason }) =>
    finish({ wasOpen, address, startedAtMs, clientId, code, reason }),
  );
  return promise;
}

const textOf = (data: ArrayBuffer): string => new TextDecoder().decode(data);
