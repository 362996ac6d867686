import { createHash, timingSafeEqual } from 'node:crypto';
import { refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';

export type Access = {
  readonly token: string | undefined;
  /** Nobody outside of this machine reaches the port. */
  readonly isLoopback: boolean;
};

/**
 * What is below /api needs the token, if there is one. To be added before the routes that it guards. `access`: called
 * at each request.
 */
export function guardApi(routes: Routes, access: () => Access): void {
  routes.use('/api/*', async (exchange, next) => unauthorized(exchange, access()) ?? next());
}

function unauthorized(exchange: Exchange, { token, isLoopback }: Access): Promise<Response> | undefined {
  if (token === undefined) {
    if (isLoopback) return undefined;
    return refuse(exchange, 403, 'token_required', 'set admin.tokenFile to use this outside of loopback.');
  }
  const given = /^Bearer (.+)$/i.exec(exchange.req.header('authorization') ?? '')?.[1];
  if (given !== undefined && equalSecrets(given, token)) return undefined;
  const hint = 'send Authorization: Bearer with the admin token.';
  return refuse(exchange, 401, 'unauthenticated', hint, { 'WWW-Authenticate': 'Bearer' });
}

/** Compares digests, so that neither length nor content of the secret shows in the time taken. */
function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
