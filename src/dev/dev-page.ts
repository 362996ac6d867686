import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { EventStream } from './event-stream.ts';
import { messageOf } from './executables.ts';

export type ServerAction = 'start' | 'stop' | 'restart';

export type DevPageOptions = {
  /** The built page: a flat folder with an index.html. */
  readonly folder: string;
  /** Taken when it is free; any other one otherwise. 0: any. */
  readonly port: number;
  readonly events: EventStream;
  /** What the page must know; asked at each request. */
  config(): unknown;
  act(action: ServerAction): Promise<void>;
};

export type DevPage = AsyncDisposable & { readonly port: number };

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

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

const COMMON_HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/**
 * Serves the demo page and what it needs on 127.0.0.1. Other pages in the same browser must not be able to
 * drive it: requests under a foreign Host (DNS rebinding) or with a foreign Origin are refused, and what acts
 * wants the page's own Origin.
 */
export async function serveDevPage(options: DevPageOptions): Promise<DevPage> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 });
  const port = await listen(server, options.port);
  const hosts = [`localhost:${port}`, `127.0.0.1:${port}`];
  server.on('request', (request, response) => {
    request.resume(); // no request here has a body that matters
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    answer(request, response, hosts, options).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else plain(response, 500, messageOf(error));
    });
  });
  const close = async (): Promise<void> => {
    options.events.close();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { port, [Symbol.asyncDispose]: close };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  hosts: readonly string[],
  options: DevPageOptions,
): Promise<void> {
  const { host = '', origin } = request.headers;
  if (!hosts.includes(host)) return plain(response, 403, `This is served as ${hosts.join(' and ')} only.`);
  const isOwnOrigin = origin === `http://${host}`;
  if (origin !== undefined && !isOwnOrigin)
    return plain(response, 403, 'Only this page itself may ask for this.');

  const { pathname, searchParams } = new URL(request.url ?? '/', `http://${host}`);
  const action = /^\/dev\/nats\/(start|stop|restart)$/.exec(pathname)?.[1] as ServerAction | undefined;
  if (action !== undefined) {
    if (request.method !== 'POST') return plain(response, 405, 'Use POST.', { Allow: 'POST' });
    if (!isOwnOrigin) return plain(response, 403, 'Only this page itself may do this.');
    await options.act(action);
    response.writeHead(204).end();
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(response, 405, 'Use GET.', { Allow: 'GET, HEAD' });
  switch (pathname) {
    case '/dev/config.json':
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(options.config()));
      return;
    case '/dev/log': {
      // A stream that broke is resumed with the header, one that the page closed itself with the parameter.
      const after = Number(request.headers['last-event-id'] ?? searchParams.get('after') ?? 0);
      if (!options.events.attach(response, Number.isFinite(after) ? after : 0)) {
        plain(response, 503, 'Too many pages follow the log.');
      }
      return;
    }
    default:
      return serveFile(response, options.folder, pathname === '/' ? 'index.html' : pathname.slice(1));
  }
}

async function serveFile(response: ServerResponse, folder: string, name: string): Promise<void> {
  const type = TYPES[extname(name)];
  // The folder is flat: a name with a slash, or with dots that lead out of it, is no name of a file in it.
  if (type === undefined || !/^[a-z0-9-]+\.[a-z]+$/.test(name))
    return plain(response, 404, 'Nothing is here.');
  let content: Buffer;
  try {
    content = await readFile(join(folder, name));
  } catch {
    return plain(response, 404, 'Nothing is here.');
  }
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': content.length }).end(content);
}

function plain(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`);
}

async function listen(server: Server, port: number): Promise<number> {
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return listen(server, 0);
  }
  return (server.address() as AddressInfo).port;
}
