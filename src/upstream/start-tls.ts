import { isIP, type Socket } from 'node:net';
import { createSecureContext, connect as overTls, type SecureContext, type TLSSocket } from 'node:tls';
import type { UpstreamServer, UpstreamTls } from '../config/config.ts';
import { keepReading } from './upstream-socket.ts';

/** How we speak TLS to the servers: made once, used for every connection. */
export type TlsClient = { readonly config: UpstreamTls; readonly context: SecureContext };

export const tlsClient = (config: UpstreamTls): TlsClient => ({
  config,
  context: createSecureContext({ ...config.material().pem, minVersion: config.minVersion }),
});

/**
 * In TLS 1.3 a client is done before the server has looked at its certificate; a refusal comes a moment later, and a
 * session ticket when all is well. A server that sends neither in this time has accepted.
 */
const VERDICT_MS = 250;

/**
 * Begins TLS as the client on a connected socket, which is the TLS socket's from then on. `onSecure` is called when
 * the server has proved who it is and, with `judgesUs`, has accepted our certificate. Whatever goes wrong is an
 * 'error' of the returned socket; `describeTlsFailure` puts it into words. The deadline is the caller's.
 */
export function startTls(
  raw: Socket,
  server: UpstreamServer,
  { config, context }: TlsClient,
  judgesUs: boolean,
  onSecure: () => void,
): TLSSocket {
  const name = expectedName(server, config);
  const socket = overTls({
    socket: raw,
    secureContext: context,
    host: name,
    // RFC 6066 §3: an address is no server name.
    servername: isIP(name) === 0 ? name : '',
    // Said aloud, or an environment variable could switch it off.
    rejectUnauthorized: true,
  });
  keepReading(socket);
  socket.on('error', ignore);
  socket.once('secureConnect', () => {
    if (!judgesUs || socket.getProtocol() !== 'TLSv1.3') return onSecure();
    const accepted = (): void => {
      clearTimeout(timer);
      socket.off('session', accepted).off('close', stop);
      onSecure();
    };
    const stop = (): void => clearTimeout(timer);
    const timer = setTimeout(accepted, VERDICT_MS);
    socket.once('session', accepted).once('close', stop);
  });
  return socket;
}

/** The name that the server's certificate must hold. */
function expectedName(server: UpstreamServer, config: UpstreamTls): string {
  return config.serverName ?? server.host;
}

function ignore(): void {}

/**
 * What is wrong and what to do about it, for the log. The server's own words are not repeated; OpenSSL's code is
 * behind the sentence.
 */
export function describeTlsFailure(
  error: NodeJS.ErrnoException,
  server: UpstreamServer,
  config: UpstreamTls,
): string {
  const code = error.code ?? 'unknown error';
  const sentence = FAILURES.find(([pattern]) => pattern.test(code))?.[1];
  const text = sentence === undefined ? 'the TLS handshake failed' : sentence(config, server);
  return `${text} (${code})`;
}

type Sentence = (config: UpstreamTls, server: UpstreamServer) => string;

/** By codes of Node and OpenSSL 3; the first that fits. */
const FAILURES: readonly [RegExp, Sentence][] = [
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (config, server) =>
      `its certificate is not for ${expectedName(server, config)}; set upstream.tls.serverName to a name that it holds`,
  ],
  [/^CERT_HAS_EXPIRED$/, () => 'its certificate, or one above it, has expired; renew it'],
  [/^CERT_NOT_YET_VALID$/, () => 'its certificate is not valid yet; check both clocks'],
  [
    /^(UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA)/,
    ({ caFile }) =>
      caFile === undefined
        ? 'its certificate is signed by nobody we know; name its authority in upstream.tls.caFile'
        : 'its certificate is not signed by an authority in upstream.tls.caFile',
  ],
  [
    /ALERT_(CERTIFICATE_REQUIRED|NO_CERTIFICATE|BAD_CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE)$/,
    ({ certFile }) =>
      certFile === undefined
        ? 'it refuses us, most likely for want of a client certificate; set upstream.tls.certFile and keyFile'
        : 'it does not accept our certificate; upstream.tls.certFile must be signed by an authority that the server trusts',
  ],
  [
    /(UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION)$/,
    ({ minVersion }) => `it speaks no TLS version that we do (upstream.tls.minVersion is ${minVersion})`,
  ],
  [
    /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE|RECORD_LAYER_FAILURE|HTTP_REQUEST|INVALID_\w+)$/,
    ({ mode }) =>
      mode === 'first'
        ? 'it answered our TLS handshake in clear; if it sends INFO before TLS, set upstream.tls.mode: after-info'
        : 'it went on in clear after its INFO',
  ],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, () => 'it closed the connection during the TLS handshake'],
];
