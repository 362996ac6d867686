import { defaultPort } from '../net/origin-grammar.ts';
import { headerLines, listElements } from '../net/raw-headers.ts';
import { clientAddress } from './client-address.ts';
import {
  type Found,
  type HandshakeRequest,
  type HandshakeRules,
  isSecure,
  originBreach,
  place,
} from './handshake.ts';

/** A page asks what would become of its upgrade, or whether it may ask (a preflight). */
export type AskedToExplain = {
  readonly isPreflight: boolean;
  readonly clientAddress: string;
  /** What the page must find in the answer to be let read it; undefined: it is of the same origin, and may. */
  readonly origin: string | undefined;
  readonly secure: boolean;
  readonly route: string;
};

/**
 * Browsers hide from scripts why an upgrade was refused, and not what `fetch` gets. So with `auth.explain` a plain GET is
 * answered as an upgrade would be, up to the dial. Only pages that may connect are answered; undefined for all others, who
 * get the answer of a gateway that explains nothing.
 */
export function checkExplanation(
  request: HandshakeRequest,
  rules: HandshakeRules,
): AskedToExplain | undefined {
  const { method, rawHeaders } = request;
  const isPreflight = method === 'OPTIONS';
  if (isPreflight ? !asksForToken(rawHeaders) : method !== 'GET') return undefined;
  if (headerLines(rawHeaders, 'upgrade').length > 0) return undefined;
  const found = place({ ...request, method: 'GET' }, rules, () => undefined);
  if (typeof found === 'string' || !found.route.explain) return undefined;
  const written = headerLines(rawHeaders, 'origin');
  const lines = written.length > 0 ? written : sameOrigin(request, found);
  // A request without Origin may be that of a page which embeds this as an image; programs see the status of their upgrade.
  if (lines.length === 0 || originBreach(lines, request, rules, found) !== undefined) return undefined;
  return {
    isPreflight,
    clientAddress: clientAddress(request.peerAddress, rawHeaders, rules.trustedProxies),
    origin: written[0],
    secure: isSecure(request, found),
    route: found.route.name,
  };
}

/** A GET of a page for its own origin has no Origin line; browsers say in Sec-Fetch-Site, which no script can set, that it is one. */
function sameOrigin(request: HandshakeRequest, found: Found): readonly string[] {
  const [site, ...more] = headerLines(request.rawHeaders, 'sec-fetch-site');
  if (site !== 'same-origin' || more.length > 0) return [];
  const scheme = isSecure(request, found) ? 'https' : 'http';
  const { host, port = defaultPort(scheme) } = found.forwarded.authority ?? found.host;
  return [`${scheme}://${host.text}${port === defaultPort(scheme) ? '' : `:${port}`}`];
}

/** A preflight for what this needs one for: a GET with a bearer token. */
function asksForToken(rawHeaders: readonly string[]): boolean {
  const methods = headerLines(rawHeaders, 'access-control-request-method');
  const names = listElements(headerLines(rawHeaders, 'access-control-request-headers'));
  return methods.join() === 'GET' && names.length === 1 && names[0]?.toLowerCase() === 'authorization';
}
