import { isClientText } from '../../auth/grant.ts';
import { parseSafely } from '../../auth/safe-json.ts';
import type { CaptureMatch, CaptureRow } from '../../capture/capture.ts';
import type { CaptureRefusal } from '../../capture/captures.ts';
import { parseIpAddress } from '../../net/ip-address.ts';
import { answer, json, refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';

export type CaptureFormat = keyof typeof CONTENT_TYPES;
/** What always applies to a capture. `payloads`: what messages say may be asked for. */
export type CaptureLimits = {
  readonly concurrent: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly totalBytes: number;
  readonly payloads: boolean;
};
export type CaptureList = { readonly limits: CaptureLimits; readonly captures: readonly CaptureRow[] };
export type CaptureFile = { readonly name: string; readonly bytes: Buffer<ArrayBuffer> };

export type CapturesSource = {
  readonly captures: {
    list(): CaptureList;
    /** `payloads`: asked for. */
    start(match: CaptureMatch, payloads: boolean, by: string): CaptureRow | CaptureRefusal;
    /** False: there is none that could be. */
    stop(id: number, by: string): boolean;
    delete(id: number, by: string): boolean;
    download(
      id: number,
      as: CaptureFormat,
      by: string,
    ): Promise<CaptureFile | 'too_large' | 'cut' | 'payloads_locked' | undefined>;
  };
};

const CAPTURE = '/api/captures/:id{[1-9][0-9]{0,14}}';
const EXAMPLE =
  'send {"session": 17}, or for the next session that begins {"user": …, "tenant": …, "origin": …, "address": …}; "payloads": true beside them where admin.payloads allows it.';

/** What sessions say, recorded: /api/captures, and one of them. */
export function addCaptures(routes: Routes, { captures }: CapturesSource): void {
  routes.get('/api/captures', (exchange) => json(exchange, captures.list()));
  routes.post('/api/captures', async (exchange) => {
    const asked = readAsked(await exchange.req.text());
    if (asked === undefined) return refuse(exchange, 400, 'body', EXAMPLE);
    const started = captures.start(asked.match, asked.payloads, addressOf(exchange));
    return typeof started === 'string'
      ? refused(exchange, started)
      : json(exchange, started, { status: 201 });
  });
  routes.post(`${CAPTURE}/stop`, (exchange) =>
    captures.stop(idOf(exchange), addressOf(exchange))
      ? json(exchange, { stopped: true })
      : noCapture(exchange, 'it has ended, or never was'),
  );
  routes.get(`${CAPTURE}/file`, (exchange) => download(exchange, captures));
  routes.delete(CAPTURE, (exchange) =>
    captures.delete(idOf(exchange), addressOf(exchange))
      ? json(exchange, { deleted: true })
      : noCapture(exchange, 'it was deleted, or never was'),
  );
}

const CONTENT_TYPES = { ndjson: 'application/x-ndjson', pcapng: 'application/x-pcapng' } as const;

async function download(exchange: Exchange, captures: CapturesSource['captures']): Promise<Response> {
  const as = exchange.req.query('as') ?? 'ndjson';
  if (as !== 'ndjson' && as !== 'pcapng') return refuse(exchange, 400, 'as', 'ndjson or pcapng.');
  const file = await captures.download(idOf(exchange), as, addressOf(exchange));
  if (file === undefined) return noCapture(exchange, 'nothing was recorded yet, or it never was');
  if (file === 'payloads_locked') return refused(exchange, file);
  if (file === 'too_large') {
    const text = 'as pcapng it has more than 32 MiB; get it as ndjson, and use natsgate capture export.';
    return refuse(exchange, 413, 'too_large', text);
  }
  if (file === 'cut')
    return refuse(exchange, 409, 'cut', 'its file was cut or changed, so get what there is of it as ndjson.');
  return answer(exchange, file.bytes, {
    contentType: CONTENT_TYPES[as],
    headers: { 'Content-Disposition': `attachment; filename="${file.name}"` },
  });
}

type Asked = { readonly match: CaptureMatch; readonly payloads: boolean };

function readAsked(body: string): Asked | undefined {
  const { payloads = false, ...written } = parseSafely(body) ?? { others: body };
  const match = readMatch(written);
  return match === undefined || typeof payloads !== 'boolean' ? undefined : { match, payloads };
}

function readMatch(written: Readonly<Record<string, unknown>>): CaptureMatch | undefined {
  const { session, user, tenant, origin, address, ...others } = written;
  if (Object.keys(others).length > 0) return undefined;
  const texts = Object.entries({ user, tenant, origin, address }).filter(([, value]) => value !== undefined);
  if (session !== undefined)
    return Number.isSafeInteger(session) && texts.length === 0 ? { session: session as number } : undefined;
  if (texts.length === 0 || !texts.every(([, value]) => isClientText(value))) return undefined;
  const client = typeof address === 'string' ? parseIpAddress(address)?.text : undefined;
  if (address !== undefined && client === undefined) return undefined;
  return { ...Object.fromEntries(texts), ...(client === undefined ? {} : { address: client }) };
}

const REFUSALS = {
  no_session: [404, 'it has ended, or never was; see /api/sessions.'],
  inspect_off: [
    409,
    'the route of this session, or every route, has inspect: off, so natsgate does not know where operations begin; set inspect: observe.',
  ],
  no_auth: [
    409,
    'no route with inspection has auth, so no user of a session is known; name its origin or address, or the session.',
  ],
  not_readable: [
    409,
    'natsgate cannot read what this session says any more; /api/sessions/ID has the place in inspection.stopped.',
  ],
  already_captured: [409, 'a capture of this session is running; see /api/captures.'],
  payloads_locked: [
    403,
    'payloads are recorded and shown only with admin.payloads: on and admin.tokenFile in the configuration.',
  ],
  too_many_captures: [
    503,
    'as many captures wait or run as captures.concurrent and captures.totalBytes allow; stop one.',
  ],
} as const satisfies Record<CaptureRefusal, readonly [number, string]>;

function refused(exchange: Exchange, why: CaptureRefusal): Promise<Response> {
  const [status, text] = REFUSALS[why];
  return refuse(exchange, status, why, text);
}

const noCapture = (exchange: Exchange, why: string): Promise<Response> =>
  refuse(exchange, 404, 'no_capture', `${why}; see /api/captures.`);
const idOf = (exchange: Exchange): number => Number(exchange.req.param('id'));
const addressOf = (exchange: Exchange): string => exchange.env.incoming.socket.remoteAddress ?? '';
