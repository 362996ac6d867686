// Written by scripts/write-schema.ts.

/** The keys of the configuration file; docs/configuration.md explains them. */
export type Configuration = {
  /** The public side. */
  readonly listen?: string | number | {
    /** Where WebSocket clients connect. Default: `"0.0.0.0:8080"`. */
    readonly address?: string | number;
    /** TLS on the public address; without it, plain WebSocket. */
    readonly tls?: {
      /** Certificate chain in PEM form, the certificate of the server first. */
      readonly certFile: string;
      /** Private key of the certificate in PEM form, without passphrase. */
      readonly keyFile: string;
      /** When given, clients must present a certificate signed by one of these. */
      readonly clientCaFile?: string;
      /** Oldest TLS version that is spoken. Default: `"TLSv1.2"`. */
      readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
    } | null;
    /** Networks whose X-Forwarded-* headers are believed. Default: `[]`. */
    readonly trustedProxies?: string | readonly string[] | null;
    /** Networks whose connections must begin with a PROXY header. Default: `[]`. */
    readonly proxyProtocol?: string | readonly string[] | null;
    /** Names under which browsers reach the gateway, for the origin self. Default: `[]`. */
    readonly hosts?: string | readonly string[] | null;
    /** Path that says whether the gateway is ready, for load balancers. */
    readonly health?: string;
  } | null;
  /** The private side. */
  readonly admin?: string | number | {
    /** Where metrics, health and the API are served. Default: `"127.0.0.1:8081"`. */
    readonly address?: string | number;
    /** File with the token for what changes state or shows traffic, outside loopback. */
    readonly tokenFile?: string;
    /** Further host names that admin requests may carry in Host. Default: `[]`. */
    readonly hosts?: string | readonly string[] | null;
    /** TLS on the admin address; without it, plain HTTP. */
    readonly tls?: {
      /** Certificate chain in PEM form, the certificate of the server first. */
      readonly certFile: string;
      /** Private key of the certificate in PEM form, without passphrase. */
      readonly keyFile: string;
    } | null;
    /** Whether captures may have payloads, where one is asked for with them. Default: `"off"`. */
    readonly payloads?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    /** How subjects are shown where one looks into sessions: hashed keeps two tokens. Default: `"full"`. */
    readonly subjects?: 'full' | 'hashed';
    /** Whether browsers that open the port get the status page. Default: `"on"`. */
    readonly page?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
  } | null;
  /** Who may connect. */
  readonly origins: string | readonly string[] | {
    /** Pages that may connect: origins, one-label wildcards, self, localhost, or * in quotes. */
    readonly allow: string | readonly string[] | null;
    /** Requests without Origin: programs send none, browsers always do. Default: `"deny"`. */
    readonly missing?: 'deny' | 'allow';
    /** Requests with Origin null: sandboxed frames, file and data pages. Default: `"deny"`. */
    readonly opaque?: 'deny' | 'allow';
  } | null;
  /** Where the bytes go. */
  readonly upstream: string | readonly string[] | {
    /** nats-servers, each for any session: nats://host[:port]. */
    readonly servers: string | readonly string[] | null;
    /** Which server gets a new session. Default: `"random"`. */
    readonly order?: 'random' | 'first' | 'least-sessions';
    /** Longest wait for one connection. Default: `"1s"`. */
    readonly connectTimeout?: string;
    /** Longest wait for all attempts together, up to INFO. Default: `"1.8s"`. */
    readonly dialTimeout?: string;
    /** TLS to nats-server. */
    readonly tls?: {
      /** TLS to nats-server: never, after its INFO, or before it. Default: `"off"`. */
      readonly mode?: 'off' | 'after-info' | 'first' | false | 'false' | 'no';
      /** Authorities that may have signed the certificate of the server. */
      readonly caFile?: string;
      /** Certificate chain of the gateway, for servers that ask for one. */
      readonly certFile?: string;
      /** Private key of that certificate in PEM form, without passphrase. */
      readonly keyFile?: string;
      /** Name in the certificate, where it is not the host of the URL. */
      readonly serverName?: string;
      /** Oldest TLS version that is spoken. Default: `"TLSv1.2"`. */
      readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
    } | null;
    /** Send the client address to nats-server in a PROXY header. Default: `"off"`. */
    readonly proxyProtocol?: 'off' | 'v1' | 'v2' | false | 'false' | 'no';
    /** Checks of the monitoring port. */
    readonly health?: {
      /** Where to ask for the health of servers: one for all, or one for each. Default: `[]`. */
      readonly url?: string | readonly string[] | null;
      /** How often each server is asked, with a jitter of 10 %. Default: `"5s"`. */
      readonly interval?: string;
    } | null;
    /** What /readyz follows. Default: `"process"`. */
    readonly readiness?: 'process' | 'upstream';
    /** File with the nkey seed that signs every CONNECT (proxy_sig). */
    readonly proxySeedFile?: string;
  } | null;
  /** What CONNECT says to nats-server in the name of clients. */
  readonly connect?: {
    /** Who logs in: each client by itself, or the gateway for it. Default: `"none"`. */
    readonly kind?: 'none' | 'user' | 'token' | 'jwt' | 'creds' | 'nkey' | 'webhook' | 'mint' | 'sentinel';
    /** Name of the user, for kind user. */
    readonly user?: string;
    /** File with the password of that user. */
    readonly passwordFile?: string;
    /** Cookie with the name of the user, for kind user. */
    readonly userCookie?: string;
    /** Cookie with the password of the user, for kind user. */
    readonly passwordCookie?: string;
    /** File with the token of the server, for kind token. */
    readonly tokenFile?: string;
    /** Cookie with the token, for kind token or sentinel. */
    readonly tokenCookie?: string;
    /** File with the bearer JWT of a user, for kind sentinel. */
    readonly sentinelFile?: string;
    /** Cookie with a user JWT, for kind jwt. */
    readonly jwtCookie?: string;
    /** Credentials file with user JWT and seed, for kind creds. */
    readonly credsFile?: string;
    /** File with the nkey seed of a user, or of a signing key for kind mint. */
    readonly seedFile?: string;
    /** Public key of the account whose users are made, for kind mint. */
    readonly account?: string;
    /** Tags of these users by name. */
    readonly tags?: { readonly [name: string]: string } | null;
    /** What becomes of credentials that a client writes; auto: keep for kind none, else drop. Default: `"auto"`. */
    readonly clientCredentials?: 'auto' | 'keep' | 'drop' | 'refuse';
    /** Template of the name that nats-server shows of a connection. */
    readonly name?: string;
    /** Headers that each message of a client leaves with. */
    readonly stamp?: { readonly [name: string]: string } | null;
    /** Lets a cookie be beside origins.missing: allow. Default: `"off"`. */
    readonly cookieWithoutOrigin?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    /** Lets a cookie be beside origins with a wildcard. Default: `"off"`. */
    readonly cookieFromWildcards?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
  } | null;
  /** Who may connect; without it, nobody is asked. */
  readonly auth?: false | 'off' | 'no' | 'false' | {
    /** Whether a client without a token is refused. Default: `"on"`. */
    readonly required?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    /** Where tokens are looked for; the first that is there decides. */
    readonly from: readonly ({
      /** Name of the cookie with the token. */
      readonly cookie?: string;
      /** authorization: the token after Bearer, for programs. */
      readonly header?: string;
      /** natsgate.bearer: an offered subprotocol natsgate.bearer.TOKEN, the token in base64url; never confirmed. */
      readonly subprotocol?: string;
      /** Name of the parameter in the URL with the token. */
      readonly query?: string;
    })[];
    /** Whose tokens count. */
    readonly jwt?: readonly ({
      /** The claim iss, compared as it is. */
      readonly issuer: string;
      /** One of these is in the claim aud; any: not asked. */
      readonly audience: string | readonly string[] | null;
      /** Algorithms of signatures that count. Default: `[]`. */
      readonly algorithms?: string | readonly string[] | null;
      /** What signatures are verified with. */
      readonly keys: {
        /** Where the issuer publishes its keys (JWKS). */
        readonly url?: string;
        /** File with a key set (JWKS). */
        readonly file?: string;
        /** File with a shared secret of at least 32 bytes. */
        readonly secretFile?: string;
        /** How often keys are fetched, with a jitter of 10 %. Default: `"10m"`. */
        readonly refresh?: string;
        /** Keys are used so much longer while they cannot be fetched. Default: `"1h"`. */
        readonly staleFor?: string | number;
        /** Least time between two fetches, whatever asks for them. Default: `"30s"`. */
        readonly cooldown?: string;
        /** Longest wait for the answer. Default: `"2s"`. */
        readonly timeout?: string;
      } | null;
      /** What else a token must say. */
      readonly require?: {
        /** The header typ. */
        readonly typ?: string;
        /** Claims by path, with the value that each must have. */
        readonly claims?: { readonly [name: string]: string } | null;
      } | null;
      /** By how much clocks may differ. Default: `"30s"`. */
      readonly clockTolerance?: string | number;
      /** A token issued longer ago (iat) is too old. Default: `"off"`. */
      readonly maxAge?: string | number | boolean;
    })[];
    /** A service of yours that says who a client is. */
    readonly webhook?: {
      /** Where it is asked. */
      readonly url: string;
      /** Longest wait for the answer, a place to ask included. Default: `"1s"`. */
      readonly timeout?: string;
      /** Headers of the request that it gets. Default: `[]`. */
      readonly headers?: string | readonly string[] | null;
      /** File with a secret of at least 32 bytes, which signs each question. */
      readonly secretFile?: string;
      /** How long the answer to the same question is remembered. Default: `"10s"`. */
      readonly cache?: string | number | boolean;
      /** How many questions are under way at once. Default: `64`. */
      readonly inFlight?: number | string;
      /** How often it is asked again about open sessions. Default: `"off"`. */
      readonly recheck?: string | number | boolean;
    } | null;
    /** Which claims say who the client is. */
    readonly identity?: {
      /** The user. Default: `"sub"`. */
      readonly user?: string;
      /** The organisation of the user. */
      readonly tenant?: string;
      /** The groups of the user. */
      readonly groups?: string;
    } | null;
    /** What becomes of sessions whose token has expired. */
    readonly expiry?: {
      /** Whether they are ended. Default: `"on"`. */
      readonly end?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
      /** How long after its expiry. Default: `"30s"`. */
      readonly grace?: string | number;
    } | null;
    /** Whether a page may ask by fetch why it would be refused. Default: `"off"`. */
    readonly explain?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    /** Lets a cookie source be beside origins.missing: allow. Default: `"off"`. */
    readonly cookieWithoutOrigin?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    /** Lets a cookie source be beside origins with a wildcard. Default: `"off"`. */
    readonly cookieFromWildcards?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
  } | null;
  /** What clients may say; without it, all. */
  readonly policy?: false | 'off' | 'no' | 'false' | {
    /** observe: what enforce would refuse is counted, and passes. Default: `"enforce"`. */
    readonly mode?: 'observe' | 'enforce';
    /** Who may say what; the first that fits a client counts. */
    readonly roles: readonly ({
      /** Its name, also in metrics; default is for all who have no other. */
      readonly name: string;
      /** Who has the role: of each key that is written, one entry. */
      readonly match?: {
        /** The user. Default: `[]`. */
        readonly user?: string | readonly string[] | null;
        /** The organisation of the user. Default: `[]`. */
        readonly tenant?: string | readonly string[] | null;
        /** One of the groups of the user. Default: `[]`. */
        readonly groups?: string | readonly string[] | null;
      } | null;
      /** Subjects of PUB and HPUB. */
      readonly publish?: {
        /** What may be published to; without it and with deny, all but that. */
        readonly allow?: string | readonly string[] | null;
        /** What must not, whatever is allowed. Default: `[]`. */
        readonly deny?: string | readonly string[] | null;
      } | null;
      /** Subjects of SUB, each with a queue where that is needed. */
      readonly subscribe?: {
        /** What may be subscribed to; without it and with deny, all but that. */
        readonly allow?: string | readonly string[] | null;
        /** What must not, whatever is allowed. Default: `[]`. */
        readonly deny?: string | readonly string[] | null;
      } | null;
      /** Features of JetStream, with all that they publish to. */
      readonly use?: readonly ({
        /** Reads from a consumer that is there already, and acknowledges. */
        readonly consumer?: string;
        /** Publishes to these subjects of a stream, with acknowledgement. */
        readonly streamWrite?: string;
        /** Reads all of a stream with consumers of its own. */
        readonly streamRead?: string;
        /** Gets any key of a bucket. */
        readonly kvRead?: string;
        /** Puts and deletes keys of a bucket. */
        readonly kvWrite?: string;
        /** Watches and lists keys of a bucket. */
        readonly kvWatch?: string;
        /** Gets and lists all objects of a store. */
        readonly objectRead?: string;
        /** Puts and deletes any object of a store, and reads all. */
        readonly objectWrite?: string;
      })[];
      /** literal: no SUB with wildcards but of an inbox. Default: `"covered"`. */
      readonly wildcards?: 'covered' | 'literal';
      /** Where replies may be asked to: an inbox, or also what may be published to, or any. Default: `"inbox"`. */
      readonly replies?: 'inbox' | 'publish' | 'any';
      /** What is an inbox: everybody may subscribe to one. */
      readonly inbox?: string | {
        /** The tokens that it begins with; off: there is none. Default: `"_INBOX"`. */
        readonly prefix?: string;
        /** Least bytes of the token after them, which nobody must guess. Default: `16`. */
        readonly idBytes?: number | string;
      } | null;
      /** Which headers messages must not have. */
      readonly headers?: {
        /** Names, or beginnings of names with *. Default: `["Nats-*","traceparent"]`. */
        readonly deny?: string | readonly string[] | null;
        /** Exceptions. Default: `["Nats-Msg-Id","Nats-Expected-*"]`. */
        readonly allow?: string | readonly string[] | null;
      } | null;
      /** Most bytes of a message; auto and off: what nats-server allows. Default: `"auto"`. */
      readonly payload?: string | number | boolean;
      /** Most subscriptions of a session at once. Default: `"off"`. */
      readonly subscriptions?: number | string | boolean;
    })[];
    /** error: the client gets an -ERR and goes on; close: its session ends. Default: `"error"`. */
    readonly onDeny?: 'error' | 'close';
    /** So many refusals in so much time end a session. Default: `"100/1m"`. */
    readonly denialsBeforeClose?: string;
  } | null;
  /** Who reads and writes frames: our own code, or stock ws. Default: `"cut-through"`. */
  readonly engine?: 'cut-through' | 'buffered';
  /** permessage-deflate, at the cost of memory and CPU. */
  readonly compression?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes' | {
    /** Whether clients that offer permessage-deflate get it. Default: `"off"`. */
    readonly enabled?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    /** Shorter messages towards clients go uncompressed. Default: `"1KiB"`. */
    readonly threshold?: string | number;
    /** Compressed sessions at once; the others are served without. Default: `500`. */
    readonly sessions?: number | string;
    /** Messages that are compressed or inflated at once. Default: `4`. */
    readonly concurrency?: number | string;
  } | null;
  /** How much of the NATS protocol is read; auto: what the other keys need. Default: `"auto"`. */
  readonly inspect?: 'auto' | 'off' | 'observe' | 'enforce' | false | 'false' | 'no';
  /** What of INFO reaches clients. */
  readonly info?: {
    /** Addresses to reconnect to that clients get: keep, drop, or a list of host:port. Default: `"keep"`. */
    readonly connectUrls?: string | readonly string[] | null;
    /** Fields of INFO that are kept from clients. Default: `[]`. */
    readonly hide?: string | readonly string[] | null;
  } | null;
  /** Caps; each process has its own. */
  readonly limits?: {
    /** Sessions at once; auto: 10000, or what descriptors and memory carry. Default: `"auto"`. */
    readonly sessions?: number | string;
    /** Memory of this process; auto: the limit of its container. Default: `"auto"`. */
    readonly memory?: string | number | boolean;
    /** Sessions at once from one address (IPv6: one /64). Default: `"off"`. */
    readonly sessionsPerAddress?: number | string | boolean;
    /** Handshakes that are not answered yet. Default: `512`. */
    readonly handshakesInFlight?: number | string;
    /** Handshakes a second; bursts of twice as many pass. Default: `300`. */
    readonly handshakesPerSecond?: number | string;
    /** The same for one address (IPv6: one /64). Default: `"off"`. */
    readonly handshakesPerSecondPerAddress?: number | string | boolean;
    /** Sessions at once of one identity (user and tenant); needs auth. Default: `"off"`. */
    readonly sessionsPerIdentity?: number | string | boolean;
    /** Handshakes a second of one identity; needs auth. Default: `"off"`. */
    readonly handshakesPerSecondPerIdentity?: number | string | boolean;
    /** Header fields of one request together. Default: `"8KiB"`. */
    readonly headBytes?: string | number;
    /** Lines of header fields of one request. Default: `64`. */
    readonly headLines?: number | string;
    /** Largest WebSocket frame of a client. Default: `"8MiB"`. */
    readonly frameBytes?: string | number;
    /** Largest WebSocket frame towards a client. Default: `"65535B"`. */
    readonly sentFrameBytes?: string | number;
    /** Longest argument of a control line of a client, where lines are read. Default: `"4KiB"`. */
    readonly controlLineBytes?: string | number;
    /** Longest life of a session, with a jitter of 10 %. Default: `"off"`. */
    readonly sessionAge?: string | number | boolean;
    /** What /readyz follows; capacity: 503 while no session has room. Default: `"process"`. */
    readonly readiness?: 'process' | 'capacity';
  } | null;
  /** How fast clients may be; each process counts for itself. */
  readonly rates?: {
    /** What one session may send. */
    readonly session?: {
      /** Messages a second that clients publish. Default: `"off"`. */
      readonly messages?: string | number | boolean;
      /** Bytes a second. Default: `"off"`. */
      readonly bytes?: string | number | boolean;
      /** Subscriptions a second; those above are refused. Default: `"off"`. */
      readonly subscribes?: string | number | boolean;
      /** Of how much time these may come at once. Default: `"5s"`. */
      readonly burst?: string | number;
    } | null;
    /** What all sessions of one identity may send together; needs auth. */
    readonly identity?: {
      /** Messages a second that clients publish. Default: `"off"`. */
      readonly messages?: string | number | boolean;
      /** Bytes a second. Default: `"off"`. */
      readonly bytes?: string | number | boolean;
      /** Subscriptions a second; those above are refused. Default: `"off"`. */
      readonly subscribes?: string | number | boolean;
      /** Of how much time these may come at once. Default: `"5s"`. */
      readonly burst?: string | number;
    } | null;
    /** What all sessions from one origin may send together. */
    readonly origin?: {
      /** Messages a second that clients publish. Default: `"off"`. */
      readonly messages?: string | number | boolean;
      /** Bytes a second. Default: `"off"`. */
      readonly bytes?: string | number | boolean;
      /** Subscriptions a second; those above are refused. Default: `"off"`. */
      readonly subscribes?: string | number | boolean;
      /** Of how much time these may come at once. Default: `"5s"`. */
      readonly burst?: string | number;
    } | null;
    /** What one session may receive. */
    readonly toClient?: {
      /** Bytes a second. Default: `"off"`. */
      readonly bytes?: string | number | boolean;
      /** Of how much time these may come at once. Default: `"5s"`. */
      readonly burst?: string | number;
    } | null;
    /** What follows: the client is read from later, its operation is refused, or its session ends. Default: `"delay"`. */
    readonly exceeded?: 'delay' | 'error' | 'close';
    /** Longest delay without a break; then the session ends. Default: `"5s"`. */
    readonly maxDelay?: string;
  } | null;
  /** Deadlines. */
  readonly timeouts?: {
    /** From the accepted connection to its answer, TLS included. Default: `"5s"`. */
    readonly handshake?: string;
    /** Interval of WebSocket pings, with a jitter of 10 %. Default: `"25s"`. */
    readonly ping?: string;
    /** A client that sent no byte for this time is gone. Default: `"5m"`. */
    readonly silence?: string;
    /** A side that makes no progress for this time, while bytes wait for it, is ended. Default: `"30s"`. */
    readonly stall?: string;
    /** Wait for the answer to a close frame. Default: `"2s"`. */
    readonly close?: string;
  } | null;
  /** Shutting down. */
  readonly drain?: {
    /** New sessions are still accepted for this time after the signal. Default: `"5s"`. */
    readonly delay?: string | number;
    /** The open sessions are then closed over this time. Default: `"30s"`. */
    readonly timeout?: string | number;
    /** Longest that delay and timeout together may take. Default: `"off"`. */
    readonly budget?: string | number | boolean;
  } | null;
  /** What operators may record of sessions. */
  readonly captures?: {
    /** Where captures are kept when they have ended; without it, in memory. */
    readonly directory?: string;
    /** Captures that wait or run at once. Default: `8`. */
    readonly concurrent?: number | string;
    /** Of one capture; then its newest operations overwrite the oldest. Default: `"4MiB"`. */
    readonly bytes?: string | number;
    /** Newest operations of every inspected session that are held in memory. Default: `"off"`. */
    readonly ring?: string | number | boolean;
    /** Which ends of sessions make a capture of the ring. */
    readonly keep?: readonly ({
      /** Its close reason. */
      readonly reason?: string;
      /** Text of the server's last -ERR; * is any text. */
      readonly error?: string;
      /** Who the client was. */
      readonly user?: string;
      /** Its Origin. */
      readonly origin?: string;
      /** Its address, or the network of it. */
      readonly address?: string;
    })[];
    /** Longest time from its start to its end. Default: `"10m"`. */
    readonly time?: string;
    /** Of all captures together; of those that have ended the oldest go. Default: `"64MiB"`. */
    readonly totalBytes?: string | number;
  } | null;
  /** The log on standard output. */
  readonly log?: {
    /** Least important line that is written. Default: `"info"`. */
    readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
    /** A JSON object in each line, or text for people; auto: text at a terminal. Default: `"auto"`. */
    readonly format?: 'auto' | 'json' | 'text';
  } | null;
  /** Hosts and paths with their own origins, server or limits. Default: `[]`. */
  readonly routes?: readonly ({
    /** Name in Host that requests for this route carry; without it, any. */
    readonly host?: string;
    /** Path that requests for this route have, compared as it is. Default: `"/"`. */
    readonly path?: string;
    /** Subprotocols that are spoken here; the first that a client offers is confirmed. Default: `[]`. */
    readonly subprotocols?: string | readonly string[] | null;
    /** Who may connect. */
    readonly origins?: string | readonly string[] | {
      /** Pages that may connect: origins, one-label wildcards, self, localhost, or * in quotes. */
      readonly allow?: string | readonly string[] | null;
      /** Requests without Origin: programs send none, browsers always do. */
      readonly missing?: 'deny' | 'allow';
      /** Requests with Origin null: sandboxed frames, file and data pages. */
      readonly opaque?: 'deny' | 'allow';
    } | null;
    /** Where the bytes go. */
    readonly upstream?: string | readonly string[] | {
      /** nats-servers, each for any session: nats://host[:port]. */
      readonly servers?: string | readonly string[] | null;
      /** Which server gets a new session. */
      readonly order?: 'random' | 'first' | 'least-sessions';
      /** Longest wait for one connection. */
      readonly connectTimeout?: string;
      /** Longest wait for all attempts together, up to INFO. */
      readonly dialTimeout?: string;
      /** TLS to nats-server. */
      readonly tls?: {
        /** TLS to nats-server: never, after its INFO, or before it. */
        readonly mode?: 'off' | 'after-info' | 'first' | false | 'false' | 'no';
        /** Authorities that may have signed the certificate of the server. */
        readonly caFile?: string;
        /** Certificate chain of the gateway, for servers that ask for one. */
        readonly certFile?: string;
        /** Private key of that certificate in PEM form, without passphrase. */
        readonly keyFile?: string;
        /** Name in the certificate, where it is not the host of the URL. */
        readonly serverName?: string;
        /** Oldest TLS version that is spoken. */
        readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
      } | null;
      /** Send the client address to nats-server in a PROXY header. */
      readonly proxyProtocol?: 'off' | 'v1' | 'v2' | false | 'false' | 'no';
      /** Checks of the monitoring port. */
      readonly health?: {
        /** Where to ask for the health of servers: one for all, or one for each. */
        readonly url?: string | readonly string[] | null;
        /** How often each server is asked, with a jitter of 10 %. */
        readonly interval?: string;
      } | null;
      /** What /readyz follows. */
      readonly readiness?: 'process' | 'upstream';
      /** File with the nkey seed that signs every CONNECT (proxy_sig). */
      readonly proxySeedFile?: string;
    } | null;
    /** What CONNECT says to nats-server in the name of clients. */
    readonly connect?: {
      /** Who logs in: each client by itself, or the gateway for it. */
      readonly kind?: 'none' | 'user' | 'token' | 'jwt' | 'creds' | 'nkey' | 'webhook' | 'mint' | 'sentinel';
      /** Name of the user, for kind user. */
      readonly user?: string;
      /** File with the password of that user. */
      readonly passwordFile?: string;
      /** Cookie with the name of the user, for kind user. */
      readonly userCookie?: string;
      /** Cookie with the password of the user, for kind user. */
      readonly passwordCookie?: string;
      /** File with the token of the server, for kind token. */
      readonly tokenFile?: string;
      /** Cookie with the token, for kind token or sentinel. */
      readonly tokenCookie?: string;
      /** File with the bearer JWT of a user, for kind sentinel. */
      readonly sentinelFile?: string;
      /** Cookie with a user JWT, for kind jwt. */
      readonly jwtCookie?: string;
      /** Credentials file with user JWT and seed, for kind creds. */
      readonly credsFile?: string;
      /** File with the nkey seed of a user, or of a signing key for kind mint. */
      readonly seedFile?: string;
      /** Public key of the account whose users are made, for kind mint. */
      readonly account?: string;
      /** Tags of these users by name. */
      readonly tags?: { readonly [name: string]: string } | null;
      /** What becomes of credentials that a client writes; auto: keep for kind none, else drop. */
      readonly clientCredentials?: 'auto' | 'keep' | 'drop' | 'refuse';
      /** Template of the name that nats-server shows of a connection. */
      readonly name?: string;
      /** Headers that each message of a client leaves with. */
      readonly stamp?: { readonly [name: string]: string } | null;
      /** Lets a cookie be beside origins.missing: allow. */
      readonly cookieWithoutOrigin?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
      /** Lets a cookie be beside origins with a wildcard. */
      readonly cookieFromWildcards?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    } | null;
    /** Who may connect; without it, nobody is asked. */
    readonly auth?: false | 'off' | 'no' | 'false' | {
      /** Whether a client without a token is refused. */
      readonly required?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
      /** Where tokens are looked for; the first that is there decides. */
      readonly from?: readonly ({
        /** Name of the cookie with the token. */
        readonly cookie?: string;
        /** authorization: the token after Bearer, for programs. */
        readonly header?: string;
        /** natsgate.bearer: an offered subprotocol natsgate.bearer.TOKEN, the token in base64url; never confirmed. */
        readonly subprotocol?: string;
        /** Name of the parameter in the URL with the token. */
        readonly query?: string;
      })[];
      /** Whose tokens count. */
      readonly jwt?: readonly ({
        /** The claim iss, compared as it is. */
        readonly issuer?: string;
        /** One of these is in the claim aud; any: not asked. */
        readonly audience?: string | readonly string[] | null;
        /** Algorithms of signatures that count. */
        readonly algorithms?: string | readonly string[] | null;
        /** What signatures are verified with. */
        readonly keys?: {
          /** Where the issuer publishes its keys (JWKS). */
          readonly url?: string;
          /** File with a key set (JWKS). */
          readonly file?: string;
          /** File with a shared secret of at least 32 bytes. */
          readonly secretFile?: string;
          /** How often keys are fetched, with a jitter of 10 %. */
          readonly refresh?: string;
          /** Keys are used so much longer while they cannot be fetched. */
          readonly staleFor?: string | number;
          /** Least time between two fetches, whatever asks for them. */
          readonly cooldown?: string;
          /** Longest wait for the answer. */
          readonly timeout?: string;
        } | null;
        /** What else a token must say. */
        readonly require?: {
          /** The header typ. */
          readonly typ?: string;
          /** Claims by path, with the value that each must have. */
          readonly claims?: { readonly [name: string]: string } | null;
        } | null;
        /** By how much clocks may differ. */
        readonly clockTolerance?: string | number;
        /** A token issued longer ago (iat) is too old. */
        readonly maxAge?: string | number | boolean;
      })[];
      /** A service of yours that says who a client is. */
      readonly webhook?: {
        /** Where it is asked. */
        readonly url?: string;
        /** Longest wait for the answer, a place to ask included. */
        readonly timeout?: string;
        /** Headers of the request that it gets. */
        readonly headers?: string | readonly string[] | null;
        /** File with a secret of at least 32 bytes, which signs each question. */
        readonly secretFile?: string;
        /** How long the answer to the same question is remembered. */
        readonly cache?: string | number | boolean;
        /** How many questions are under way at once. */
        readonly inFlight?: number | string;
        /** How often it is asked again about open sessions. */
        readonly recheck?: string | number | boolean;
      } | null;
      /** Which claims say who the client is. */
      readonly identity?: {
        /** The user. */
        readonly user?: string;
        /** The organisation of the user. */
        readonly tenant?: string;
        /** The groups of the user. */
        readonly groups?: string;
      } | null;
      /** What becomes of sessions whose token has expired. */
      readonly expiry?: {
        /** Whether they are ended. */
        readonly end?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
        /** How long after its expiry. */
        readonly grace?: string | number;
      } | null;
      /** Whether a page may ask by fetch why it would be refused. */
      readonly explain?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
      /** Lets a cookie source be beside origins.missing: allow. */
      readonly cookieWithoutOrigin?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
      /** Lets a cookie source be beside origins with a wildcard. */
      readonly cookieFromWildcards?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
    } | null;
    /** What clients may say; without it, all. */
    readonly policy?: false | 'off' | 'no' | 'false' | {
      /** observe: what enforce would refuse is counted, and passes. */
      readonly mode?: 'observe' | 'enforce';
      /** Who may say what; the first that fits a client counts. */
      readonly roles?: readonly ({
        /** Its name, also in metrics; default is for all who have no other. */
        readonly name?: string;
        /** Who has the role: of each key that is written, one entry. */
        readonly match?: {
          /** The user. */
          readonly user?: string | readonly string[] | null;
          /** The organisation of the user. */
          readonly tenant?: string | readonly string[] | null;
          /** One of the groups of the user. */
          readonly groups?: string | readonly string[] | null;
        } | null;
        /** Subjects of PUB and HPUB. */
        readonly publish?: {
          /** What may be published to; without it and with deny, all but that. */
          readonly allow?: string | readonly string[] | null;
          /** What must not, whatever is allowed. */
          readonly deny?: string | readonly string[] | null;
        } | null;
        /** Subjects of SUB, each with a queue where that is needed. */
        readonly subscribe?: {
          /** What may be subscribed to; without it and with deny, all but that. */
          readonly allow?: string | readonly string[] | null;
          /** What must not, whatever is allowed. */
          readonly deny?: string | readonly string[] | null;
        } | null;
        /** Features of JetStream, with all that they publish to. */
        readonly use?: readonly ({
          /** Reads from a consumer that is there already, and acknowledges. */
          readonly consumer?: string;
          /** Publishes to these subjects of a stream, with acknowledgement. */
          readonly streamWrite?: string;
          /** Reads all of a stream with consumers of its own. */
          readonly streamRead?: string;
          /** Gets any key of a bucket. */
          readonly kvRead?: string;
          /** Puts and deletes keys of a bucket. */
          readonly kvWrite?: string;
          /** Watches and lists keys of a bucket. */
          readonly kvWatch?: string;
          /** Gets and lists all objects of a store. */
          readonly objectRead?: string;
          /** Puts and deletes any object of a store, and reads all. */
          readonly objectWrite?: string;
        })[];
        /** literal: no SUB with wildcards but of an inbox. */
        readonly wildcards?: 'covered' | 'literal';
        /** Where replies may be asked to: an inbox, or also what may be published to, or any. */
        readonly replies?: 'inbox' | 'publish' | 'any';
        /** What is an inbox: everybody may subscribe to one. */
        readonly inbox?: string | {
          /** The tokens that it begins with; off: there is none. */
          readonly prefix?: string;
          /** Least bytes of the token after them, which nobody must guess. */
          readonly idBytes?: number | string;
        } | null;
        /** Which headers messages must not have. */
        readonly headers?: {
          /** Names, or beginnings of names with *. */
          readonly deny?: string | readonly string[] | null;
          /** Exceptions. */
          readonly allow?: string | readonly string[] | null;
        } | null;
        /** Most bytes of a message; auto and off: what nats-server allows. */
        readonly payload?: string | number | boolean;
        /** Most subscriptions of a session at once. */
        readonly subscriptions?: number | string | boolean;
      })[];
      /** error: the client gets an -ERR and goes on; close: its session ends. */
      readonly onDeny?: 'error' | 'close';
      /** So many refusals in so much time end a session. */
      readonly denialsBeforeClose?: string;
    } | null;
    /** As at the top; sessions counts those of this route. */
    readonly compression?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes' | {
      /** Whether clients that offer permessage-deflate get it. */
      readonly enabled?: 'on' | 'off' | false | 'false' | 'no' | true | 'true' | 'yes';
      /** Shorter messages towards clients go uncompressed. */
      readonly threshold?: string | number;
      /** Compressed sessions at once; the others are served without. */
      readonly sessions?: number | string;
    } | null;
    /** How much of the NATS protocol is read; auto: what the other keys need. */
    readonly inspect?: 'auto' | 'off' | 'observe' | 'enforce' | false | 'false' | 'no';
    /** What of INFO reaches clients. */
    readonly info?: {
      /** Addresses to reconnect to that clients get: keep, drop, or a list of host:port. */
      readonly connectUrls?: string | readonly string[] | null;
      /** Fields of INFO that are kept from clients. */
      readonly hide?: string | readonly string[] | null;
    } | null;
    /** Caps of this route. */
    readonly limits?: {
      /** Sessions of this route at once, within limits.sessions at the top. */
      readonly sessions?: number | string | boolean;
      /** Largest WebSocket frame of a client. */
      readonly frameBytes?: string | number;
      /** Largest WebSocket frame towards a client. */
      readonly sentFrameBytes?: string | number;
      /** Longest argument of a control line of a client, where lines are read. */
      readonly controlLineBytes?: string | number;
      /** Longest life of a session, with a jitter of 10 %. */
      readonly sessionAge?: string | number | boolean;
    } | null;
    /** How fast clients may be; each process counts for itself. */
    readonly rates?: {
      /** What one session may send. */
      readonly session?: {
        /** Messages a second that clients publish. */
        readonly messages?: string | number | boolean;
        /** Bytes a second. */
        readonly bytes?: string | number | boolean;
        /** Subscriptions a second; those above are refused. */
        readonly subscribes?: string | number | boolean;
        /** Of how much time these may come at once. */
        readonly burst?: string | number;
      } | null;
      /** What all sessions of one identity may send together; needs auth. */
      readonly identity?: {
        /** Messages a second that clients publish. */
        readonly messages?: string | number | boolean;
        /** Bytes a second. */
        readonly bytes?: string | number | boolean;
        /** Subscriptions a second; those above are refused. */
        readonly subscribes?: string | number | boolean;
        /** Of how much time these may come at once. */
        readonly burst?: string | number;
      } | null;
      /** What all sessions from one origin may send together. */
      readonly origin?: {
        /** Messages a second that clients publish. */
        readonly messages?: string | number | boolean;
        /** Bytes a second. */
        readonly bytes?: string | number | boolean;
        /** Subscriptions a second; those above are refused. */
        readonly subscribes?: string | number | boolean;
        /** Of how much time these may come at once. */
        readonly burst?: string | number;
      } | null;
      /** What one session may receive. */
      readonly toClient?: {
        /** Bytes a second. */
        readonly bytes?: string | number | boolean;
        /** Of how much time these may come at once. */
        readonly burst?: string | number;
      } | null;
      /** What follows: the client is read from later, its operation is refused, or its session ends. */
      readonly exceeded?: 'delay' | 'error' | 'close';
      /** Longest delay without a break; then the session ends. */
      readonly maxDelay?: string;
    } | null;
  })[] | null;
};
