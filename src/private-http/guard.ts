import type { IncomingHttpHeaders } from 'node:http';
import type { MiddlewareHandler } from 'hono';
import { type Authority, parseAuthority } from '../net/host.ts';
import type { OriginScheme } from '../net/origin-grammar.ts';
import type { RequestTarget } from '../net/request-target.ts';
import { refuse } from './answer.ts';
import { isBodyFitting } from './connection.ts';
import type { PrivateEnv } from './exchange.ts';

export type GuardOptions = {
  /** Names of this server beside addresses and localhost; read at each request. */
  hosts(): readonly string[];
  /**
   * What HTTP/1.0 without Host may ask for, as HAProxy's checks do. No browser sends such a request, so no page of a
   * foreign name can have it sent; all else stays closed to it none the less.
   */
  readonly hostless: readonly string[];
};

/**
 * Refuses whatever a browser could be made to send by the page of another: a Host that is a name that is not ours (DNS
 * rebinding), an Origin that is not this server itself. The same for all that is asked.
 */
export function guard(
  { hosts, hostless }: GuardOptions,
  scheme: OriginScheme,
): MiddlewareHandler<PrivateEnv> {
  return async (exchange, next) => {
    const { incoming, host, target } = exchange.env;
    if (incoming.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length > 1)
      return refuse(exchange, 400, 'host', 'send one Host line.');
    const authority = authorityOf(host, target, scheme);
    const isHostless =
      host === undefined && incoming.httpVersion === '1.0' && hostless.includes(exchange.req.path);
    if (!(authority === undefined ? isHostless : isOurs(authority, hosts())))
      return refuse(
        exchange,
        421,
        'foreign_host',
        'use an IP address, localhost, or a name from admin.hosts.',
      );
    const { origin, upgrade } = incoming.headers;
    if (origin !== undefined && (authority === undefined || origin !== `${scheme}://${textOf(authority)}`))
      return refuse(exchange, 403, 'foreign_origin', 'pages of other sites must not use this port.');
    if (isOfForeignPage(incoming.headers))
      return refuse(exchange, 403, 'foreign_origin', 'pages of other sites must not use this port.');
    if (!isBodyFitting(incoming))
      return refuse(exchange, 413, 'body', 'at most 64 KiB, with Content-Length.');
    if (upgrade?.toLowerCase() === 'websocket')
      return refuse(
        exchange,
        404,
        'no_websocket',
        'this port is not for clients; connect to the public one.',
      );
    return next();
  };
}

/**
 * Of a page of another site, or of another port of this machine, which is the same site to cookies: such a read has no
 * Origin, and its answer stays hidden, but it would hold a place. A link that somebody follows may come from anywhere.
 */
const isOfForeignPage = (headers: IncomingHttpHeaders): boolean =>
  ['cross-site', 'same-site'].includes(String(headers['sec-fetch-site'])) &&
  headers['sec-fetch-mode'] !== 'navigate';

const isOurs = ({ host: { kind, text } }: Authority, hosts: readonly string[]): boolean =>
  kind !== 'name' || text === 'localhost' || hosts.includes(text);

/** Whom the request is for: an absolute target wins over Host (RFC 9112 §3.2.2). undefined: it cannot be told. */
function authorityOf(
  host: string | undefined,
  target: RequestTarget | undefined,
  scheme: OriginScheme,
): Authority | undefined {
  const { absolute } = target ?? {};
  if (absolute === undefined) return host === undefined ? undefined : parseAuthority(host);
  return absolute.scheme === scheme ? absolute.authority : undefined;
}

const textOf = ({ host, port }: Authority): string =>
  port === undefined ? host.text : `${host.text}:${port}`;
