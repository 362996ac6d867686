import { createHmac } from 'node:crypto';
import { listElements } from '../net/raw-headers.ts';
import { parseTarget } from '../net/request-target.ts';
import { type AuthRequest, BEARER_SUBPROTOCOL, type Credential } from './sources.ts';

/** What a webhook is asked about one client. Text with its credential in it: never logged, never shown. */
export type Question = {
  /** JSON, but for the members that differ from one time to the next. */
  readonly text: string;
};

/** `headers`: names of those that are sent along, in lower case. */
export function questionOf(
  request: AuthRequest,
  credential: Credential,
  headers: readonly string[],
): Question {
  const { address, origin, route, tls } = request.client;
  const sent = headers.flatMap((name) => {
    const lines = request.header(name);
    return lines.length === 0 ? [] : [[name, lines.join(name === 'cookie' ? '; ' : ', ')]];
  });
  const subprotocols = listElements(request.header('sec-websocket-protocol'));
  return {
    text: JSON.stringify({
      route,
      host: request.header('host')[0],
      path: parseTarget(request.target)?.path,
      origin,
      address,
      tls,
      // The token is in the credential.
      subprotocols: subprotocols.filter((name) => !name.startsWith(BEARER_SUBPROTOCOL)),
      headers: Object.fromEntries(sent),
      credential,
    }),
  };
}

/** The body of a request. `isRecheck`: asked for a session that is open. */
export const bodyOf = ({ text }: Question, isRecheck: boolean): string =>
  `{"version":1,"recheck":${isRecheck},${text.slice(1)}`;

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`. `nowMs`: since the epoch. */
export function signatureOf(body: string, secret: Uint8Array, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}
