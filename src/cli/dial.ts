import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import { BufferPool } from '../bytes/buffer-pool.ts';
import type { UpstreamConfig, UpstreamServer } from '../config/config.ts';
import type { Problem } from '../config/problems.ts';
import { routesOf } from '../config/routes.ts';
import { foreignText } from '../log.ts';
import type { ServerInfo } from '../nats/info.ts';
import { addressText } from '../net/host.ts';
import type { Prepared } from '../prepare.ts';
import { AnnouncedWarnings } from '../upstream/announced.ts';
import { connect } from '../upstream/connect.ts';
import { type ConnectOutcome, connectOutcome } from '../upstream/connect-outcome.ts';
import type { DialContext } from '../upstream/connection.ts';
import { dialContext } from '../upstream/dial-context.ts';
import { serverText } from './server-text.ts';

/** One address of one server, or a name without any. */
export type Dialled = {
  readonly server: string;
  /** undefined: the server is configured by its address, or the name has none. */
  readonly address?: string;
  readonly ok: boolean;
  /** How far it came: DNS, TCP, INFO, TLS. */
  readonly text: string;
};

export type Dials = { readonly dials: readonly Dialled[]; readonly warnings: readonly Problem[] };

const TCP_FAILURES: Readonly<Partial<Record<ConnectOutcome, string>>> = {
  refused: 'nothing listens there',
  unreachable: 'there is no route to this address',
};

/**
 * Connects to every address of every server as a session would, each within `upstream.dialTimeout`, and hangs up.
 * `warnings`: what INFO announces and the configuration does not go with. Never rejects.
 */
export async function dialAll({ config, tlsClients }: Prepared): Promise<Dials> {
  const buffers = new BufferPool({ slots: 1 });
  const warnings: Problem[] = [];
  const announced = new AnnouncedWarnings((_, text) => {
    warnings.push({ code: 'announced', where: '', key: 'upstream', text });
  });
  const routes = routesOf(config);
  const upstreams = [...new Set(routes.map(({ upstream }) => upstream))];
  const dials = upstreams.flatMap((upstream) => {
    const context = dialContext(upstream, upstream.tls && tlsClients.get(upstream.tls));
    const onInfo = (info: ServerInfo): void => {
      for (const route of routes) if (route.upstream === upstream) announced.check(info, route);
    };
    return upstream.servers.map((server) => dialServer(server, { upstream, context, buffers, onInfo }));
  });
  return { dials: (await Promise.all(dials)).flat(), warnings };
}

type Way = {
  readonly upstream: UpstreamConfig;
  readonly context: DialContext;
  readonly buffers: BufferPool;
  readonly onInfo: (info: ServerInfo) => void;
};

async function dialServer(server: UpstreamServer, way: Way): Promise<readonly Dialled[]> {
  if (isIP(server.host) !== 0) return [await dialAddress(server, server.host, way)];
  try {
    const found = await lookup(server.host, { all: true });
    return await Promise.all(found.map(({ address }) => dialAddress(server, address, way)));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const text = `DNS: the name ${server.host} ${code === 'ENOTFOUND' ? 'is not known here' : 'cannot be looked up now'} (${code})`;
    return [{ server: server.name, ok: false, text }];
  }
}

async function dialAddress(server: UpstreamServer, address: string, way: Way): Promise<Dialled> {
  const { upstream, context, buffers, onInfo } = way;
  const { connectTimeoutMs, dialTimeoutMs } = upstream;
  const signal = new AbortController().signal;
  const startedMs = performance.now();
  let connected = '';
  const dialled = {
    server: server.name,
    ...(address === server.host ? {} : { address: addressText({ host: address, port: server.port }) }),
  };
  const observer = {
    onConnect: (outcome: ConnectOutcome, seconds: number): void => {
      if (outcome === 'ok') connected = `TCP in ${rounded(1000 * seconds)}`;
    },
    onFirstByte: (): void => {},
  };
  try {
    const limits = { connectTimeoutMs, dialTimeoutMs, signal, observer };
    const { socket, info } = await connect({ ...server, address }, { ...context, ...limits, buffers });
    const secured = socket instanceof TLSSocket ? ` over ${socket.getProtocol()}` : '';
    socket.destroy();
    if (server.opaque === true) return { ...dialled, ok: true, text: `${connected}${secured}` };
    onInfo(info);
    const inAll = `INFO${secured} in ${rounded(performance.now() - startedMs)}`;
    return { ...dialled, ok: true, text: `${connected}, ${inAll}: ${foreignText(serverText(info))}` };
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? TCP_FAILURES[connectOutcome(cause)] : undefined;
    const what = message.replace(`${server.name}: `, '');
    const text =
      connected === ''
        ? `TCP: ${why === undefined ? what : `${why} (${what})`}`
        : `${connected}, then: ${what}`;
    return { ...dialled, ok: false, text: foreignText(text) };
  }
}

const rounded = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
