import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';

export type Upgraded =
  | { readonly status: 101; readonly socket: Socket; readonly head: Buffer }
  | { readonly status: number; readonly socket: undefined; readonly body: string };

const TIMEOUT_MS = 10_000;
const MAX_BODY_CHARACTERS = 500;

/**
 * An opening handshake as a page of `origin` makes it: no page can choose its Origin, but this can. The caller owns the
 * socket of a 101. @throws when no answer came.
 */
export async function rawUpgrade(url: string, origin: string): Promise<Upgraded> {
  const sent = request(url.replace(/^ws:/, 'http:'), {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
      Origin: origin,
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
  sent.on('upgrade', (_response, socket: Socket, head) => resolve({ status: 101, socket, head }));
  sent.on('response', (response) => void bodyOf(response).then(resolve, reject));
  sent.on('error', reject);
  sent.end();
  return promise;
}

async function bodyOf(response: IncomingMessage): Promise<Upgraded> {
  let body = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    body = (body + text).slice(0, MAX_BODY_CHARACTERS);
  });
  await once(response, 'end');
  return { status: response.statusCode ?? 0, socket: undefined, body: body.trim() };
}
