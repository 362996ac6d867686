/** Addresses, names and URLs in values: where to listen, which names we have, whom to trust, where nats-server is. */
import { isIPv4, isIPv6 } from 'node:net';
import { addressText } from '../net/host.ts';
import { parseNetwork } from '../net/networks.ts';
import { parseOriginEntry } from '../net/origin-entry.ts';
import { parseWrittenAuthority } from '../net/written-authority.ts';
import { quote } from './text.ts';
import { type Reading, type ValueParser, wrong } from './values.ts';

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

/**
 * `host:port` with an IP address or `localhost`, `:port` (every IPv4 interface) or a port alone (on
 * `defaultHost`). Names are refused: which interface they mean may change between two starts.
 */
export function listenAddress(defaultHost: string): ValueParser<ListenAddress> {
  const expected = `an address and a port, such as ${defaultHost}:8080, or "[::]:8080" in quotes`;
  return {
    expected,
    read(text) {
      if (/^\d+$/.test(text)) return withPort(defaultHost, text, expected);
      const match = /^(?:\[([^[\]]*)\]|([^[\]:]*)):(\d+)$/.exec(text);
      if (match === null) return withoutForm(text, expected);
      const [, bracketed, name = '', port = ''] = match;
      if (bracketed !== undefined) {
        return isIPv6(bracketed)
          ? withPort(bracketed, port, expected)
          : wrong('address', `${quote(text)} holds no IPv6 address in its brackets`, expected);
      }
      if (name === '') return withPort('0.0.0.0', port, expected);
      if (name === 'localhost') return withPort('127.0.0.1', port, expected);
      if (name === '*')
        return wrong('address', '"*" is not an address', `0.0.0.0:${port} for every IPv4 interface`);
      if (isIPv4(name)) return withPort(name, port, expected);
      return wrong('address', `${quote(name)} is not an IP address`, expected);
    },
  };
}

/** A host name, IPv4 address or [IPv6 address] without scheme and port; lower case, international names as A-labels. */
export const hostName: ValueParser<string> = {
  expected: 'a host name alone, such as gw.example.com',
  read(text) {
    if (text.includes('://')) return wrong('host_name', `${quote(text)} is a URL`, this.expected);
    if (isIPv6(text)) return wrong('host_name', `${quote(text)} has no brackets`, `"[${text}]"`);
    if (/:\d*$/.test(text)) return wrong('host_name', `${quote(text)} has a port`, this.expected);
    const name = parseWrittenAuthority(text);
    return name === undefined
      ? wrong('host_name', `${quote(text)} is not a host name`, this.expected)
      : { ok: true, value: name.host.text };
  },
};

/** `host:port` under which clients reach us from outside; `keep` and `drop` pass as they are. */
export const publicAddress: ValueParser<string> = {
  expected: 'keep, drop, or an address such as gw.example.com:443',
  read(text) {
    if (text === 'keep' || text === 'drop') return { ok: true, value: text };
    if (text.includes('://'))
      return wrong('public_address', `${quote(text)} is a URL, but INFO names host and port`, this.expected);
    const match = /^(.+):(\d{1,5})$/.exec(text);
    const host = match?.[1];
    const port = Number(match?.[2] ?? 0);
    if (host === undefined || port < 1 || port > 65_535) {
      return wrong(
        'public_address',
        `${quote(text)} has no port from 1 to 65535 after a colon`,
        this.expected,
      );
    }
    const name = hostName.read(host);
    return name.ok
      ? { ok: true, value: `${name.value}:${port}` }
      : wrong('public_address', name.what, this.expected);
  },
};

/** An IP address, or a network as address and prefix length. The text is handed on as it is. */
export const network: ValueParser<string> = {
  expected: 'a network such as 10.0.0.0/8 or 2001:db8::/32',
  read(text) {
    if (parseNetwork(text) !== undefined) return { ok: true, value: text };
    return /^::ffff:[^/]*\/\d+$/i.test(text)
      ? wrong(
          'network',
          `${quote(text)} is an IPv4 network in IPv6 form, with a prefix below 96`,
          this.expected,
        )
      : wrong('network', `${quote(text)} is not a network`, this.expected);
  },
};

