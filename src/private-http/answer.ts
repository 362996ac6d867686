import { STATUS_CODES } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { accepts } from 'hono/accepts';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { printableJson } from '../printable.ts';
import type { Exchange } from './exchange.ts';

const compress = promisify(gzip);

/** Below this, compression saves nothing worth the turn. */
const MIN_COMPRESSED_BYTES = 1024;

export type AnswerOptions = {
  readonly status?: ContentfulStatusCode;
  readonly contentType?: string;
  /** With a Content-Encoding, the body has it already. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** A whole body, compressed for those who take it. */
export async function answer(
  exchange: Exchange,
  body: string | Buffer<ArrayBuffer>,
  { status = 200, contentType = 'text/plain; charset=utf-8', headers = {} }: AnswerOptions = {},
): Promise<Response> {
  let bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const encoding: Record<string, string> = {};
  const isPlain = headers['Content-Encoding'] === undefined;
  if (isPlain && bytes.length >= MIN_COMPRESSED_BYTES && takesGzip(exchange)) {
    bytes = await compress(bytes);
    encoding['Content-Encoding'] = 'gzip';
  }
  return exchange.body(inOnePiece(bytes), status, {
    'Content-Type': contentType,
    'Content-Length': String(bytes.length),
    ...encoding,
    ...headers,
  });
}

export const json = (exchange: Exchange, value: unknown, options: AnswerOptions = {}): Promise<Response> =>
  // For curl at a terminal: subjects are words of strangers.
  answer(exchange, `${printableJson(JSON.stringify(value, undefined, 2))}\n`, {
    contentType: 'application/json; charset=utf-8',
    ...options,
  });

/**
 * An error. Below /api a problem document (RFC 9457), whose `code` and `status` programs can rely on; one line of text
 * everywhere else. No text of the request may be in `detail`.
 */
export function refuse(
  exchange: Exchange,
  status: ContentfulStatusCode,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  if (!/^\/api(\/|$)/.test(exchange.req.path))
    return answer(exchange, `${code}: ${detail}\n`, { status, headers });
  // Of "about:blank" the title is the phrase of the status.
  const problem = { type: 'about:blank', title: STATUS_CODES[status], status, code, detail };
  return json(exchange, problem, { status, headers, contentType: 'application/problem+json' });
}

export const takesGzip = (exchange: Exchange): boolean =>
  accepts(exchange, { header: 'Accept-Encoding', supports: ['gzip'], default: 'identity' }) === 'gzip';

/** A browser asks for HTML by name; curl and probes take anything. */
export const wantsHtml = (exchange: Exchange): boolean =>
  accepts(exchange, { header: 'Accept', supports: ['text/html', 'text/plain'], default: 'text/plain' }) ===
  'text/html';

/** As a stream, so that answers that share their bytes hold them once: of plain bytes a Response makes a copy. */
const inOnePiece = (bytes: Buffer<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> =>
  new ReadableStream({
    start: (controller) => {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
