import { claimPath, isInside, isPrivateAddress } from '../auth-values.ts';
import { type AuthValues, type IssuerValues, SYMMETRIC } from './auth.ts';
import type { Check } from './check.ts';
import { checkCookieName, checkCookieOrigins } from './cookie-origins.ts';
import type { OriginsConfig } from './origins.ts';

/** What the route is besides. */
type Beside = {
  readonly origins: OriginsConfig;
  readonly subprotocols: readonly string[];
  readonly handshakeMs: number;
};

export function checkAuth(values: AuthValues | undefined, beside: Beside, check: Check): void {
  if (values === undefined) return;
  for (const [index, source] of values.from.entries()) checkSource(values, source, index, beside, check);
  const { jwt = [], webhook } = values;
  for (const [index, issuer] of jwt.entries()) {
    checkIssuer(issuer, index, jwt.slice(0, index), check);
    checkKeys(issuer, index, check);
  }
  if (jwt.length > 1 && values.identity.tenant === undefined) {
    const text =
      'users of several issuers with the same name are one user here; write auth.identity.tenant, such as tenant: iss';
    check.warning('users_of_several_issuers', ['auth', 'jwt'], text);
  }
  if (webhook !== undefined) checkWebhook(webhook, jwt.length === 0, beside.handshakeMs, check);
  else if (jwt.length === 0) {
    const text = 'nobody says whose tokens count; write jwt, or webhook, below auth';
    check.problem('no_verifier', ['auth'], text);
  }
}

function checkWebhook(
  { url, timeout, headers }: NonNullable<AuthValues['webhook']>,
  isAlone: boolean,
  handshakeMs: number,
  { problem, warning, isWritten }: Check,
): void {
  const path = ['auth', 'webhook'];
  if (/^http:/i.test(url) && !isInside(url) && !isPrivateAddress(url)) {
    const text = 'over http, anybody on the way reads the tokens of clients and can answer; write https';
    warning('webhook_in_clear', [...path, 'url'], text);
  }
  if (timeout >= handshakeMs) {
    const text = `a handshake is over after ${handshakeMs} ms (timeouts.handshake), before the answer could count; write less`;
    problem('webhook_too_slow', [...path, 'timeout'], text);
  }
  for (const [index, name] of headers.entries())
    if (headers.indexOf(name) < index)
      warning('repeated', [...path, 'headers', index], 'the entry is in the list twice; write it once');
  if (isAlone && isWritten(['auth', 'identity'])) {
    const text =
      'claims are those of tokens, which jwt verifies; the webhook says the identity itself; remove identity';
    problem('identity_without_jwt', ['auth', 'identity'], text);
  }
}

function checkSource(
  values: AuthValues,
  source: AuthValues['from'][number],
  index: number,
  { origins, subprotocols }: Beside,
  check: Check,
): void {
  const { problem, warning } = check;
  const path = ['auth', 'from', index];
  if (Object.values(source).filter((value) => value !== undefined).length !== 1) {
    const text = 'an entry is one source; write one of cookie, header, subprotocol and query in it';
    problem('one_source', path, text);
  }
  const { cookie, query, subprotocol } = source;
  const same = JSON.stringify(source);
  if (values.from.slice(0, index).some((other) => JSON.stringify(other) === same))
    warning('repeated', path, 'the entry is in the list twice; write it once');
  if (query !== undefined) {
    const text =
      'tokens in URLs end up in histories and in logs of others; write a cookie, header or subprotocol in its place';
    warning('token_in_url', [...path, 'query'], text);
  }
  if (subprotocol !== undefined && subprotocols.length === 0) {
    const text =
      'browsers close a WebSocket of which none of their subprotocols is confirmed, and none is here; write one in subprotocols of a route, for clients to offer beside it';
    warning('nothing_to_confirm', [...path, 'subprotocol'], text);
  }
  if (cookie === undefined) return;
  checkCookieName(cookie, [...path, 'cookie'], check);
  checkCookieOrigins(path, values, origins, check);
}

function checkIssuer(
  { issuer, audience, require }: IssuerValues,
  index: number,
  before: readonly IssuerValues[],
  { problem, warning, shown }: Check,
): void {
  const path = ['auth', 'jwt', index];
  const bare = (text: string): string => text.replace(/\/$/, '');
  const twin = before.find((other) => bare(other.issuer) === bare(issuer));
  if (twin?.issuer === issuer)
    problem('repeated', [...path, 'issuer'], 'an entry before this one has the same issuer; write one entry');
  else if (twin !== undefined) {
    const text = `${shown([...path, 'issuer'], issuer)} differs from another issuer by its last slash alone; write the one that is in the tokens`;
    warning('issuer_twin', [...path, 'issuer'], text);
  }
  if (audience.includes('any')) {
    if (audience.length > 1)
      problem('word_in_list', [...path, 'audience'], 'any is in a list; write any alone, or audiences alone');
    const text =
      'tokens of this issuer for every other service count here, too; write the audience of this one';
    warning('audience_any', [...path, 'audience'], text);
  }
  for (const name of Object.keys(require.claims)) {
    const reading = claimPath.read(name);
    if (!reading.ok)
      problem(reading.code, [...path, 'require', 'claims', name], `${reading.what}; write ${reading.write}`);
  }
}

function checkKeys({ algorithms, keys }: IssuerValues, index: number, { problem }: Check): void {
  const path = ['auth', 'jwt', index];
  const { url, file, secretFile } = keys;
  if ([url, file, secretFile].filter((one) => one !== undefined).length !== 1) {
    problem('one_kind_of_keys', [...path, 'keys'], 'write one of url, file and secretFile');
    return;
  }
  const symmetric = algorithms.filter((name) => (SYMMETRIC as readonly string[]).includes(name));
  if (secretFile === undefined && symmetric.length > 0) {
    const text = `${symmetric.join(' and ')} would take a public key for a secret; write algorithms of key pairs, or secretFile`;
    problem('algorithm_of_secret', [...path, 'algorithms'], text);
  }
  if (secretFile !== undefined && symmetric.length === 0) {
    const text = 'a shared secret needs its algorithm; write algorithms: [HS256], HS384 or HS512';
    problem('algorithm_missing', algorithms.length > 0 ? [...path, 'algorithms'] : path, text);
  } else if (secretFile !== undefined && symmetric.length !== algorithms.length) {
    const text = 'a shared secret verifies no signature of a key pair; write HS256, HS384 or HS512 alone';
    problem('algorithm_of_pair', [...path, 'algorithms'], text);
  }
}
