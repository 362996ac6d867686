import { parseSafely } from '../../auth/safe-json.ts';
import type { Log } from '../../log.ts';
import { json, refuse } from '../../private-http/answer.ts';
import { dropCookie, writeCookie } from '../../private-http/cookie.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import { LOGIN_SECONDS } from '../logins.ts';
import { type Access, cookieOf, equalSecrets, loginOf, tokenRequired } from './access.ts';

const FORM = /^application\/x-www-form-urlencoded\b/i;

/**
 * /api/login and /api/logout: a browser sends the token once and gets a cookie for it, since neither links, downloads
 * nor event streams can have an Authorization header. To be added before the guard of /api.
 */
export function addLogin(routes: Routes, access: () => Access, log: Log, onLogout: () => void): void {
  routes.post('/api/login', (exchange) => logIn(exchange, access(), log));
  routes.post('/api/logout', (exchange) => logOut(exchange, access(), log, onLogout));
}

async function logIn(exchange: Exchange, access: Access, log: Log): Promise<Response> {
  const { token, logins, isLoopback, isSecure } = access;
  if (token === undefined) {
    const text = 'admin.tokenFile is not set: on loopback no login is needed.';
    return isLoopback ? refuse(exchange, 409, 'no_token', text) : tokenRequired(exchange);
  }
  if (!isLoopback && !isSecure) {
    const text = 'set admin.tls: outside of loopback the token and the cookie could be read by others.';
    return refuse(exchange, 403, 'tls_required', text);
  }
  const body = await exchange.req.text();
  // curl -d says form of whatever it sends.
  const isForm = FORM.test(exchange.req.header('content-type') ?? '') && !body.trimStart().startsWith('{');
  const given = tokenIn(body, isForm);
  if (given === undefined) {
    const text = 'send {"token": "…"} as JSON, or token=… as a form.';
    return refuse(exchange, 400, 'body', text);
  }
  const { waitMs } = logins;
  if (waitMs > 0) {
    const seconds = Math.ceil(waitMs / 1000);
    const text = `too many wrong tokens; try again in ${seconds} s. Authorization: Bearer works all the while.`;
    return refuse(exchange, 429, 'too_many_logins', text, { 'Retry-After': String(seconds) });
  }
  const client = exchange.env.incoming.socket.remoteAddress;
  if (!equalSecrets(given, token)) {
    logins.countWrong();
    log.warn({ client }, 'login to the admin port refused: wrong token');
    return refuse(exchange, 401, 'wrong_token', 'this is not the admin token.', {
      'WWW-Authenticate': 'Bearer',
    });
  }
  writeCookie(exchange, cookieOf(access), logins.begin(), LOGIN_SECONDS);
  log.info({ client }, 'login to the admin port');
  if (isForm) return exchange.redirect('/', 303);
  return json(exchange, { endsAt: new Date(Date.now() + LOGIN_SECONDS * 1000).toISOString() });
}

function logOut(
  exchange: Exchange,
  access: Access,
  log: Log,
  onLogout: () => void,
): Promise<Response> | Response {
  const login = loginOf(exchange, access);
  if (login === undefined) return refuse(exchange, 409, 'no_login', 'the request has no cookie of a login.');
  if (exchange.req.header('origin') === undefined)
    return refuse(exchange, 403, 'origin_required', 'with a login, changes need the Origin of this server.');
  access.logins.end(login);
  onLogout();
  dropCookie(exchange, cookieOf(access));
  log.info({ client: exchange.env.incoming.socket.remoteAddress }, 'logout from the admin port');
  return exchange.body(null, 204);
}

/** Without the line end that a file has after it; undefined: there is none. */
function tokenIn(body: string, isForm: boolean): string | undefined {
  const token = isForm ? new URLSearchParams(body).get('token') : parseSafely(body)?.['token'];
  return typeof token === 'string' ? token.replace(/\r?\n$/, '') : undefined;
}
