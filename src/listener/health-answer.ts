import type { IncomingMessage } from 'node:http';
import { parseTarget } from '../net/request-target.ts';

/** GET or HEAD of exactly this path, in any HTTP/1 version, with or without Host. */
export function isHealthCheck(
  { method, url = '', httpVersionMajor }: IncomingMessage,
  path: string,
): boolean {
  const asks = (method === 'GET' || method === 'HEAD') && httpVersionMajor === 1;
  return asks && parseTarget(url)?.path === path;
}

/** Whether new sessions are welcome, and nothing else. The last answer of its connection. */
export function healthResponse(ready: boolean, head: boolean): Buffer {
  const body = ready ? 'ready\n' : 'not ready\n';
  const lines = [
    `HTTP/1.1 ${ready ? '200 OK' : '503 Service Unavailable'}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `\r\n${head ? '' : body}`,
  ];
  return Buffer.from(lines.join('\r\n'));
}
