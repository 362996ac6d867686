/** Addresses, names and URLs in values: where to listen, which names we have, whom to trust, where nats-server is. */
import { isIPv4, isIPv6 } from 'node:net';
import { addressText } from '../net/host.ts';
import { parseNetwork } from '../net/networks.ts';
import { parseOriginEntry } from '../net/origin-entry.ts';
import { parseWrittenAuthority } from '../net/written-authority.ts';
import { quote } from './text.ts';
import { type Reading, right, type ValueParser, wrong } from './values.ts';

/** A TCP address to listen on. `host` is an IP literal without brackets; port 0 lets the system choose. */
export type ListenAddress = { readonly host: string; readonly port: number };

/**
 * One nats-server, from `nats://host[:port]` (default port 4222). `name` is `host:port`, for logs and labels. `opaque`:
 * written as `tcp://host:port`, and its bytes are never read.
 */
export type UpstreamServer = {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly opaque?: boolean;
};

/** Longer entries are not repeated in messages. */
const MAX_REPEATED_BYTES = 128;

/** The default port of nats-server. */
const NATS_PORT = 4222;

/** Schemes that people try, and what to tell them. Anything else is not quoted: it may be half of a password. */
const OTHER_SCHEMES: Readonly<Record<string, string>> = {
  tls: 'TLS to nats-server is set by upstream.tls.mode, for all servers',
  ws: 'this is the TCP side, where no WebSocket is spoken',
  wss: 'this is the TCP side, where no WebSocket is spoken',
  http: 'the upstream is the client port of nats-server, not its monitoring port',
  https: 'the upstream is the client port of nats-server, not its monitoring port',
  mqtt: 'the MQTT port of nats-server is carried unread',
  mqtts: 'the MQTT port of nats-server is carried unread',
};

type Refuse = (what: string, write?: string) => Reading<never>;

/** A parser whose refusals have one code, and where nothing else is named `expected` as what to write. */
function parser<T>(
  code: string,
  expected: string,
  read: (text: string, refuse: Refuse) => Reading<T>,
): ValueParser<T> {
  const refuse: Refuse = (what, write = expected) => wrong(code, what, write);
  return { expected, read: (text) => read(text, refuse) };
}

/**
 * `host:port` with an IP address or `localhost`, `:port` (every IPv4 interface) or a port alone (on
 * `defaultHost`). Names are refused: which interface they mean may change between two starts.
 */
export function listenAddress(defaultHost: string): ValueParser<ListenAddress> {
  const expected = `an address and a port, such as ${defaultHost}:8080, or "[::]:8080" in quotes`;
  return parser('address', expected, (text, refuse) => {
    if (text.includes('://')) return refuse(`${quote(text)} is a URL`);
    if (isIPv6(text)) return refuse(`${quote(text)} has no brackets`, `"[${text}]:8080" in quotes`);
    if (isIPv4(text)) return refuse(`${quote(text)} has no port`, `${text}:8080`);
    const written = /^\d+$/.test(text) ? `${defaultHost}:${text}` : text;
    const match = /^(?:\[([^[\]]*)\]|([^[\]:]*)):(\d+)$/.exec(written);
    if (match === null) return refuse(`${quote(text)} is not an address and a port`);
    const [, bracketed, name = '', digits = ''] = match;
    if (name === '*') return refuse('"*" is not an address', `0.0.0.0:${digits} for every IPv4 interface`);
    if (bracketed !== undefined && !isIPv6(bracketed))
      return refuse(`${quote(text)} holds no IPv6 address in its brackets`);
    const host = bracketed ?? (name === '' ? '0.0.0.0' : name === 'localhost' ? '127.0.0.1' : name);
    if (bracketed === undefined && !isIPv4(host)) return refuse(`${quote(name)} is not an IP address`);
    const port = parsePort(digits);
    if (port === undefined)
      return refuse(`${quote(digits)} is not a port`, `a port from 0 to 65535 (${expected})`);
    return right({ host, port });
  });
}

/** A host name, IPv4 address or [IPv6 address] without scheme and port; lower case, international names as A-labels. */
export const hostName = parser(
  'host_name',
  'a host name alone, such as gw.example.com',
  (text, refuse): Reading<string> => {
    if (text.includes('://')) return refuse(`${quote(text)} is a URL`);
    if (isIPv6(text)) return refuse(`${quote(text)} has no brackets`, `"[${text}]"`);
    if (/:\d*$/.test(text)) return refuse(`${quote(text)} has a port`);
    const name = parseWrittenAuthority(text);
    return name === undefined ? refuse(`${quote(text)} is not a host name`) : right(name.host.text);
  },
);

/** `host:port` under which clients reach us from outside; `keep` and `drop` pass as they are. */
export const publicAddress = parser(
  'public_address',
  'keep, drop, or an address such as gw.example.com:443',
  (text, refuse): Reading<string> => {
    if (text === 'keep' || text === 'drop') return right(text);
    if (text.includes('://')) return refuse(`${quote(text)} is a URL, but INFO names host and port`);
    const { host, port } = parseWrittenAuthority(text) ?? {};
    return host === undefined || port === undefined
      ? refuse(`${quote(text)} is not a host name and a port from 1 to 65535`)
      : right(addressText({ host: host.text, port }));
  },
);

/** An IP address, or a network as address and prefix length. The text is handed on as it is. */
export const network = parser(
  'network',
  'a network such as 10.0.0.0/8 or 2001:db8::/32',
  (text, refuse): Reading<string> => {
    if (parseNetwork(text) !== undefined) return right(text);
    return /^::ffff:[^/]*\/\d+$/i.test(text)
      ? refuse(`${quote(text)} is an IPv4 network in IPv6 form, with a prefix below 96`)
      : refuse(`${quote(text)} is not a network`);
  },
);

