/** What went wrong with a probe, and what to do about it: one sentence for each cause that people meet. */

export type Target = {
  readonly url: URL;
  /** The name that the certificate must hold. */
  readonly serverName: string;
  /** Whether --ca was given. */
  readonly hasAuthorities: boolean;
};

/** Foreign text is cut to this length. */
const MAX_FOREIGN_CHARACTERS = 300;

/** Words that only the admin port answers with. */
const ADMIN_ANSWERS: readonly (string | undefined)[] = ['no_websocket', 'foreign_host', 'foreign_origin'];

type Answer = {
  readonly status: number;
  readonly statusText: string;
  readonly location: string | undefined;
  readonly body: string;
};

/** An answer other than 101. natsgate says in the body what to change. */
export function describeAnswer({ status, statusText, location, body }: Answer): string {
  const [line = ''] = body.trim().split('\n', 1);
  const [, token] = /^([a-z][a-z0-9_]*): \S/.exec(line) ?? [];
  if (ADMIN_ANSWERS.includes(token))
    return 'this is the admin port of natsgate; probe its public port, which is 8080 unless listen says otherwise';
  const http = `HTTP ${status} ${token === undefined ? statusText : cut(line)}`;
  if (token === 'origin_missing') return `${http} Here the option --origin sends one.`;
  if (token !== undefined) return http;
  if (location !== undefined) return `${http}: it redirects to ${cut(location)}, which probe does not follow`;
  if (status === 502 || status === 503 || status === 504)
    return `${http}: a proxy answers, which reaches no natsgate; is natsgate running, and does the proxy dial its port, with http:// where natsgate has no TLS?`;
  return `${http}: this is HTTP but not natsgate, or a proxy in between does not pass the upgrade on`;
}

/** An error of the connection, of TLS, or of the HTTP parser. */
export function describeError(
  error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer; readonly cert?: { subjectaltname?: string } },
  target: Target,
): string {
  const code = error.code ?? '';
  const bytes = error.rawPacket ?? Buffer.alloc(0);
  // What the HTTP parser got in place of an answer.
  if (bytes.toString('latin1', 0, 6) === 'INFO {')
    return 'this is the client port of nats-server, which speaks no WebSocket; probe the public port of natsgate, 8080 unless listen says otherwise';
  if (isTls(bytes)) return `the port speaks TLS; write ${other(target.url)}`;
  if (code.startsWith('HPE_')) return 'what answers does not speak HTTP; is it the port of natsgate?';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = cut(error.cert?.subjectaltname ?? 'other names');
    return `the certificate is not for ${target.serverName} but for ${names}; give --server-name with one of them`;
  }
  const sentence = SENTENCES.find(([pattern]) => pattern.test(code))?.[1];
  // An error of many addresses has no message of its own.
  if (sentence === undefined) return cut(error.message === '' ? code : error.message);
  return `${sentence(target)} (${code})`;
}

/** The first that fits. Codes of the system, of Node and of OpenSSL 3. */
const SENTENCES: readonly (readonly [RegExp, (target: Target) => string])[] = [
  [/^ECONNREFUSED$/, ({ url }) => `nothing listens at ${url.host}; is the gateway running?`],
  [/^ENOTFOUND$/, ({ url }) => `the name ${url.hostname} is not known here`],
  [/^EAI_/, ({ url }) => `the name ${url.hostname} cannot be looked up now`],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL)$/,
    ({ url }) => `${url.host} cannot be reached: no way there, or a firewall drops the packets`,
  ],
  [
    /^(ECONNRESET|EPIPE)$/,
    ({ url }) =>
      url.protocol === 'ws:'
        ? `the connection was closed without an answer; if the port speaks TLS, write ${other(url)}`
        : 'the connection was closed inside the TLS handshake; the log of the other side may say why',
  ],
  [
    /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE|RECORD_LAYER_FAILURE))$/,
    ({ url }) => `the port answers in clear, without TLS; write ${other(url)}`,
  ],
  [/^CERT_HAS_EXPIRED$/, () => 'the certificate, or one above it, has expired; renew it'],
  [/^CERT_NOT_YET_VALID$/, () => 'the certificate is not valid yet; check both clocks'],
  [
    /^(UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA)/,
    ({ hasAuthorities }) =>
      hasAuthorities
        ? 'the certificate is not signed by an authority in the file of --ca'
        : 'the certificate is signed by an authority that is not known here; give its file with --ca',
  ],
  [
    /ALERT_(CERTIFICATE_REQUIRED|NO_CERTIFICATE|BAD_CERTIFICATE|HANDSHAKE_FAILURE)$/,
    () => 'the gateway wants a client certificate (listen.tls.clientCaFile), and probe has none',
  ],
  [/(UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION)$/, () => 'there is no TLS version that both sides speak'],
];

/** A record of TLS: alert or handshake, then the version. */
const isTls = (bytes: Buffer): boolean => (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3;

/** The same address under the other scheme. */
const other = (url: URL): string => `${url.protocol === 'ws:' ? 'wss' : 'ws'}://${url.host}`;

const cut = (text: string): string =>
  text.length > MAX_FOREIGN_CHARACTERS ? `${text.slice(0, MAX_FOREIGN_CHARACTERS)}…` : text;
