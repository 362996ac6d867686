import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { EventStream } from '../private-http/event-stream.ts';
import { builtPage } from './built-page.ts';
import { DevActions } from './dev-actions.ts';
import { type DevPage, serveDevPage } from './dev-page.ts';
import { type DevGateway, DrainableGateway } from './drainable-gateway.ts';
import type { Environment } from './executables.ts';
import { gatewayConfig } from './gateway-config.ts';
import { type RunningNatsServer, startNatsServer } from './nats-process.ts';
import { defaultCacheDir, findNatsServer } from './nats-server.ts';

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
  /** An address of this machine in its network, for page and gateway. Default: this machine alone. */
  readonly lan?: string | undefined;
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

/** By itself nats-server would take most of the memory and the disk that are free. */
const JETSTREAM = 'jetstream { max_mem: 256MB, max_file: 1GB }';

/**
 * Everything on one machine: a private nats-server with JetStream, the gateway, and a page that
 * uses both. Resolves when the page can be opened. What was started before a failure is ended again.
 */
export async function dev(options: DevOptions): Promise<Dev> {
  const { env, root, say, lan, signal = new AbortController().signal } = options;
  const host = lan ?? '127.0.0.1';
  const { pagePort = 4280, gatewayPort = 8080, adminPort = 8081 } = options;
  await using parts = new AsyncDisposableStack();

  const folder = await orAborted(builtPage(root, say), signal);
  const cacheDir = defaultCacheDir(root, env);
  const found = await orAborted(findNatsServer({ cacheDir, env, say }), signal);
  const natsServer = parts.use(
    await startNatsServer(found.path, { config: JETSTREAM, args: ['-n', 'natsgate-dev'], signal }),
  );
  const events = new EventStream();

  let config: unknown;
  let actions: DevActions | undefined;
  const page: DevPage = parts.use(
    await serveDevPage({
      folder,
      host,
      port: pagePort,
      events,
      config: () => config,
      act: async (action) => actions?.act(action),
    }),
  );
  const url = `http://${lan ?? 'localhost'}:${page.port}`;
  const startAt = async (port: number, admin: number): Promise<DrainableGateway> =>
    DrainableGateway.start(
      await gatewayConfig({ natsPort: natsServer.port, origin: url, host, port, adminPort: admin }),
      (started) => options.startGateway(started, (line) => events.line(line)),
    );
  const gateway = await startAt(
    await freePort(gatewayPort, host),
    await freePort(adminPort, '127.0.0.1'),
  ).catch((error: NodeJS.ErrnoException) => {
    // Another program, such as a second `natsgate dev`, has taken one since it was looked at.
    if (error.code === 'EADDRINUSE') return startAt(0, 0);
    throw error;
  });
  parts.defer(() => gateway.close());
  signal.throwIfAborted();
  const gatewayUrl = `ws://${host}:${gateway.port}`;
  const adminUrl = gateway.adminPort === undefined ? undefined : `http://127.0.0.1:${gateway.adminPort}/`;
  actions = new DevActions({ natsServer, events, origin: url, gatewayUrl, drain: () => gateway.drain() });
  actions.follow();
  config = {
    gatewayUrl,
    allowedOrigin: url,
    // In a network these lead nowhere but on this machine.
    ...(lan === undefined ? { adminUrl, refusedUrl: `http://127.0.0.1:${page.port}/` } : {}),
  };

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
  if (lan !== undefined) {
    say(`  Warning: everybody in the network of ${lan} can open this page, read its log, publish and store`);
    say('  messages, and stop this nats-server. Nothing is encrypted. Use it among people that you trust,');
    say('  and end it afterwards.');
    say('');
  }
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

/** The preferred port, or another one when it is taken. */
async function freePort(preferred: number, host: string): Promise<number> {
  if (preferred === 0) return 0;
  const probe = createServer();
  try {
    probe.listen(preferred, host);
    await once(probe, 'listening');
    return (probe.address() as AddressInfo).port;
  } catch {
    return 0; // taken, or not allowed: the system chooses
  } finally {
    probe.close();
  }
}
