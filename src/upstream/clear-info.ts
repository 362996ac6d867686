import type { ServerInfo } from '../nats/info.ts';

type ClearInfoFailure =
  | 'upstream_tls_required'
  | 'upstream_tls_unavailable'
  | 'upstream_tls_failed'
  | 'upstream_proxy_ignored';

/**
 * Whether the connection can go on as configured after an INFO that came in clear: undefined, or the outcome and
 * its explanation. `bytesAfter`: how much had come after its LF. `claimed`: with a PROXY header the client's address in
 * it, and our own address on this connection.
 */
export function checkClearInfo(
  info: ServerInfo,
  bytesAfter: number,
  wantTls: boolean,
  claimed: { readonly address: string | undefined; readonly ours: string | undefined } | undefined,
): [ClearInfoFailure, string] | undefined {
  // A server that reads PROXY headers sends its first INFO before it knows the client, and so names none. One that
  // names us has taken the header for a line of a client, and is about to close.
  if (claimed?.address !== undefined && info.clientIp === claimed.ours && claimed.ours !== claimed.address)
    return [
      'upstream_proxy_ignored',
      'its INFO names us as the client; set proxy_protocol: true there, or upstream.proxyProtocol: off here',
    ];
  if (!wantTls) return info.tlsRequired ? ['upstream_tls_required', 'its INFO says tls_required'] : undefined;
  if (!info.tlsRequired && !info.tlsAvailable)
    return ['upstream_tls_unavailable', 'its INFO has neither tls_required nor tls_available'];
  // The server waits for our part of the handshake now; these bytes come from somebody in between.
  if (bytesAfter > 0)
    return ['upstream_tls_failed', 'bytes in clear came between its INFO and the TLS handshake'];
  return undefined;
}
