/**
 * The one configuration object, as the parts of the gateway read it: checked, complete, units converted.
 * It is made by `load.ts` alone and never changed afterwards.
 *
 * Names carry their unit (`…Ms`, `…Bytes`); the file's keys do not (`timeouts.ping: 25s`). A key's
 * default and the reason for it stand in `config.example.yaml` and `docs/configuration.md`.
 */

/** A TCP address to listen on. `host` is an IP literal without brackets; port 0 lets the system choose. */
export type ListenAddress = { readonly host: string; readonly port: number };

/** What the files of a `tls` section held when they were read. */
export type TlsMaterial = {
  /** For OpenSSL, and so named. */
  readonly pem: {
    readonly cert?: string;
    readonly key?: string;
    readonly ca?: string;
    readonly allowPartialTrustChain?: boolean;
  };
  /** When the first certificate of each file expires, in seconds since the epoch; undefined without such a file. */
  readonly chainEndsAt: number | undefined;
  readonly authoritiesEndAt: number | undefined;
};

export type ServerTls = {
  readonly certFile: string;
  readonly keyFile: string;
  /** When given, a client must present a certificate signed by it. */
  readonly clientCaFile: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** A function, so that what writes a configuration out never meets the key. */
  readonly material: () => TlsMaterial;
};

export type ListenConfig = {
  readonly address: ListenAddress;
  readonly tls: ServerTls | undefined;
  /** Networks in CIDR form whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Networks in CIDR form whose connections must begin with a PROXY header; from all others none is read. */
  readonly proxyProtocol: readonly string[];
  /** Host names (lower case, no port) under which browsers reach the gateway; used by the origin `self`. */
  readonly hosts: readonly string[];
};

export type AdminConfig = {
  readonly address: ListenAddress;
  /** Further host names that requests may carry in Host; IP literals and localhost always pass. */
  readonly hosts: readonly string[];
  /** The token itself, read from `admin.tokenFile`. Never log it. */
  readonly token: string | undefined;
};

export type OriginsConfig = {
  /** As written: exact origins, one-label wildcards, `self`, `*`, application origins; not yet compiled. */
  readonly allow: readonly string[];
  readonly missing: 'deny' | 'allow';
  readonly opaque: 'deny' | 'allow';
};

/** TLS to nats-server. */
export type UpstreamTls = {
  /** `after-info`: the server speaks first, in clear, then TLS begins. `first`: nothing is ever in clear. */
  readonly mode: 'after-info' | 'first';
  /** Authorities that may sign the server's certificate; undefined: those that Node knows. */
  readonly caFile: string | undefined;
  /** Our own certificate, for servers that ask for one. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** The name in the server's certificate, where it is not the host of its URL. */
  readonly serverName: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly material: () => TlsMaterial;
};

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

/** The key of `upstream.proxySeedFile`; its seed lies in the closure of `sign` alone. */
export type ProxySigner = {
  readonly publicKey: string;
  /** What goes into CONNECT as `proxy_sig`. */
  readonly sign: (nonce: string) => string;
};

export type UpstreamConfig = {
  /** At least one; all opaque, or none. */
  readonly servers: readonly UpstreamServer[];
  readonly order: 'random' | 'first' | 'least-sessions';
  readonly connectTimeoutMs: number;
  readonly dialTimeoutMs: number;
  /** undefined: in clear. */
  readonly tls: UpstreamTls | undefined;
  /** Version of the PROXY header that every connection to a server begins with. */
  readonly proxyProtocol: 'off' | 'v1' | 'v2';
  /** `urls`: none, one for all servers, or one for each in their order; `{host}` stands for the address. */
  readonly health: { readonly urls: readonly string[]; readonly intervalMs: number };
  /** Whether /readyz follows the upstream, or the process alone. */
  readonly readiness: 'process' | 'upstream';
  /** undefined: CONNECT carries no signature of ours. */
  readonly proxySigner: ProxySigner | undefined;
};

