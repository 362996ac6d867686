import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { printableJson } from '../printable.ts';
import { ANSWER_HEADERS } from './admin-connection.ts';

const compress = promisify(gzip);

/** Below this, compression saves nothing worth the turn. */
const MIN_COMPRESSED_BYTES = 1024;

export type Answer = {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string | Buffer;
  /** With a Content-Encoding, `body` has it already. */
  readonly headers?: Readonly<Record<string, string>>;
};

export const json = (value: unknown): Answer => ({
  status: 200,
  contentType: 'application/json; charset=utf-8',
  // For curl at a terminal: subjects are words of strangers.
  body: `${printableJson(JSON.stringify(value, undefined, 2))}\n`,
});

export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  let body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  let headers = answer.headers ?? {};
  const isPlain = headers['Content-Encoding'] === undefined;
  if (isPlain && body.length >= MIN_COMPRESSED_BYTES && takesGzip(request)) {
    body = await compress(body);
    headers = { ...headers, 'Content-Encoding': 'gzip' };
  }
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType ?? 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    ...ANSWER_HEADERS,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** RFC 9110 §12.5.3: a weight of 0 means "not this one". */
export const takesGzip = (request: IncomingMessage): boolean =>
  String(request.headers['accept-encoding'] ?? '')
    .split(',')
    .some((coding) => /^\s*gzip\s*(;|$)/i.test(coding) && !/;\s*q=0(\.0*)?\s*$/i.test(coding));
