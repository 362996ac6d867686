import { type IpAddress, parseIpAddress } from '../../net/ip-address.ts';
import { parseNetwork } from '../../net/networks.ts';
import {
  address,
  list,
  optional,
  optionalSection,
  required,
  section,
  type ValuesOf,
  words,
} from '../keys.ts';
import { loadTls, type TlsMaterial } from '../tls-files.ts';
import { hostName, type ListenAddress, network, requestPath } from '../urls.ts';
import { fileName } from '../values.ts';
import type { Check, Files } from './check.ts';

const tls = optionalSection(
  'TLS on the public address; without it, plain WebSocket.',
  'the keys certFile and keyFile below it',
  {
    certFile: required('Certificate chain in PEM form, the certificate of the server first.', fileName),
    keyFile: required('Private key of the certificate in PEM form, without passphrase.', fileName),
    clientCaFile: optional(
      'When given, clients must present a certificate signed by one of these.',
      fileName,
    ),
    minVersion: words('Oldest TLS version that is spoken.', 'TLSv1.2', ['TLSv1.2', 'TLSv1.3']),
  },
);

export const listen = section(
  'The public side.',
  'an address such as 0.0.0.0:8080, or its keys below it',
  {
    address: address('Where WebSocket clients connect.', '0.0.0.0', '0.0.0.0:8080'),
    tls,
    trustedProxies: list('Networks whose X-Forwarded-* headers are believed.', network),
    proxyProtocol: list('Networks whose connections must begin with a PROXY header.', network),
    hosts: list('Names under which browsers reach the gateway, for the origin self.', hostName),
    health: optional('Path that says whether the gateway is ready, for load balancers.', requestPath),
  },
  'address',
);
type Values = ValuesOf<typeof listen>;

export type { TlsMaterial } from '../tls-files.ts';
export type { ListenAddress } from '../urls.ts';

/** File names as they are opened. */
export type ServerTls = NonNullable<Values['tls']> & {
  /** A function, so that what writes a configuration out never meets the key. */
  readonly material: () => TlsMaterial;
};

export type ListenConfig = Omit<Values, 'tls'> & { readonly tls: ServerTls | undefined };

export const listenConfig = async (values: Values, files: Files): Promise<ListenConfig> => ({
  ...values,
  tls: values.tls && (await loadTls('listen', values.tls, files)),
});

export function checkListen(
  values: Values,
  admin: ListenAddress,
  routePaths: readonly string[],
  { problem, warning, written, shown }: Check,
): void {
  const { health } = values;
  if (health !== undefined && ['/', ...routePaths].includes(health)) {
    problem(
      'health_at_route',
      ['listen', 'health'],
      `WebSocket clients connect at ${shown(['listen', 'health'], health)}; write a path that no route has, such as /healthz`,
    );
  }
  if (sameSocket(values.address, admin)) {
    problem(
      'same_port',
      written(['admin', 'address'], ['listen', 'address']),
      `listen and admin are both on port ${admin.port}; write another port for one of them`,
    );
  }
  for (const key of ['trustedProxies', 'proxyProtocol'] as const) {
    for (const [index, network] of values[key].entries()) {
      // Not by the text: ::ffff:0.0.0.0/96 is every IPv4 address, too.
      if (parseNetwork(network)?.prefix !== 0) continue;
      warning(
        'trusts_everybody',
        ['listen', key, index],
        'this network is every address, so every client may claim any; write the networks of the proxies alone',
      );
    }
  }
}

/** As the kernel sees it: `::` is every address of both families, 0.0.0.0 every one of IPv4. */
function sameSocket(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const [first, second] = [parseIpAddress(one.host), parseIpAddress(other.host)];
  if (first === undefined || second === undefined) return one.host === other.host;
  const covers = (wide: IpAddress, narrow: IpAddress): boolean =>
    wide.text === narrow.text || wide.text === '::' || (wide.text === '0.0.0.0' && narrow.family === 'ipv4');
  return covers(first, second) || covers(second, first);
}
