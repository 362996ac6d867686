import type { Login, LoginSource } from '../nats/login.ts';
import type { Granted } from './authorizer.ts';
import { NotGranted } from './details.ts';
import { type AuthHead, cookieOf } from './sources.ts';

/**
 * The login of one client by `connect`; undefined: the client logs in by itself.
 *
 * @throws NotGranted where the webhook and `connect` do not agree on who says what the login is, where a cookie is there
 * twice, or where who the client is cannot be a part of the login.
 */
export function loginFor(
  source: LoginSource | undefined,
  request: AuthHead,
  granted: Granted | undefined,
): Login | undefined {
  const { grant, token } = granted ?? {};
  const { identity, endsAtMs, given } = grant ?? {};
  if (given !== undefined && source?.kind !== 'webhook')
    throw new NotGranted('webhook_bad_answer', 'connect in the answer needs connect.kind: webhook');
  if (given === undefined && grant !== undefined && source?.kind === 'webhook')
    throw new NotGranted(
      'webhook_bad_answer',
      'the answer has no connect, which connect.kind: webhook needs',
    );
  const login = source?.of({ identity, endsAtMs, given, token, cookie: (name) => cookieOf(request, name) });
  if (login === 'unusable')
    throw new NotGranted('claim_unusable', 'user or tenant is not one literal token of a subject');
  return login;
}
