import { extname } from 'node:path';
import { answer } from './answer.ts';
import type { Exchange } from './exchange.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * One file of a page, whose folder is flat: a path with a further slash, or with dots that lead out of it, is not the
 * name of a file in it. `read` gives undefined for one that is not there.
 */
export async function staticFile(
  exchange: Exchange,
  read: (name: string) => Promise<Buffer<ArrayBuffer> | undefined>,
): Promise<Response> {
  const { path } = exchange.req;
  const name = path === '/' ? 'index.html' : path.slice(1);
  const contentType = TYPES[extname(name)];
  if (contentType === undefined || !/^[a-z0-9-]+\.[a-z]+$/.test(name)) return exchange.notFound();
  const content = await read(name);
  return content === undefined ? exchange.notFound() : answer(exchange, content, { contentType });
}
