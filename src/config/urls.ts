/** Addresses, names and URLs in values: where to listen, which names we have, whom to trust, where nats-server is. */
import { isIP, isIPv6 } from 'node:net';
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
  const expected = `an IP address and a port, such as ${defaultHost}:8080, or "[::]:8080" in quotes`;
  return parser('address', expected, (text, refuse) => {
    if (isIPv6(text)) return refuse(`${quote(text)} has no brackets`, `"[${text}]:8080" in quotes`);
    const { name, ipv6, port } = hostAndPort(/^\d+$/.test(text) ? `${defaultHost}:${text}` : text);
    const host = ipv6 ?? (name === '' ? '0.0.0.0' : name === 'localhost' ? '127.0.0.1' : name);
    return port === undefined || host === undefined || isIP(host) === 0
      ? refuse(`${quote(text)} is not an IP address and a port from 0 to 65535`)
      : right({ host, port });
  });
}

/** A host name, IPv4 address or [IPv6 address] without scheme and port; lower case, international names as A-labels. */
export const hostName = parser(
  'host_name',
  'a host name alone, such as gw.example.com',
  (text, refuse): Reading<string> => {
    if (isIPv6(text)) return refuse(`${quote(text)} has no brackets`, `"[${text}]"`);
    const { host, port } = parseWrittenAuthority(text) ?? {};
    return host === undefined || port !== undefined
      ? refuse(`${quote(text)} is not a host name alone`)
      : right(host.text);
  },
);

/** `host:port` under which clients reach us from outside; `keep` and `drop` pass as they are. */
export const publicAddress = parser(
  'public_address',
  'keep, drop, or an address such as gw.example.com:443',
  (text, refuse): Reading<string> => {
    if (text === 'keep' || text === 'drop') return right(text);
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
  (text, refuse): Reading<string> =>
    parseNetwork(text) === undefined ? refuse(`${quote(text)} is not a network`) : right(text),
);

/** A path of a route: compared with the request byte for byte, so nothing in it is decoded or normalised. */
export const requestPath = parser('request_path', 'a path such as /mqtt', (text, refuse): Reading<string> => {
  if (!/^\/[!-~]{0,255}$/.test(text) || /[?#]/.test(text)) {
    const what = `${quote(text)} is not a path of up to 256 visible ASCII characters without query`;
    return refuse(what, 'a path such as /mqtt, other characters escaped as %XX');
  }
  // Dot segments, backslashes and some characters never leave a browser as they are.
  const sent = new URL(`ws://host${text}`).pathname;
  return sent === text
    ? right(text)
    : refuse(`${quote(text)} is asked for by no browser`, `what one makes of it, ${sent}`);
});

/** Every valid entry of `origins.allow` fits it, and few others; in what JSON Schema, JavaScript and Go have in common. */
export const ORIGIN_FORM = /^(self|localhost|[*]|[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#@\s]*)$/;

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

/** Every valid server fits it, as above. */
export const SERVER_FORM =
  /^(([Nn][Aa][Tt][Ss]|[Tt][Cc][Pp]):\/\/)?(\[[^\]]+\]|[^[\]:/?#@,;\s]+)(:[0-9]{1,5})?$/;

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
  const { name, ipv6, hasPort, port = opaque || hasPort ? 0 : NATS_PORT } = hostAndPort(authority);
  const host = ipv6 ?? (name && parseWrittenAuthority(name)?.host.text);
  if (!host) return refuse('the host of the URL is neither a name nor an IP address (IPv6 in brackets)');
  if (port === 0)
    return refuse('the URL has no port from 1 to 65535', `${opaque ? 'tcp' : 'nats'}://host:port`);
  return right({ host, port, name: addressText({ host, port }), ...(opaque ? { opaque } : {}) });
}

/** `http://{host}:8222/healthz`, with or without the placeholder. As above, no message quotes it. */
export const healthUrl = parser(
  'health_url',
  'a URL such as http://{host}:8222/healthz',
  (text, refuse): Reading<string> => {
    if (/[\s,;]/.test(text)) return refuse('several URLs are in one value', 'a list with one URL each');
    if (text.includes('@')) return refuse('a user name or password does not belong in the URL');
    // As an address of a server is put in: IPv6 in brackets, which has to be the whole host.
    const filled = text.replaceAll('{host}', '[::1]');
    if (!/^https?:\/\/[^{}]+$/i.test(filled) || !URL.canParse(filled) || new URL(filled).pathname === '/')
      return refuse('this is not a URL of http or https with a path, and {host} as its whole host');
    return right(text);
  },
);

/** `name:port` or `[IPv6]:port`, each undefined where it is not there or not right. */
function hostAndPort(text: string) {
  const [, bracketed = '', name, digits] = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::(.*))?$/.exec(text) ?? [];
  return {
    name,
    ipv6: isIPv6(bracketed) ? bracketed : undefined,
    hasPort: digits !== undefined,
    port: /^(0|[1-9]\d{0,4})$/.test(digits ?? '') && Number(digits) <= 65_535 ? Number(digits) : undefined,
  };
}
