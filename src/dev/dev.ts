import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problems.ts';
import { EventStream } from '../private-http/event-stream.ts';
import { builtPage } from './built-page.ts';
import { type DevPage, type ServerAction, serveDevPage } from './dev-page.ts';
import type { Environment } from './executables.ts';
import { type RunningNatsServer, startNatsServer } from './nats-process.ts';
import { defaultCacheDir, findNatsServer } from './nats-server.ts';

/** What `dev` needs of the running gateway. */
export type DevGateway = {
  readonly port: number;
  readonly adminPort?: number;
  close(): Promise<void>;
};

export type DevOptions = {
  /** The folder of natsgate's package.json. */
  readonly root: string;
  readonly env: Environment;
  /** Lines for the person at the terminal. */
  say(line: string): void;
  /** Ends a start that is under way; it then rejects, with everything undone. */
  readonly signal?: AbortSignal;
  /** Starts the gateway; each line of its JSON log also goes to `onLogLine`. */
  startGateway(config: Config, onLogLine: (line: string) => void): Promise<DevGateway>;
  /** Preferred ports; when one is taken, or 0, any free one. Defaults: 4280, 8080, 8081. */
  readonly pagePort?: number;
  readonly gatewayPort?: number;
  readonly adminPort?: number;
};

export type Dev = AsyncDisposable & {
  /** The page, under the origin that the gateway lets in. */
  readonly url: string;
  readonly gatewayUrl: string;
  readonly natsServer: RunningNatsServer;
  /** Ends everything in order; nothing is left, no process and no file. */
  close(): Promise<void>;
  /** For a second Ctrl-C: no process and no file is left, in this very turn. The program must end now. */
  abort(): void;
};

/**
 * Everything on one machine: a private nats-server with JetStream, the gateway, and a page that
 * uses both. Resolves when the page can be opened. What was started before a failure is ended again.
 */
export async function dev(options: DevOptions): Promise<Dev> {
  const { env, root, say, signal = new AbortController().signal } = options;
  const { pagePort = 4280, gatewayPort = 8080, adminPort = 8081 } = options;
  await using parts = new AsyncDisposableStack();

  const folder = await orAborted(builtPage(root, say), signal);
  const cacheDir = defaultCacheDir(root, env);
  const found = await orAborted(findNatsServer({ cacheDir, env, say }), signal);
  const natsServer = parts.use(
    await startNatsServer(found.path, { jetstream: true, args: ['-n', 'natsgate-dev'], signal }),
  );
  const events = new EventStream();

  let config: unknown;
  const page: DevPage = parts.use(
    await serveDevPage({
      folder,
      port: pagePort,
      events,
      config: () => config,
      act: (action) => act(natsServer, events, action),
    }),
  );
  followServer(natsServer, events);

  const url = `http://localhost:${page.port}`;
  const gateway = await options.startGateway(
    await gatewayConfig(natsServer.port, url, await freePort(gatewayPort), await freePort(adminPort)),
    (line) => events.line(line),
  );
  parts.defer(() => gateway.close());
  signal.throwIfAborted();
  const gatewayUrl = `ws://127.0.0.1:${gateway.port}`;
  const adminUrl = gateway.adminPort === undefined ? undefined : `http://127.0.0.1:${gateway.adminPort}/`;
  config = { gatewayUrl, adminUrl, allowedOrigin: url, refusedUrl: `http://127.0.0.1:${page.port}/` };

  say('');
  for (const [what, usual, port] of [
    ['page', pagePort, page.port],
    ['gateway', gatewayPort, gateway.port],
    ['admin port', adminPort, gateway.adminPort ?? adminPort],
  ] as const)
    if (usual !== 0 && port !== usual)
      say(`  port ${usual} is in use by another program; the ${what} has ${port} instead`);
  say(`  page         ${url}`);
  say(`  gateway      ${gatewayUrl}`);
  if (adminUrl !== undefined) say(`  admin port   ${adminUrl}`);
  if (adminUrl !== undefined) say(`  sessions     ${adminUrl}api/sessions`);
  say(`  nats-server  ${natsServer.url}`);
  say('');
  say('  Open the page. Press Ctrl-C to end.');

  const owned = parts.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= owned.disposeAsync());
  return {
    url,
    gatewayUrl,
    natsServer,
    close,
    abort: () => natsServer.abort(),
    [Symbol.asyncDispose]: close,
  };
}

/** For work that leaves nothing when the program ends in the middle of it. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function act(server: RunningNatsServer, events: EventStream, action: ServerAction): Promise<void> {
  if (action === 'stop' || action === 'restart') await server.stop();
  if (action === 'restart' || (action === 'start' && !server.running)) await server.restart();
  followServer(server, events);
}

/** Tells the pages whether the server runs, now and when its process ends by itself. */
function followServer(server: RunningNatsServer, events: EventStream): void {
  const tell = () => events.state('nats', { running: server.running });
  tell();
  if (server.running) void server.exited.then(tell);
}

/** The preferred port, or another one when it is taken. */
async function freePort(preferred: number): Promise<number> {
  if (preferred === 0) return 0;
  const probe = createServer();
  try {
    probe.listen(preferred, '127.0.0.1');
    await once(probe, 'listening');
    return (probe.address() as AddressInfo).port;
  } catch {
    return 0; // taken, or not allowed: the system chooses
  } finally {
    probe.close();
  }
}

/** The gateway's defaults, but on loopback, for one page, and quick to end. */
async function gatewayConfig(
  natsPort: number,
  origin: string,
  port: number,
  adminPort: number,
): Promise<Config> {
  const loaded = await loadConfig({
    flags: {
      listen: `127.0.0.1:${port}`,
      admin: `127.0.0.1:${adminPort}`,
      origin: [origin],
      upstream: [`nats://127.0.0.1:${natsPort}`],
      'log-format': 'json',
      // A first try shall show that something happens: a session that begins is a line.
      'log-level': 'debug',
    },
    env: {},
  });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('; '));
  const { config } = loaded;
  return {
    ...config,
    inspect: 'observe',
    limits: { ...config.limits, sessions: 1000 },
    timeouts: { ...config.timeouts, closeMs: 500 },
    drain: { ...config.drain, delayMs: 0, timeoutMs: 500 },
  };
}
