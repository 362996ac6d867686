import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CaptureFile, CaptureFormat, CaptureList } from './admin/api/captures.ts';
import type { CaptureMatch, CaptureRow } from './capture/capture.ts';
import type { CaptureRefusal } from './capture/captures.ts';
import { pcapngOf } from './capture/export.ts';
import { CaptureError, readCapture } from './capture/ndjson.ts';
import type { Config, RouteConfig } from './config/config.ts';
import { routesOf } from './config/routes.ts';
import { foreignText } from './log.ts';
import type { Parts } from './parts.ts';

/** Masked payloads have their length in a pcapng, so a small capture can become a large one. */
const MAX_PCAPNG_BYTES = 32 * 1024 * 1024;
/** What is read, or written, in one turn of the event loop. */
const BYTES_AT_ONCE = 64 * 1024;

/**
 * What operators do with captures. A capture shows what a person did, so each start, stop, download and deletion is a
 * line of the log. `by`: the address of who asked.
 */
export class CaptureControl {
  readonly #parts: Parts;
  readonly #config: () => Config;

  constructor(parts: Parts, config: () => Config) {
    this.#parts = parts;
    this.#config = config;
  }

  list(): CaptureList {
    const { admin, captures } = this.#config();
    const { concurrent, maxBytes: bytes, maxMs, totalBytes } = captures;
    const limits = { concurrent, bytes, seconds: maxMs / 1000, totalBytes, payloads: admin.payloads };
    return { limits, captures: this.#parts.captures.rows() };
  }

  start(match: CaptureMatch, payloads: boolean, by: string): CaptureRow | CaptureRefusal {
    const { captures, inspected, log, sessions } = this.#parts;
    const id = 'session' in match ? match.session : undefined;
    const facts = id === undefined ? undefined : sessions.get(id)?.facts;
    const inspector = id === undefined ? undefined : inspected.inspectorOf(id);
    if (payloads && !this.#config().admin.payloads) return 'payloads_locked';
    const started =
      neverFits(match, routesOf(this.#config())) ?? captures.start(match, payloads, facts, inspector);
    if (typeof started !== 'string')
      log.info({ capture: started.id, ...logged(match), payloads, client: by }, 'capture started by the API');
    return started;
  }

  stop(id: number, by: string): boolean {
    return this.#did(this.#parts.captures.stop(id), id, by, 'stopped');
  }

  delete(id: number, by: string): boolean {
    return this.#did(this.#parts.captures.delete(id), id, by, 'deleted');
  }

  /** As NDJSON, or as pcapng, which may be too large, or be of a file that was cut; undefined: there is none. */
  async download(
    id: number,
    as: CaptureFormat,
    by: string,
  ): Promise<CaptureFile | 'too_large' | 'cut' | 'payloads_locked' | undefined> {
    const { build, captureFiles, captures } = this.#parts;
    if (captures.row(id)?.payloads === true && !this.#config().admin.payloads) return 'payloads_locked';
    const file = captures.file(id);
    if (file === undefined) return undefined;
    const ndjson = file.text === undefined ? await captureFiles?.read(file.name) : Buffer.from(file.text);
    if (ndjson === undefined) return undefined;
    const application = `natsgate ${build.version ?? ''}`.trim();
    const bytes = as === 'ndjson' ? ndjson : await pcapngFrom(ndjson, application);
    if (typeof bytes === 'string') return bytes;
    this.#did(true, id, by, 'downloaded');
    return { name: `${file.name.replace(/\.ndjson$/, '')}.${as}`, bytes };
  }

  #did(isDone: boolean, capture: number, by: string, what: string): boolean {
    if (isDone) this.#parts.log.info({ capture, client: by }, `capture ${what} by the API`);
    return isDone;
  }
}

/** Why no session that begins could fit; undefined: one could, or an open one is named. */
function neverFits(match: CaptureMatch, routes: readonly RouteConfig[]): CaptureRefusal | undefined {
  if ('session' in match) return undefined;
  const read = routes.filter(({ inspect }) => inspect !== 'off');
  if (read.length === 0) return 'inspect_off';
  const isByIdentity = match.user !== undefined || match.tenant !== undefined;
  return isByIdentity && read.every(({ auth }) => auth === undefined) ? 'no_auth' : undefined;
}

/** A part at a time, so that sessions go on meanwhile. */
async function pcapngFrom(
  ndjson: Buffer,
  application: string,
): Promise<Buffer<ArrayBuffer> | 'too_large' | 'cut'> {
  const blocks: Buffer[] = [];
  let bytes = 0;
  let turns = 0;
  try {
    for await (const block of pcapngOf(readCapture(inTurns(ndjson)), { application })) {
      blocks.push(block);
      bytes += block.length;
      if (bytes > MAX_PCAPNG_BYTES) return 'too_large';
      if (bytes < (turns + 1) * BYTES_AT_ONCE) continue;
      turns = Math.floor(bytes / BYTES_AT_ONCE);
      await nextTurn();
    }
  } catch (error) {
    if (error instanceof CaptureError) return 'cut';
    throw error;
  }
  return Buffer.concat(blocks);
}

async function* inTurns(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += BYTES_AT_ONCE) {
    yield bytes.subarray(at, at + BYTES_AT_ONCE);
    await nextTurn();
  }
}

const logged = (match: CaptureMatch): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(match).map(([key, value]) => [
      key,
      typeof value === 'string' ? foreignText(value) : value,
    ]),
  );
