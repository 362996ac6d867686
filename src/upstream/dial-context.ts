import type { UpstreamConfig } from '../config/config.ts';
import { type Endpoint, encodeProxyHeader } from '../net/proxy-protocol.ts';
import type { DialContext } from './connection.ts';
import type { TlsClient } from './start-tls.ts';

/** Where a client's own connection comes from and where it went. */
export type DialClient = Endpoint & { readonly destination: (() => Endpoint) | undefined };

/** What a dial of this upstream says first, and in which way. Without a client it is on the gateway's own behalf. */
export function dialContext(
  { proxyProtocol, proxySigner }: UpstreamConfig,
  tls: TlsClient | undefined,
  client?: DialClient,
): DialContext {
  const proxy =
    proxyProtocol === 'off'
      ? undefined
      : {
          header: encodeProxyHeader(proxyProtocol, client, client?.destination?.()),
          address: client?.address,
        };
  return { tls, proxy, signs: proxySigner !== undefined };
}
