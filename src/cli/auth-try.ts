import { Authorizer, type Granted } from '../auth/authorizer.ts';
import { NotGranted, verdictOf } from '../auth/details.ts';
import { Gate } from '../auth/gate.ts';
import { RemoteKeySets } from '../auth/jwks.ts';
import { loginFor } from '../auth/login.ts';
import { type AuthRequest, BEARER_SUBPROTOCOL } from '../auth/sources.ts';
import type { AuthConfig, RouteConfig, TokenSource } from '../config/config.ts';
import { FileReader } from '../config/files.ts';
import { type ConfigSource, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problems.ts';
import { DEFAULT_ROUTE, routesOf } from '../config/routes.ts';
import { quote } from '../config/text.ts';
import { connectPolicies } from '../inspect/connect-policy.ts';
import { type Connect, type ConnectChanges, CREDENTIAL_FIELDS, writeConnect } from '../nats/connect.ts';
import type { Login } from '../nats/login.ts';
import { claimsOfJwt } from '../nats/user-jwt.ts';
import type { CheckOutput } from './check.ts';

const MAX_TOKEN_FILE_BYTES = 16 * 1024;
/** What a client writes at least. */
const CONNECT: Connect = { kind: 'connect', fields: new Map([['verbose', false]]), unknown: [] };
/** In the form of a server's: what is signed here is of no use there. */
const NONCE = 'AAAAAAAAAAAAAAA';
const ADDRESS = '127.0.0.1';
/** Of credentials these are no secrets. */
const SHOWN: readonly string[] = ['user', 'nkey'];

/**
 * `natsgate auth try`: what the gateway would say to a client with this token, and what CONNECT nats-server would get.
 * Nothing is dialled but the URLs of keys and of the webhook. The answer is the exit code. No secret is printed.
 */
export async function authTry(
  source: ConfigSource,
  { tokenFile, route = DEFAULT_ROUTE }: { readonly tokenFile: string; readonly route?: string | undefined },
  io: CheckOutput,
): Promise<number> {
  const loaded = await loadConfig(source);
  if (!loaded.ok) {
    for (const problem of loaded.problems) io.err(formatProblem(problem));
    return 1;
  }
  const routes = routesOf(loaded.config);
  const config = routes.find(({ name }) => name === route);
  const names = routes.map(({ name }) => name).join(', ');
  if (config === undefined)
    return failed(io, `the configuration has no route ${quote(route)}; write one of ${names}`);
  if (config.auth === undefined) return failed(io, `route ${config.name} has no auth: nobody is asked`);
  const { reader = new FileReader() } = source;
  const found = await reader.read(tokenFile, MAX_TOKEN_FILE_BYTES);
  if (!found.ok) return failed(io, `--token-file: ${quote(tokenFile)} cannot be read: ${found.what}`);
  const token = found.bytes.toString('latin1').trim();
  const request = requestWith(token, config.auth, config.name);
  const signal = AbortSignal.timeout(loaded.config.timeouts.handshakeMs);
  try {
    const { granted, login } = await asked(config, config.auth, request, signal, io);
    for (const [name, text] of granting(granted)) io.out(`${name.padEnd(11)}${text}`);
    for (const [name, text] of writing(config, granted, login)) io.out(`${name.padEnd(11)}${text}`);
    return 0;
  } catch (error) {
    if (error instanceof NotGranted) {
      io.out(`verdict    ${verdictOf(error.detail)}`);
      io.out(`detail     ${error.detail}${error.reason === undefined ? '' : ` (${error.reason})`}`);
      io.out(`outcome    ${error.outcome}`);
      return 1;
    }
    if (signal.aborted) return failed(io, 'no answer within timeouts.handshake');
    throw error;
  }
}

function failed(io: CheckOutput, text: string): 1 {
  io.err(`natsgate auth try: ${text}`);
  return 1;
}

async function asked(
  config: RouteConfig,
  auth: AuthConfig,
  request: AuthRequest,
  signal: AbortSignal,
  io: CheckOutput,
): Promise<{ readonly granted: Granted; readonly login: Login | undefined }> {
  const keySets = new RemoteKeySets((outcome, _url, cause) => {
    if (outcome !== 'ok') io.err(`natsgate auth try: keys could not be fetched: ${cause ?? outcome}`);
  });
  const authorizer = new Authorizer(auth, { gate: new Gate(), keySets, onWebhookAnswer: () => {} });
  try {
    authorizer.start();
    const granted = await authorizer.authorize(request, signal);
    return { granted, login: loginFor(config.connect.login, request, granted) };
  } finally {
    authorizer.close();
    keySets.close();
  }
}

/** A handshake that has the token where the route looks first. */
function requestWith(token: string, { from }: AuthConfig, route: string): AuthRequest {
  const [first] = from;
  const [name, line] = first === undefined ? ['', ''] : headerOf(first, token);
  return {
    target: first?.kind === 'query' ? `/?${first.name}=${token}` : '/',
    header: (one) => (one === name ? [line] : []),
    client: { route, address: ADDRESS, origin: undefined, tls: true },
  };
}

function headerOf(source: TokenSource, token: string): readonly [name: string, line: string] {
  switch (source.kind) {
    case 'cookie':
      return ['cookie', `${source.name}=${token}`];
    case 'header':
      return ['authorization', `Bearer ${token}`];
    case 'subprotocol': {
      const encoded = Buffer.from(token, 'latin1').toString('base64url');
      return ['sec-websocket-protocol', `${BEARER_SUBPROTOCOL}${encoded}`];
    }
    case 'query':
      return ['', ''];
  }
}

type Line = readonly [name: string, text: string];

function granting({ detail, grant }: Granted): readonly Line[] {
  const verdict: Line[] = [
    ['verdict', verdictOf(detail)],
    ['detail', detail],
  ];
  if (grant === undefined) return verdict;
  const { identity, endsAtMs, role } = grant;
  return [
    ...verdict,
    ['user', identity.user],
    ...(identity.tenant === undefined ? [] : [['tenant', identity.tenant] as const]),
    ...(identity.groups.length === 0 ? [] : [['groups', identity.groups.join(', ')] as const]),
    ...(role === undefined ? [] : [['role', role] as const]),
    ['ends', endsAtMs === undefined ? 'not by its token' : new Date(endsAtMs).toISOString()],
  ];
}

/** What nats-server would get. */
function writing(
  { name: route, connect, limits }: RouteConfig,
  { grant }: Granted,
  login: Login | undefined,
): readonly Line[] {
  const { identity, name } = grant ?? {};
  const facts = {
    session: '0',
    address: ADDRESS,
    route,
    ...(identity === undefined ? {} : { user: identity.user }),
    ...(identity?.tenant === undefined ? {} : { tenant: identity.tenant }),
    ...(name === undefined ? {} : { name }),
  };
  const [policy] = connectPolicies({ ...connect, login }, facts);
  if (policy?.connect === undefined) return [['connect', 'as the client writes it']];
  const changes = policy.connect(CONNECT, { nonce: NONCE });
  const most = limits.maxControlLineBytes;
  const line = writeConnect(CONNECT, changes, most);
  const size =
    line === 'too_long' ? `more than ${most}` : `${line.length - 'CONNECT \r\n'.length} of ${most}`;
  const shown = writeConnect(CONNECT, redacted(changes), Number.MAX_SAFE_INTEGER).toString().trim();
  const claims = login?.kind === 'mint' ? claimsOfJwt(changes.jwt ?? '') : undefined;
  return [
    ['connect', shown],
    ['bytes', `${size} (limits.controlLineBytes), and what the client writes`],
    ...(claims === undefined ? [] : [['user JWT', JSON.stringify(claims)] as const]),
  ];
}

const redacted = (changes: ConnectChanges): ConnectChanges => ({
  ...changes,
  ...Object.fromEntries(
    CREDENTIAL_FIELDS.filter((field) => !SHOWN.includes(field) && typeof changes[field] === 'string').map(
      (field) => [field, '(redacted)' as never],
    ),
  ),
});
