import type { IncomingMessage } from 'node:http';
import { type Authority, parseAuthority } from '../net/host.ts';
import type { RequestTarget } from '../net/request-target.ts';
import { isBodyFitting } from './admin-port.ts';
import type { Answer } from './answer.ts';

/** What changes something, and so wants POST. */
const ACTIONS: readonly (string | undefined)[] = ['/api/reload'];
/** Answered at once and in few bytes, so that they need no place among the long answers. */
export const PROBES: readonly (string | undefined)[] = ['/livez', '/readyz'];
/**
 * What HTTP/1.0 without Host may ask for, as HAProxy's checks do. No browser sends such a request, so no page of a
 * foreign name can have it sent; all else stays closed to it none the less.
 */
const HOSTLESS: readonly (string | undefined)[] = [...PROBES, '/metrics'];

/** Why a request is not answered; the same for whatever it asks. `hosts`: names beside addresses and localhost. */
export function refusal(
  request: IncomingMessage,
  target: RequestTarget | undefined,
  hosts: readonly string[],
): Answer | undefined {
  if (request.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length > 1)
    return { status: 400, body: 'host: send one Host line.\n' };
  const { host, origin } = request.headers;
  const isHostless = host === undefined && request.httpVersion === '1.0' && HOSTLESS.includes(target?.path);
  const authority = authorityOf(host, target);
  if (!(authority === undefined ? isHostless : isOurs(authority, hosts))) {
    return {
      status: 421,
      body: 'foreign_host: use an IP address, localhost, or a name from admin.hosts.\n',
    };
  }
  if (origin !== undefined && (authority === undefined || origin !== `http://${textOf(authority)}`)) {
    return { status: 403, body: 'foreign_origin: pages of other sites may not use this port.\n' };
  }
  const allowed = ACTIONS.includes(target?.path) ? ['POST'] : ['GET', 'HEAD'];
  if (!allowed.includes(request.method ?? '')) {
    return { status: 405, body: `method: use ${allowed[0]}.\n`, headers: { Allow: allowed.join(', ') } };
  }
  if (!isBodyFitting(request)) return { status: 413, body: 'body: at most 64 KiB, with Content-Length.\n' };
  if (request.headers.upgrade?.toLowerCase() === 'websocket') {
    return { status: 404, body: 'no_websocket: this is the admin port; connect to the public one.\n' };
  }
  return undefined;
}

const isOurs = ({ host: { kind, text } }: Authority, hosts: readonly string[]): boolean =>
  kind !== 'name' || text === 'localhost' || hosts.includes(text);

/** Whom the request is for: an absolute target wins over Host (RFC 9112 §3.2.2). undefined: it cannot be told. */
function authorityOf(host: string | undefined, target: RequestTarget | undefined): Authority | undefined {
  const { absolute } = target ?? {};
  if (absolute === undefined) return host === undefined ? undefined : parseAuthority(host);
  return absolute.scheme === 'http' ? absolute.authority : undefined;
}

const textOf = ({ host, port }: Authority): string =>
  port === undefined ? host.text : `${host.text}:${port}`;
