import { ADMIN_CONNECTIONS } from './admin/admin-server.ts';
import { type Budget, makeBudget } from './budget.ts';
import type { Config, RouteConfig, UpstreamTls } from './config/config.ts';
import { routesOf } from './config/routes.ts';
import { isSameCertificate, loadServerCertificate, type ServerCertificate } from './listener/certificates.ts';
import type { HandshakeRules, RouteRules } from './listener/handshake.ts';
import { compileOrigins } from './listener/origin.ts';
import { compileTrustedProxies, type TrustedProxies } from './net/networks.ts';
import { loadTlsClient, type TlsClient } from './upstream/start-tls.ts';
import { type CutThroughSupport, checkCutThrough } from './websocket/loopback-check.ts';

/** A configuration with all of it that can fail done; nothing of it runs yet. */
export type Prepared = {
  readonly config: Config;
  readonly certificate: ServerCertificate | undefined;
  /** What the files of each `upstream.tls` held. */
  readonly tlsClients: ReadonlyMap<UpstreamTls, TlsClient>;
  readonly cutThrough: CutThroughSupport | undefined;
  readonly budget: Budget;
  readonly rules: HandshakeRules;
  /** Whose connections begin with a PROXY header. */
  readonly proxies: TrustedProxies;
};

/**
 * Reads and checks what a configuration needs. For a reload, `before` is what runs: whether there is TLS stays as it
 * is, and `listen.tls` or `upstream.tls` itself, the very same object, means that what its files held stays too.
 *
 * @throws what a part threw: an unreadable certificate, a session cap that the descriptor limit cannot carry.
 */
export async function prepare(
  config: Config,
  fileDescriptorLimit: number | undefined,
  before?: Prepared,
): Promise<Prepared> {
  const { listen, timeouts, engine } = config;
  const routes = routesOf(config);
  const loaded =
    listen.tls === undefined || listen.tls === before?.config.listen.tls
      ? before?.certificate
      : await loadServerCertificate(listen.tls, timeouts.handshakeMs);
  const isKnown = before?.certificate && loaded && isSameCertificate(before.certificate, loaded);
  const tlsClients = new Map<UpstreamTls, TlsClient>();
  for (const { upstream } of routes) {
    if (upstream.tls === undefined || tlsClients.has(upstream.tls)) continue;
    tlsClients.set(upstream.tls, before?.tlsClients.get(upstream.tls) ?? (await loadTlsClient(upstream.tls)));
  }
  return {
    config,
    certificate: isKnown ? before.certificate : loaded,
    tlsClients,
    cutThrough: before?.cutThrough ?? (engine === 'cut-through' ? await checkCutThrough() : undefined),
    budget: makeBudget({
      configuredSessions: config.limits.sessions,
      descriptors: fileDescriptorLimit,
      adminConnections: ADMIN_CONNECTIONS,
    }),
    rules: {
      trustedProxies: compileTrustedProxies(listen.trustedProxies),
      hosts: [...listen.hosts, ...routes.flatMap(({ host }) => host ?? [])],
      routes: routes.map(routeRules),
    },
    proxies: compileTrustedProxies(listen.proxyProtocol),
  };
}

const routeRules = ({ name, host, path, subprotocols, origins }: RouteConfig): RouteRules => ({
  name,
  host,
  path,
  subprotocols,
  origins: compileOrigins(origins),
});

/** What is configured, unless it does not work here. */
export const isCutThrough = ({ config, cutThrough }: Prepared): boolean =>
  config.engine === 'cut-through' && cutThrough?.usable === true;