/** A path of a route: compared with the request byte for byte, so nothing in it is decoded or normalised. */
export const requestPath = parser('request_path', 'a path such as /mqtt', (text, refuse): Reading<string> => {
  const shown = quote(text);
  if (!text.startsWith('/')) return refuse(`${shown} does not begin with /`);
  if (/[?#]/.test(text)) return refuse(`${shown} has a query or fragment in it`);
  if (!/^[\x21-\x7e]{1,256}$/.test(text)) {
    const write = 'the path as it travels, others escaped as %XX';
    return refuse(`${shown} is not 1 to 256 visible ASCII characters`, write);
  }
  // Dot segments, backslashes and some characters never leave a browser as they are.
  const sent = new URL(`ws://host${text}`).pathname;
  return sent === text
    ? right(text)
    : refuse(`${shown} is asked for by no browser`, `what one makes of it, ${sent}`);
});

/** An entry of `origins.allow`; it is handed on as it was written. `expected`: of the list. */
export const originEntry = (expected: string): ValueParser<string> =>
  parser('origin', expected, (text, refuse) => {
    const parsed = parseOriginEntry(text);
    if (parsed.kind !== 'problem') return right(text);
    // The sentence may repeat parts of the entry, and a password in it must not be repeated.
    if (text.includes('@') || Buffer.byteLength(text) > MAX_REPEATED_BYTES) {
      const example = 'scheme, host and port, such as https://app.example.com';
      return refuse(`${quote(text)} is not an origin that can be allowed`, example);
    }
    const [what = '', ...write] = parsed.problem.split('; write ');
    return refuse(`${quote(text)}: ${what}`, write.join('; write '));
  });

/** `token` of RFC 9110 §5.6.2, which a subprotocol has to be. */
export const subprotocol = parser('subprotocol', 'a subprotocol such as mqtt', (text, refuse) =>
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(text)
    ? right(text)
    : refuse(`${quote(text)} is not a subprotocol`),
);

/**
 * `nats://host[:port]` or `host[:port]`, or `tcp://host:port` for what is not read. No message ever quotes the text: when
 * it is not well formed, nothing tells which part of it is a password.
 */
export const upstreamUrl = parser(
  'server_url',
  'a URL such as nats://host:4222',
  (text, refuse): Reading<UpstreamServer> => {
    if (text === '') return refuse('the URL is empty');
    if (/[\s,;]/.test(text)) return refuse('several servers are in one value', 'a list with one URL each');
    if (text.includes('@')) {
      const what = 'a user name or password does not belong in the URL: each client logs in with its own';
      return refuse(what, 'nats://host:port alone');
    }
    if (/^\d+$/.test(text)) return refuse('a port alone names no server', 'host:port');
    const [prefix, written = ''] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? ['', 'nats'];
    const scheme = written.toLowerCase();
    if (Object.hasOwn(OTHER_SCHEMES, scheme)) {
      const write = scheme.startsWith('mqtt') ? 'tcp://host:port' : 'nats://host:port';
      return refuse(`${scheme}:// cannot be used: ${OTHER_SCHEMES[scheme]}`, write);
    }
    if (scheme !== 'nats' && scheme !== 'tcp')
      return refuse('the scheme of the URL is not nats', 'nats://host:port');
    const authority = text.slice(prefix.length);
    if (/[/?#\\]/.test(authority)) return refuse('the URL has a path', `only ${scheme}://host:port`);
    return server(authority, scheme === 'tcp', refuse);
  },
);

function server(authority: string, opaque: boolean, refuse: Refuse): Reading<UpstreamServer> {
  if (isIPv6(authority)) return refuse('the IPv6 address has no brackets', 'nats://[address]:port');
  const match = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::(.*))?$/.exec(authority);
  if (match === null) return refuse('host and port of the URL cannot be told apart');
  const [, bracketed, name = '', digits] = match;
  const host = bracketed === undefined ? parseWrittenAuthority(name)?.host.text : bracketed;
  if (host === undefined || (bracketed !== undefined && !isIPv6(bracketed)))
    return refuse('the host of the URL is neither a name nor an IP address');
  if (opaque && digits === undefined)
    return refuse('the URL names no port, and tcp has no usual one', 'tcp://host:port');
  const port = digits === undefined ? NATS_PORT : (parsePort(digits) ?? 0);
  if (port === 0) return refuse('the port of the URL is not one', 'a port from 1 to 65535');
  return right({ host, port, name: addressText({ host, port }), ...(opaque ? { opaque } : {}) });
}

/** `http://{host}:8222/healthz`, with or without the placeholder. As above, no message quotes it. */
export const healthUrl = parser(
  'health_url',
  'a URL such as http://{host}:8222/healthz',
  (text, refuse): Reading<string> => {
    // As an address of a server is put in: IPv6 in brackets, which has to be the whole host.
    const filled = text.replaceAll('{host}', '[::1]');
    if (/[\s,;{}]/.test(filled))
      return refuse(
        'the URL has a blank, comma or brace in it',
        'a URL such as http://{host}:8222/healthz, or a list of them',
      );
    if (text.includes('@')) return refuse('a user name or password does not belong in the URL');
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text.replaceAll('{host}', 'placeholder')))
      return refuse('the URL is not one of http or https');
    if (!URL.canParse(filled))
      return refuse('{host} is only a part of the host, and an address is put in its place');
    if (new URL(filled).pathname === '/')
      return refuse('the URL names no path', 'the path that tells health, such as /healthz');
    return right(text);
  },
);

const parsePort = (text: string): number | undefined =>
  /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