export type LimitsConfig = {
  /** undefined: 10 000, or fewer when the file-descriptor limit asks for it. */
  readonly sessions: number | undefined;
  /** 0: no limit. */
  readonly sessionsPerAddress: number;
  readonly handshakesInFlight: number;
  /** Tokens a second; the bucket holds twice as many. */
  readonly handshakesPerSecond: number;
  /** 0: no limit. */
  readonly handshakesPerSecondPerAddress: number;
  readonly maxFrameBytes: number;
  /** Payload of one frame towards a client, at most; up to 65,535. */
  readonly maxSentFrameBytes: number;
  /** Argument of one control line of a client, where lines are read. */
  readonly maxControlLineBytes: number;
  /** 0: no limit; ended with `session_expired`, spread by ± 10 %. */
  readonly sessionAgeMs: number;
  /** Whether /readyz also says no while no session has room. */
  readonly readiness: 'process' | 'capacity';
};

export type TimeoutsConfig = {
  readonly handshakeMs: number;
  /** Spread by ± 10 % for each ping. */
  readonly pingMs: number;
  readonly silenceMs: number;
  readonly stallMs: number;
  readonly closeMs: number;
};

export type DrainConfig = {
  readonly delayMs: number;
  readonly timeoutMs: number;
  /** The most for both together, see drain.ts; 0: no limit. */
  readonly budgetMs: number;
};

/** Who reads and writes frames: our own code, or stock ws. */
export type EngineName = 'cut-through' | 'buffered';

/** permessage-deflate (RFC 7692), for the clients that offer it. */
export type CompressionConfig = {
  readonly enabled: boolean;
  /** Shorter messages towards clients go uncompressed. */
  readonly thresholdBytes: number;
  /** Compressed sessions at once; above it, sessions are served without. */
  readonly sessions: number;
  /** Messages in zlib at once, in the whole process. */
  readonly concurrency: number;
};

/** How much of the NATS protocol is read: nothing, beside the bytes, or before they may pass. */
export type InspectLevel = 'off' | 'observe' | 'enforce';

/** What of INFO may be kept from clients. */
export type HideableField = 'host' | 'port' | 'cluster' | 'server_name' | 'git_commit' | 'go' | 'ip';

export type InfoConfig = {
  /** The addresses to reconnect to that clients are told: the server's, none, or these (host:port). */
  readonly connectUrls: 'keep' | 'drop' | readonly string[];
  readonly hide: readonly HideableField[];
};

/** What a host or a path is served with. */
export type RouteConfig = {
  /** `default` for the keys at the top, else host and path as they were written: a label, and what a reload goes by. */
  readonly name: string;
  /** undefined: any. */
  readonly host: string | undefined;
  readonly path: string;
  /** The first of a client's list that is here is confirmed in the 101. */
  readonly subprotocols: readonly string[];
  readonly origins: OriginsConfig;
  /** The very object at the top, where the route has none of its own. */
  readonly upstream: UpstreamConfig;
  readonly compression: CompressionConfig;
  readonly inspect: InspectLevel;
  readonly info: InfoConfig;
  readonly limits: RouteLimits;
};

export type RouteLimits = Pick<
  LimitsConfig,
  'maxFrameBytes' | 'maxSentFrameBytes' | 'maxControlLineBytes' | 'sessionAgeMs'
> & {
  /** Sessions of this route; 0: as many as the gateway has. */
  readonly sessions: number;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
/** `auto`: text at a terminal, JSON otherwise. */
export type LogConfig = { readonly level: LogLevel; readonly format: 'auto' | 'json' | 'text' };

export type Config = {
  readonly listen: ListenConfig;
  readonly admin: AdminConfig;
  readonly origins: OriginsConfig;
  readonly upstream: UpstreamConfig;
  readonly engine: EngineName;
  readonly compression: CompressionConfig;
  /** The level in effect: what was written, or what the other keys need. */
  readonly inspect: InspectLevel;
  readonly info: InfoConfig;
  readonly limits: LimitsConfig;
  readonly timeouts: TimeoutsConfig;
  readonly drain: DrainConfig;
  readonly log: LogConfig;
  /** Beside the default route, which the keys above describe. */
  readonly routes: readonly RouteConfig[];
};
