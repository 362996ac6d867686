import { createHash, timingSafeEqual } from 'node:crypto';
import { refuse } from '../../private-http/answer.ts';
import { type LoginCookie, readCookies } from '../../private-http/cookie.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import type { Logins } from '../logins.ts';
import type { TokenGuesses } from '../token-guesses.ts';

export type Access = {
  readonly token: string | undefined;
  readonly logins: Logins;
  readonly guesses: TokenGuesses;
  /** Nobody outside of this machine reaches the port. */
  readonly isLoopback: boolean;
  /** The port speaks TLS. */
  readonly isSecure: boolean;
};

const READS = ['GET', 'HEAD'];

/**
 * What is below /api needs the token, if there is one, or the cookie of a login by it. To be added before the routes
 * that it guards. `access`: called at each request.
 */
export function guardApi(routes: Routes, access: () => Access): void {
  routes.use('/api/*', async (exchange, next) => unauthorized(exchange, access()) ?? next());
}

/** Whether the request may read what is below /api. */
export function isOpenTo(exchange: Exchange, access: Access): boolean {
  if (access.token === undefined) return access.isLoopback;
  return hasToken(exchange, access, access.token) || loginOf(exchange, access) !== undefined;
}

function unauthorized(exchange: Exchange, access: Access): Promise<Response> | undefined {
  const { token } = access;
  if (token === undefined) return access.isLoopback ? undefined : tokenRequired(exchange);
  if (hasToken(exchange, access, token)) return undefined;
  if (loginOf(exchange, access) !== undefined) {
    // The guard has compared it with this server; a request without one could be of any page.
    if (READS.includes(exchange.req.method) || exchange.req.header('origin') !== undefined) return undefined;
    return refuse(exchange, 403, 'origin_required', 'with a login, changes need the Origin of this server.');
  }
  const hint = 'send Authorization: Bearer with the admin token, or log in by POST /api/login.';
  return refuse(exchange, 401, 'unauthenticated', hint, { 'WWW-Authenticate': 'Bearer' });
}

function hasToken(exchange: Exchange, { guesses }: Access, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(exchange.req.header('authorization') ?? '')?.[1];
  if (given === undefined) return false;
  if (equalSecrets(given, token)) return true;
  guesses.count(exchange.env.incoming.socket.remoteAddress);
  return false;
}

export const tokenRequired = (exchange: Exchange): Promise<Response> =>
  refuse(exchange, 403, 'token_required', 'set admin.tokenFile to use this outside of loopback.');

/** The secret of the login that the browser has; undefined: none, or one that has ended. */
export const loginOf = (exchange: Exchange, access: Access): string | undefined =>
  readCookies(exchange, cookieOf(access)).find((secret) => access.logins.has(secret));

export const cookieOf = ({ isSecure }: Access): LoginCookie => ({ name: 'natsgate-admin', isSecure });

/** Compares digests, so that neither length nor content of the secret shows in the time taken. */
export function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
