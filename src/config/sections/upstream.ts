import { readSeed } from '../../nats/nkey.ts';
import {
  list,
  optional,
  requiredList,
  requiredSection,
  section,
  time,
  type ValuesOf,
  words,
} from '../keys.ts';
import { loadTls, type TlsMaterial } from '../tls-files.ts';
import { healthUrl, hostName, SERVER_FORM, upstreamUrl } from '../urls.ts';
import { fileName } from '../values.ts';
import type { Check, Files } from './check.ts';

const MAX_SEED_BYTES = 4096;

const EXPECTED = 'a URL such as nats://host:4222, or a list of them';

const tls = section('TLS to nats-server.', 'its keys below it, such as mode: after-info', {
  mode: words('TLS to nats-server: never, after its INFO, or before it.', 'off', [
    'off',
    'after-info',
    'first',
  ]),
  caFile: optional('Authorities that may have signed the certificate of the server.', fileName),
  certFile: optional('Certificate chain of the gateway, for servers that ask for one.', fileName),
  keyFile: optional('Private key of that certificate in PEM form, without passphrase.', fileName),
  serverName: optional('Name in the certificate, where it is not the host of the URL.', hostName),
  minVersion: words('Oldest TLS version that is spoken.', 'TLSv1.2', ['TLSv1.2', 'TLSv1.3']),
});

export const upstream = requiredSection(
  'Where the bytes go.',
  EXPECTED,
  {
    servers: requiredList(
      'nats-servers, each for any session: nats://host[:port].',
      upstreamUrl,
      EXPECTED,
      SERVER_FORM,
    ),
    order: words('Which server gets a new session.', 'random', ['random', 'first', 'least-sessions']),
    connectTimeout: time('Longest wait for one connection.', '1s', '10ms', '1m'),
    dialTimeout: time('Longest wait for all attempts together, up to INFO.', '1.8s', '10ms', '1m'),
    tls,
    proxyProtocol: words('Send the client address to nats-server in a PROXY header.', 'off', [
      'off',
      'v1',
      'v2',
    ]),
    health: section(
      'Checks of the monitoring port.',
      'its keys below it, such as url: http://{host}:8222/healthz',
      {
        url: list('Where to ask for the health of servers: one for all, or one for each.', healthUrl),
        interval: time('How often each server is asked, with a jitter of 10 %.', '5s', '100ms', '5m'),
      },
    ),
    readiness: words('What /readyz follows.', 'process', ['process', 'upstream']),
    proxySeedFile: optional('File with the nkey seed that signs every CONNECT (proxy_sig).', fileName),
  },
  'servers',
);
export type UpstreamValues = ValuesOf<typeof upstream>;

export type { UpstreamServer } from '../urls.ts';

/** TLS to nats-server. File names are as they are opened. */
export type UpstreamTls = Omit<UpstreamValues['tls'], 'mode'> & {
  /** `after-info`: the server speaks first, in clear, then TLS begins. `first`: nothing is ever in clear. */
  readonly mode: 'after-info' | 'first';
  readonly material: () => TlsMaterial;
};

/** The key of `upstream.proxySeedFile`; its seed is in the closure of `sign` alone. */
export type ProxySigner = {
  readonly publicKey: string;
  /** What goes into CONNECT as `proxy_sig`. */
  readonly sign: (nonce: string) => string;
};

/** `servers`: at least one; all opaque, or none. */
export type UpstreamConfig = Pick<UpstreamValues, SameKey> & {
  readonly connectTimeoutMs: number;
  readonly dialTimeoutMs: number;
  /** undefined: in clear. */
  readonly tls: UpstreamTls | undefined;
  /** `urls`: none, one for all servers, or one for each in their order; `{host}` is replaced by the address. */
  readonly health: { readonly urls: readonly string[]; readonly intervalMs: number };
  /** undefined: CONNECT carries no signature of ours. */
  readonly proxySigner: ProxySigner | undefined;
};
type SameKey = 'servers' | 'order' | 'proxyProtocol' | 'readiness';

