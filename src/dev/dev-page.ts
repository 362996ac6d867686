import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answer, json, refuse } from '../private-http/answer.ts';
import type { EventStream } from '../private-http/event-stream.ts';
import { PrivateServer } from '../private-http/server.ts';
import { staticFile } from '../private-http/static-file.ts';
import { messageOf } from './executables.ts';

/** What the page may ask for, by path below /dev. */
export const DEV_ACTIONS = {
  'nats/start': 'start',
  'nats/stop': 'stop',
  'nats/restart': 'restart',
  'nats/freeze': 'freeze',
  'gateway/drain': 'drain',
  'try/stranger': 'stranger',
  'try/huge': 'huge',
  'try/flood': 'flood',
  'try/login': 'login',
  'try/latency': 'latency',
} as const;
export type DevAction = (typeof DEV_ACTIONS)[keyof typeof DEV_ACTIONS];

export type DevPageOptions = {
  /** The built page: a flat folder with an index.html. */
  readonly folder: string;
  /** An address of this machine. */
  readonly host: string;
  /** Taken when it is free; any other one otherwise. 0: any. */
  readonly port: number;
  readonly events: EventStream;
  /** What the page must know; asked at each request. */
  config(): unknown;
  /** Gives what is answered as JSON, if anything. */
  act(action: DevAction): Promise<unknown>;
};

export type DevPage = AsyncDisposable & { readonly port: number };

/** A browser opens several at once, and each open page keeps one. */
const MAX_CONNECTIONS = 100;

/** `connect-src` is wide because the page has a field for the address of any gateway. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Serves the demo page and what it needs. What acts wants the page's own Origin. */
export async function serveDevPage(options: DevPageOptions): Promise<DevPage> {
  const { folder, events, config, act } = options;
  const server = new PrivateServer({
    hosts: () => [],
    hostless: [],
    brief: [],
    maxConnections: MAX_CONNECTIONS,
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  });
  const { routes } = server;
  routes.use((exchange, next) => {
    exchange.header('Referrer-Policy', 'no-referrer');
    exchange.header('Cross-Origin-Resource-Policy', 'same-origin');
    exchange.header('Cross-Origin-Opener-Policy', 'same-origin');
    return next();
  });
  routes.get('/dev/config.json', (exchange) => json(exchange, config()));
  routes.get('/dev/log', (exchange) => events.answer(exchange));
  for (const [path, action] of Object.entries(DEV_ACTIONS))
    routes.post(`/dev/${path}`, async (exchange) => {
      if (exchange.req.header('origin') === undefined)
        return refuse(exchange, 403, 'no_origin', 'only the page itself may do this.');
      try {
        const answered = await act(action);
        return answered === undefined ? exchange.body(null, 204) : json(exchange, answered);
      } catch (error) {
        return answer(exchange, `${messageOf(error)}\n`, { status: 500 });
      }
    });
  routes.get('/:file?', (exchange) =>
    staticFile(exchange, (name) => readFile(join(folder, name)).catch(() => undefined)),
  );
  const bound = await listen(server, options);
  const close = async (): Promise<void> => {
    events.close();
    await server.close();
  };
  return { port: bound, [Symbol.asyncDispose]: close };
}

type Place = Pick<DevPageOptions, 'host' | 'port'>;

async function listen(server: PrivateServer, { host, port }: Place): Promise<number> {
  try {
    return (await server.listen({ host, port })).port;
  } catch (error) {
    if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return listen(server, { host, port: 0 });
  }
}
