import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Captures } from './capture/captures.ts';
import type { CaptureRecord } from './capture/format.ts';
import { CaptureError, readCapture } from './capture/ndjson.ts';
import { factsOf } from './capture/stored-capture.ts';
import type { Log } from './log.ts';

/** As `Capture.file` names them, and a part that tells two runs of one second apart. */
const NAME = /^natsgate-\d{8}T\d{6}Z-\d+-[0-9a-f]{8}\.ndjson$/;
/** It has its name when it is whole. */
const PART = '.part';
/** A capture has at most 64 MiB in memory, and is not longer in its file. */
const MOST_FILE_BYTES = 128 * 1024 * 1024;
const MOST_HEADER_BYTES = 64 * 1024;
const MOST_END_BYTES = 4096;
const FLUSH_MS = 2000;
const OTHERS_WRITE = 0o002;
/** Longer than a file takes to be written. */
const PART_MS = 60_000;

/**
 * The files of captures that have ended, in one directory. They are written one after the other and nothing waits for it,
 * so a disk that is full, slow or gone costs captures alone: what cannot be written stays in memory, and is tried again with
 * the next one.
 */
export class CaptureFiles {
  readonly #directory: string;
  readonly #log: Log;
  readonly #onFailure: () => void;
  #captures: Captures | undefined;
  /** Captures that have ended and are in memory alone. */
  readonly #unwritten = new Set<number>();
  #queue: Promise<void> = Promise.resolve();

  constructor(directory: string, log: Log, onFailure: () => void) {
    this.#directory = directory;
    this.#log = log;
    this.#onFailure = onFailure;
  }

  /** Finds the files of earlier runs. To be called once, before any other. */
  start(captures: Captures): void {
    this.#captures = captures;
    this.#do('captures of earlier runs cannot be read', async () => {
      await this.#checkDirectory();
      await this.#warnOfOthers();
      const all = await readdir(this.#directory);
      for (const name of all) if (NAME.test(nameOfPart(name) ?? '')) await this.#removePart(name);
      const names = all.filter((name) => NAME.test(name)).toSorted(byAge);
      let found = 0;
      for (const name of names) if (await this.#find(name, captures)) found++;
      this.#log.info({ captures: found }, 'captures of earlier runs found');
    });
  }

  /** Writes the capture, which is then no longer in memory. */
  ended(id: number): void {
    this.#unwritten.add(id);
    this.#writeAll();
  }

  /** The newest first: while that fails, the others would too. */
  #writeAll(): void {
    this.#do('a capture cannot be written, and stays in memory', async () => {
      for (const id of [...this.#unwritten].reverse()) {
        await this.#store(id);
        this.#unwritten.delete(id);
      }
    });
  }

  async #store(id: number): Promise<void> {
    const file = this.#captures?.file(id);
    if (file?.text === undefined) return;
    await this.#checkDirectory();
    const name = `${file.name}-${randomBytes(4).toString('hex')}.ndjson`;
    await this.#write(name, file.text);
    if (this.#captures?.stored(id, name, Buffer.byteLength(file.text)) !== true) await this.#remove(name);
  }

  dropped(name: string): void {
    this.#do('the file of a capture cannot be deleted', () => this.#remove(name));
  }

  /** undefined: it cannot be read. */
  async read(name: string): Promise<Buffer<ArrayBuffer> | undefined> {
    try {
      await using file = await this.#open(name);
      return (await file.stat()).size > MOST_FILE_BYTES ? undefined : await file.readFile();
    } catch (error) {
      this.#failed('a capture cannot be read', error);
      return undefined;
    }
  }

  /** All that was asked for is done, or it takes too long. The process ends afterwards. */
  async flush(): Promise<void> {
    if (this.#unwritten.size > 0) this.#writeAll();
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, FLUSH_MS);
    await Promise.race([this.#queue, timer.promise]);
    clearTimeout(timeout);
    if (this.#unwritten.size === 0) return;
    const lost = 'captures.directory: captures that could not be written are lost';
    this.#log.warn({ captures: this.#unwritten.size }, lost);
  }

  /** Who can write there can put a capture there that says what he likes. */
  async #warnOfOthers(): Promise<void> {
    const { mode } = await lstat(this.#directory);
    if ((mode & OTHERS_WRITE) === 0) return;
    const hint = 'chmod o-w; what is in it is listed as captures of natsgate';
    this.#log.warn({ hint }, 'captures.directory: others may write into it');
  }

  async #checkDirectory(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    // A link could be turned to a place where others read.
    if (!(await lstat(this.#directory)).isDirectory())
      throw Object.assign(new Error(), { code: 'not a directory' });
  }

  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#directory, `${name}${PART}`);
    try {
      await writeFile(path, text, { flag: 'wx', mode: 0o600 });
      await rename(path, join(this.#directory, name));
    } catch (error) {
      await rm(path, { force: true }).catch(() => {});
      throw error;
    }
  }

  #remove(name: string): Promise<void> {
    return rm(join(this.#directory, name), { force: true });
  }

  /** Of a process that has ended; another one may be writing into the same directory. */
  async #removePart(name: string): Promise<void> {
    const { mtimeMs } = await lstat(join(this.#directory, name));
    if (Date.now() - mtimeMs > PART_MS) await this.#remove(name);
  }

  #open(name: string): Promise<FileHandle> {
    // Without O_NONBLOCK a pipe that somebody has put there would wait for its writer.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return open(join(this.#directory, name), flags);
  }

  async #find(name: string, captures: Captures): Promise<boolean> {
    try {
      await using file = await this.#open(name);
      const stat = await file.stat();
      if (!stat.isFile()) return false;
      const { value: header } = await readCapture(headOf(file, stat.size)).next();
      const facts = factsOf([header, await endOf(file, stat.size)]);
      if (facts !== undefined) captures.found(name, stat.size, facts);
      return facts !== undefined;
    } catch {
      // Not of natsgate: it is left alone.
      return false;
    }
  }

  #do(failure: string, work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => this.#failed(failure, error));
  }

  #failed(what: string, error: unknown): void {
    this.#onFailure();
    const cause = (error as NodeJS.ErrnoException).code ?? 'fault';
    this.#log.warn({ cause }, `captures.directory: ${what}`);
  }
}

const nameOfPart = (name: string): string | undefined =>
  name.endsWith(PART) ? name.slice(0, -PART.length) : undefined;
/** Of one second the session with the higher number is the newer one. */
const byAge = (one: string, other: string): number => one.localeCompare(other, 'en', { numeric: true });

/** The first line. */
async function* headOf(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  const head = await partOf(file, 0, Math.min(size, MOST_HEADER_BYTES));
  yield head.subarray(0, head.indexOf('\n') + 1);
}

/** What the last line is, after the first; undefined: the file was cut. */
async function endOf(file: FileHandle, size: number): Promise<CaptureRecord | undefined> {
  async function* ends(): AsyncGenerator<Buffer> {
    yield* headOf(file, size);
    const tail = await partOf(file, Math.max(0, size - MOST_END_BYTES), Math.min(size, MOST_END_BYTES));
    yield tail.subarray(tail.lastIndexOf('\n', tail.length - 2) + 1);
  }
  try {
    return (await Array.fromAsync(readCapture(ends())))[1];
  } catch (error) {
    if (error instanceof CaptureError) return undefined;
    throw error;
  }
}

async function partOf(file: FileHandle, start: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, start);
  return buffer.subarray(0, bytesRead);
}
