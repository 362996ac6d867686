import type { TlsOptions } from 'node:tls';
import { ADMIN_CONNECTIONS } from './admin/admin-server.ts';
import { type Budget, type MemoryLimit, makeBudget, type SessionShape } from './budget.ts';
import type { SystemMemory } from './cgroup.ts';
import type { Config, RouteConfig, UpstreamTls } from './config/config.ts';
import { routesOf } from './config/routes.ts';
import type { AdmissionLimits } from './listener/admission.ts';
import { isSameTls, serverTlsOptions } from './listener/certificates.ts';
import type { HandshakeRules, RouteRules } from './listener/handshake.ts';
import type { ListenerLimits } from './listener/listener.ts';
import { compileOrigins } from './listener/origin.ts';
import { pendingLimits } from './listener/pending.ts';
import { compileTrustedProxies, type TrustedProxies } from './net/networks.ts';
import { type TlsClient, tlsClient } from './upstream/start-tls.ts';
import { type CutThroughSupport, checkCutThrough } from './websocket/loopback-check.ts';

/** What the system lets this process have. */
export type Machine = {
  /** Descriptors that it may have open; undefined: unknown, assumed to suffice. */
  readonly fileDescriptorLimit?: number | undefined;
  /** Asked at each start and reload: the limit of a running container can change. undefined: unknown. */
  readonly readMemory?: (() => Promise<SystemMemory>) | undefined;
};

/** A configuration with all of it that can fail done; nothing of it runs yet. */
export type Prepared = {
  readonly config: Config;
  /** TLS of the listener; undefined: in clear. The very same options as before where nothing of them has changed. */
  readonly serverTls: TlsOptions | undefined;
  /** How each `upstream.tls` is spoken. */
  readonly tlsClients: ReadonlyMap<UpstreamTls, TlsClient>;
  readonly cutThrough: CutThroughSupport | undefined;
  readonly memory: SystemMemory | undefined;
  /** undefined: nothing follows from it. */
  readonly memoryLimit: MemoryLimit | undefined;
  readonly budget: Budget;
  readonly admissionLimits: AdmissionLimits;
  readonly listenerLimits: ListenerLimits;
  readonly rules: HandshakeRules;
  /** Whose connections begin with a PROXY header. */
  readonly proxies: TrustedProxies;
};

/**
 * Makes all that a configuration needs. No file is read here: what they held is in the configuration. For a reload,
 * `before` is what runs.
 *
 * @throws what a part threw: a session cap that the descriptor limit cannot carry.
 */
export async function prepare(config: Config, machine: Machine, before?: Prepared): Promise<Prepared> {
  const { listen, timeouts, engine } = config;
  const routes = routesOf(config);
  const serverTls = listen.tls && serverTlsOptions(listen.tls, timeouts.handshakeMs);
  const isKnown = before?.serverTls && serverTls && isSameTls(before.serverTls, serverTls);
  const tlsClients = new Map<UpstreamTls, TlsClient>();
  for (const { upstream } of routes) {
    if (upstream.tls === undefined || tlsClients.has(upstream.tls)) continue;
    tlsClients.set(upstream.tls, before?.tlsClients.get(upstream.tls) ?? tlsClient(upstream.tls));
  }
  const memory = await machine.readMemory?.();
  const memoryLimit = memoryLimitOf(config, memory);
  const budget = makeBudget({
    configuredSessions: config.limits.sessions,
    descriptors: machine.fileDescriptorLimit,
    memoryBytes: memoryLimit?.bytes,
    adminConnections: ADMIN_CONNECTIONS,
    shape: shapeOf(config, routes),
    headBytes: config.limits.headBytes,
  });
  return {
    config,
    serverTls: isKnown ? before.serverTls : serverTls,
    tlsClients,
    cutThrough: before?.cutThrough ?? (engine === 'cut-through' ? await checkCutThrough() : undefined),
    memory,
    memoryLimit,
    budget,
    admissionLimits: { ...config.limits, sessions: budget.sessions },
    listenerLimits: {
      handshakeMs: timeouts.handshakeMs,
      maxConnections: budget.maxConnections,
      pending: pendingLimits(budget.pendingConnections),
      head: config.limits,
    },
    rules: {
      health: listen.health,
      trustedProxies: compileTrustedProxies(listen.trustedProxies),
      hosts: [...listen.hosts, ...routes.flatMap(({ host }) => host ?? [])],
      routes: routes.map(routeRules),
    },
    proxies: compileTrustedProxies(listen.proxyProtocol),
  };
}

function memoryLimitOf({ limits }: Config, memory: SystemMemory | undefined): MemoryLimit | undefined {
  if (limits.memory === 'off') return undefined;
  if (limits.memory !== 'auto') return { bytes: limits.memory, from: 'configured' };
  return memory && { bytes: memory.limitBytes, from: memory.from };
}

/** Any session may be one of the costliest route. */
const shapeOf = ({ captures, listen }: Config, routes: readonly RouteConfig[]): SessionShape => ({
  tls: listen.tls !== undefined,
  upstreamTls: routes.some(({ upstream }) => upstream.tls !== undefined),
  inspected: routes.some(({ inspect }) => inspect !== 'off'),
  ringBytes: captures.ringBytes,
  compressedSessions: routes.reduce(
    (sum, { compression }) => sum + (compression.enabled ? compression.sessions : 0),
    0,
  ),
});

const routeRules = ({ name, host, path, subprotocols, origins, auth }: RouteConfig): RouteRules => ({
  name,
  host,
  path,
  subprotocols,
  origins: compileOrigins(origins),
  explain: auth?.explain === true,
});

/** What is configured, unless it does not work here. */
export const isCutThrough = ({ config, cutThrough }: Prepared): boolean =>
  config.engine === 'cut-through' && cutThrough?.usable === true;