/** A path of a route: compared with the request byte for byte, so nothing in it is decoded or normalised. */
export const requestPath: ValueParser<string> = {
  expected: 'a path such as /mqtt',
  read(text) {
    if (!text.startsWith('/'))
      return wrong('request_path', `${quote(text)} does not begin with /`, this.expected);
    if (/[?#]/.test(text))
      return wrong('request_path', `${quote(text)} has a query or fragment in it`, this.expected);
    if (!/^[\x21-\x7e]{1,256}$/.test(text))
      return wrong(
        'request_path',
        `${quote(text)} is not 1 to 256 visible ASCII characters`,
        'the path as it travels, others escaped as %XX',
      );
    // Dot segments, backslashes and some characters never leave a browser as they are.
    const sent = new URL(`ws://host${text}`).pathname;
    if (sent !== text)
      return wrong(
        'request_path',
        `${quote(text)} is asked for by no browser`,
        `what one makes of it, ${sent}`,
      );
    return { ok: true, value: text };
  },
};

/** An entry of `origins.allow`; it is handed on as it was written. `expected`: of the list. */
export const originEntry = (expected: string): ValueParser<string> => ({
  expected,
  read(text) {
    const parsed = parseOriginEntry(text);
    if (parsed.kind !== 'problem') return { ok: true, value: text };
    // The sentence may repeat parts of the entry, and a password in it must not be repeated.
    if (text.includes('@') || Buffer.byteLength(text) > MAX_REPEATED_BYTES) {
      const example = 'scheme, host and port, such as https://app.example.com';
      return wrong('origin', `${quote(text)} is not an origin that can be allowed`, example);
    }
    const [what = '', ...write] = parsed.problem.split('; write ');
    return wrong('origin', `${quote(text)}: ${what}`, write.join('; write '));
  },
});

/** `token` of RFC 9110 §5.6.2, which a subprotocol has to be. */
export const subprotocol: ValueParser<string> = {
  expected: 'a subprotocol such as mqtt',
  read(text) {
    return /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(text)
      ? { ok: true, value: text }
      : wrong('subprotocol', `${quote(text)} is not a subprotocol`, this.expected);
  },
};

/**
 * `nats://host[:port]` or `host[:port]`, or `tcp://host:port` for what is not read. No message ever quotes the text: when
 * it is not well formed, nothing tells which part of it is a password.
 */
export const upstreamUrl: ValueParser<UpstreamServer> = {
  expected: 'a URL such as nats://host:4222',
  read(text) {
    const [prefix, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? ['', 'nats'];
    if (text === '') return wrong('server_url', 'the URL is empty', this.expected);
    if (/[\s,;]/.test(text))
      return wrong('server_url', 'several servers are in one value', 'a list with one URL each');
    if (text.includes('@')) {
      return wrong(
        'server_url',
        'a user name or password does not belong in the URL: each client logs in with its own',
        'nats://host:port alone',
      );
    }
    if (/^\d+$/.test(text)) return wrong('server_url', 'a port alone names no server', 'host:port');
    const name = (scheme ?? '').toLowerCase();
    if (name !== 'nats' && name !== 'tcp') {
      const known = Object.hasOwn(OTHER_SCHEMES, name) ? OTHER_SCHEMES[name] : undefined;
      const what =
        known === undefined ? 'the scheme of the URL is not nats' : `${name}:// cannot be used: ${known}`;
      return wrong('server_url', what, name.startsWith('mqtt') ? 'tcp://host:port' : 'nats://host:port');
    }
    const authority = text.slice(prefix.length);
    if (/[/?#\\]/.test(authority))
      return wrong('server_url', 'the URL has a path', `only ${name}://host:port`);
    return server(authority, this.expected, name === 'tcp');
  },
};

/**
 * `http://{host}:8222/healthz`, with or without the placeholder. As above, no message quotes it.
 */
export const healthUrl: ValueParser<string> = {
  expected: 'a URL such as http://{host}:8222/healthz',
  read(text) {
    // As an address of a server is put in: IPv6 in brackets, which has to be the whole host.
    const filled = text.replaceAll('{host}', '[::1]');
    if (/[\s,;{}]/.test(filled))
      return wrong(
        'health_url',
        'the URL has a blank, comma or brace in it',
        `${this.expected}, or a list of them`,
      );
    if (text.includes('@'))
      return wrong('health_url', 'a user name or password does not belong in the URL', this.expected);
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text.replaceAll('{host}', 'placeholder')))
      return wrong('health_url', 'the URL is not one of http or https', this.expected);
    if (!URL.canParse(filled))
      return wrong(
        'health_url',
        '{host} is only a part of the host, and an address is put in its place',
        this.expected,
      );
    if (new URL(filled).pathname === '/')
      return wrong('health_url', 'the URL names no path', 'the path that tells health, such as /healthz');
    return { ok: true, value: text };
  },
};

function server(authority: string, expected: string, opaque: boolean): Reading<UpstreamServer> {
  if (isIPv6(authority))
    return wrong('server_url', 'the IPv6 address has no brackets', 'nats://[address]:port');
  const match = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::(.*))?$/.exec(authority);
  if (match === null) return wrong('server_url', 'host and port of the URL cannot be told apart', expected);
  const [, bracketed, name = '', portText] = match;
  const host =
    bracketed === undefined
      ? parseWrittenAuthority(name)?.host.text
      : isIPv6(bracketed)
        ? bracketed
        : undefined;
  if (host === undefined)
    return wrong('server_url', 'the host of the URL is neither a name nor an IP address', expected);
  if (opaque && portText === undefined)
    return wrong('server_url', 'the URL names no port, and tcp has no usual one', 'tcp://host:port');
  const port = portText === undefined ? NATS_PORT : parsePort(portText);
  if (port === undefined || port === 0)
    return wrong('server_url', 'the port of the URL is not one', 'a port from 1 to 65535');
  return {
    ok: true,
    value: { host, port, name: addressText({ host, port }), ...(opaque ? { opaque } : {}) },
  };
}

function withPort(host: string, text: string, expected: string): Reading<ListenAddress> {
  const port = parsePort(text);
  return port === undefined
    ? wrong('address', `${quote(text)} is not a port`, `a port from 0 to 65535 (${expected})`)
    : { ok: true, value: { host, port } };
}

function withoutForm(text: string, expected: string): Reading<ListenAddress> {
  if (text.includes('://')) return wrong('address', `${quote(text)} is a URL`, expected);
  if (isIPv6(text)) return wrong('address', `${quote(text)} has no brackets`, `"[${text}]:8080" in quotes`);
  if (isIPv4(text)) return wrong('address', `${quote(text)} has no port`, `${text}:8080`);
  return wrong('address', `${quote(text)} is not an address and a port`, expected);
}

function parsePort(text: string): number | undefined {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}