export async function upstreamConfig(values: UpstreamValues, files: Files): Promise<UpstreamConfig> {
  const { servers, order, proxyProtocol, readiness, health } = values;
  const { mode, serverName, ...named } = values.tls;
  // Read, and wrong where it is, also while it is off.
  const tls = await loadTls('upstream', named, files);
  return {
    servers,
    order,
    proxyProtocol,
    readiness,
    connectTimeoutMs: values.connectTimeout,
    dialTimeoutMs: values.dialTimeout,
    tls:
      mode === 'off' || tls === undefined
        ? undefined
        : { ...tls, mode, serverName: serverName?.replace(/^\[|\]$/g, '') },
    health: { urls: health.url, intervalMs: health.interval },
    proxySigner: await signerIn(values.proxySeedFile, files),
  };
}

async function signerIn(
  name: string | undefined,
  { read, problem }: Files,
): Promise<ProxySigner | undefined> {
  const path = ['upstream', 'proxySeedFile'];
  const bytes = await read(path, name, MAX_SEED_BYTES, true);
  if (bytes === undefined) return undefined;
  const reading = readSeed(bytes);
  bytes.fill(0);
  if (reading.ok) return reading.signer;
  problem('seed', path, reading.problem);
  return undefined;
}

export function checkUpstream(values: UpstreamValues, handshakeMs: number, check: Check): void {
  const { problem, warning, written } = check;
  if (values.dialTimeout < values.connectTimeout) {
    problem(
      'dial_below_connect',
      written(['upstream', 'dialTimeout'], ['upstream', 'connectTimeout']),
      'dialTimeout is shorter than connectTimeout, though it is the time for all connects together; write a longer dialTimeout or a shorter connectTimeout',
    );
  }
  if (handshakeMs <= values.dialTimeout) {
    problem(
      'handshake_not_above_dial',
      written(['timeouts', 'handshake'], ['upstream', 'dialTimeout']),
      'timeouts.handshake is not longer than upstream.dialTimeout, which is a part of it; write a longer handshake or a shorter dialTimeout',
    );
  }
  const names = values.servers.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    warning('repeated', ['upstream', 'servers', index], 'the entry is in the list twice; write it once');
  }
  checkHealth(values, check);
  checkTls(values.tls, check);
}

function checkHealth({ health: { url }, servers }: UpstreamValues, { problem }: Check): void {
  const path = ['upstream', 'health', 'url'];
  if (url.length > 1 && url.length !== servers.length) {
    problem(
      'health_url_count',
      path,
      `there are ${url.length} URLs for ${servers.length} servers; write one for all, with {host} in it, or one for each in the order of the servers`,
    );
  } else if (url.length === 1 && servers.length > 1 && url[0]?.includes('{host}') !== true) {
    problem(
      'health_url_without_host',
      path,
      'one URL would be asked for all servers; write {host} in place of the host, or one URL for each server',
    );
  } else if (url.some((one) => one.includes('{host}')) && servers.some(({ host }) => host.includes('%'))) {
    problem(
      'health_url_with_zone',
      path,
      'an address with a zone, such as fe80::1%eth0, cannot be put into a URL in place of {host}; write the URL without {host}, or the server without zone',
    );
  }
}

function checkTls(values: UpstreamValues['tls'], { problem, warning }: Check): void {
  for (const [one, other] of [
    ['certFile', 'keyFile'],
    ['keyFile', 'certFile'],
  ] as const) {
    if (values[one] === undefined || values[other] !== undefined) continue;
    problem('half_a_pair', ['upstream', 'tls', one], `${one} is alone; write ${other} beside it`);
  }
  for (const key of ['caFile', 'certFile', 'serverName'] as const) {
    if (values.mode !== 'off' || values[key] === undefined) continue;
    warning(
      'tls_is_off',
      ['upstream', 'tls', key],
      'without upstream.tls.mode nothing is encrypted and this is not used; write mode: after-info beside it',
    );
  }
}
