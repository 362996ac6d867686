import { openSocket, REQUEST, requestFor, type Target } from './client.ts';
import { MASKED_CLOSE } from './frames.ts';

export type HandshakeKind =
  /** To the INFO line, then a close handshake (TCP: a FIN), to the end of the connection. */
  | 'open'
  /** With an Origin that is not allowed, to the end of the connection. */
  | 'refused';

const REFUSED_REQUEST = REQUEST.replace(
  'Upgrade: websocket',
  'Origin: https://other.example.com\r\nUpgrade: websocket',
);
const DEADLINE_MS = 10_000;

/** Opens and closes `count` connections, `inFlight` at once. @throws when one did not go as it should. */
export async function handshakes(
  target: Target,
  count: number,
  inFlight: number,
  kind: HandshakeKind,
): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await (kind === 'open' ? openAndClose(target) : beRefused(target));
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

/** One after the other, each with one of the tokens. Microseconds from the request to INFO. */
export async function logins(target: Target, tokens: readonly (string | null)[]): Promise<number[]> {
  const times: number[] = [];
  for (const token of tokens)
    times.push(await openAndClose(target, requestFor(target.path ?? '/', token ?? undefined)));
  return times;
}

/** Microseconds from the request, which is sent when the connection is there, to INFO. */
function openAndClose(target: Target, request = REQUEST): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    let done = false;
    let sentMs = 0;
    let tookMs = 0;
    const socket = openSocket(target, (chunk) => {
      if (done) return;
      text += chunk.toString('latin1');
      if (!text.includes('INFO ') || !text.endsWith('\r\n')) return;
      done = true;
      tookMs = performance.now() - sentMs;
      if (target.protocol === 'ws') socket.write(MASKED_CLOSE);
      else socket.end();
    });
    socket.once(target.tls ? 'secureConnect' : 'connect', () => {
      sentMs = performance.now();
      if (target.protocol === 'ws') socket.write(request);
    });
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('a handshake took too long')));
    socket.on('error', reject);
    socket.on('close', () =>
      done ? resolve(1000 * tookMs) : reject(new Error(`no INFO, but ${JSON.stringify(text)}`)),
    );
  });
}

function beRefused(target: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = openSocket(target, (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.write(REFUSED_REQUEST);
    socket.on('error', reject);
    socket.on('close', () =>
      text.startsWith('HTTP/1.1 403') ? resolve() : reject(new Error(`not 403, but ${JSON.stringify(text)}`)),
    );
  });
}
