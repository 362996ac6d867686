/** Files: the configuration itself as text, and bounded reading of whatever it refers to. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { quote } from './text.ts';

/** A configuration of a few hundred lines has 20 KiB. */
export const MAX_CONFIG_BYTES = 256 * 1024;

export type FileBytes =
  | {
      readonly ok: true;
      readonly bytes: Buffer /** Permission bits. */;
      readonly mode: number;
      readonly group: number;
    }
  /**
   * A phrase such as "there is no such file"; it never holds the name or any content. `write`: what to do, where that is
   * not to write the name of another file.
   */
  | Unread;

type Unread = { readonly ok: false; readonly what: string; readonly write?: string };

/** A file that did not come within the deadline, and what was said of it. */
export type Hung = { readonly path: string; readonly found: Unread };

/** A file that was looked into, as it was found; a watcher compares with this. */
export type FileSeen = {
  readonly path: string;
  /** The key that names it; of the configuration itself none. */
  readonly key: string | undefined;
  readonly mostBytes: number;
  /** Of its content, or why there was none. */
  readonly digest: string;
};

export type ConfigText =
  | { readonly ok: true; readonly text: string }
  /** `hasFile`: there is a file to point into. */
  | { readonly ok: false; readonly code: string; readonly hasFile: boolean; readonly text: string };

/**
 * Reads one file after the other, each with a deadline. A read on a mount that hangs keeps its thread of libuv's pool,
 * and four of those would stop everything that needs the pool; so while one has not come back, nothing else is read.
 */
export class FileReader {
  readonly #deadlineMs: number;
  readonly #flags: number;
  #queue: Promise<unknown> = Promise.resolve();
  #hung: Hung | undefined;
  #reads = 0;

  /** `flags`: without O_NONBLOCK a pipe waits for its writer, as a test wants it. */
  constructor(deadlineMs = READ_MS, flags: number = READ_FLAGS) {
    this.#deadlineMs = deadlineMs;
    this.#flags = flags;
  }

  /** The file that did not come within the deadline, until it comes after all. */
  get hung(): Hung | undefined {
    return this.#hung;
  }

  /** A thread reads for us now, or hangs. */
  get busy(): boolean {
    return this.#reads > 0;
  }

  /** At most `mostBytes` of a regular file. Never rejects, and takes no longer than the deadline once it begins. */
  read(path: string, mostBytes: number): Promise<FileBytes> {
    const result = this.#queue.then(() => this.#read(path, mostBytes));
    this.#queue = result;
    return result;
  }

  async #read(path: string, mostBytes: number): Promise<FileBytes> {
    if (this.#hung !== undefined) return path === this.#hung.path ? this.#hung.found : UNREAD;
    const deadline = Promise.withResolvers<FileBytes>();
    const timer = setTimeout(() => {
      const what = `nothing came within ${this.#deadlineMs / 1000} s, as from a mount that hangs`;
      const found = { ok: false, what, write: 'look at its file system' } as const;
      this.#hung = { path, found };
      deadline.resolve(found);
    }, this.#deadlineMs);
    this.#reads++;
    const reading = readFile(path, mostBytes, this.#flags).finally(() => {
      this.#reads--;
      clearTimeout(timer);
      this.#hung = undefined;
    });
    return Promise.race([reading, deadline.promise]);
  }
}

/** A local file takes a millisecond. */
const READ_MS = 5000;
/** Without O_NONBLOCK, opening a pipe would wait for its writer. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
const UNREAD: FileBytes = { ok: false, what: 'another file hangs, and nothing is read until it comes' };
/** First guess for files that do not know their size. */
const SMALL_FILE_BYTES = 4096;

/** Never waits for a pipe or a device with the usual flags, never throws. */
async function readFile(path: string, mostBytes: number, flags: number): Promise<FileBytes> {
  try {
    await using file = await open(path, flags);
    const status = await file.stat();
    if (!status.isFile()) {
      return { ok: false, what: status.isDirectory() ? 'it is a folder' : 'it is not a regular file' };
    }
    let buffer = Buffer.alloc(Math.min(mostBytes, Math.max(status.size, SMALL_FILE_BYTES)) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length > mostBytes) break;
      if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(2 * length, mostBytes + 1));
    }
    if (length > mostBytes) return { ok: false, what: `it is over ${mostBytes / 1024} KiB` };
    return { ok: true, bytes: buffer.subarray(0, length), mode: status.mode & 0o777, group: status.gid };
  } catch (error) {
    return { ok: false, what: inWords(error as NodeJS.ErrnoException) };
  }
}

/** Of the content, or why there was none. */
export const digestOf = (found: FileBytes): string =>
  found.ok ? createHash('sha256').update(found.bytes).digest('base64') : found.what;

/** The same files as they are now. */
export const seenNow = (files: readonly FileSeen[], reader: FileReader): Promise<readonly FileSeen[]> =>
  Promise.all(
    files.map(async (file) => ({ ...file, digest: digestOf(await reader.read(file.path, file.mostBytes)) })),
  );

/** Whether something else is now where one of these was. */
export const isOther = (files: readonly FileSeen[], now: readonly FileSeen[]): boolean =>
  files.some(({ digest }, index) => now[index]?.digest !== digest);

/** The sentence about a file that could not be read. */
export const unreadable = ({ what, write }: Unread): string =>
  `the file cannot be read: ${what}; ${write ?? 'write the name of a readable file'}`;

/** The text of the configuration file: UTF-8, at most 256 KiB, not empty. */
export function configText(path: string, file: FileBytes): ConfigText {
  if (file.ok) return decode(file.bytes);
  if (file.what.startsWith('it is over')) {
    const text = `the file cannot be used: ${file.what}; write a shorter one`;
    return { ok: false, code: 'too_large', hasFile: true, text };
  }
  const text = unreadable(file).replace('the file', quote(path));
  return { ok: false, code: 'unreadable', hasFile: false, text };
}

/** Relative names start at the folder of the configuration file, or where the program runs when there is none. */
export function resolveFrom(configFile: string | undefined, name: string): string {
  return isAbsolute(name) || configFile === undefined ? name : join(dirname(configFile), name);
}

/** UTF-8, with or without a byte order mark, and something besides comments. */
function decode(bytes: Buffer): ConfigText {
  const refused = (code: string, text: string): ConfigText => ({ ok: false, code, hasFile: true, text });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refused('not_utf8', 'the file is not UTF-8 (perhaps UTF-16); write it as UTF-8');
  }
  // UTF-16 without a mark, which is also valid UTF-8.
  if (text.includes('\0'))
    return refused('not_utf8', 'the file has zero bytes in it (perhaps UTF-16); write it as UTF-8');
  if (text.split('\n').every((line) => /^\s*(#|$)/.test(line)))
    return refused('empty_file', 'the file is empty; write at least origins: and upstream:');
  return { ok: true, text };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  ERR_INVALID_ARG_VALUE: 'its name holds a zero byte',
};

const inWords = ({ code = 'unknown error' }: NodeJS.ErrnoException): string => REASONS[code] ?? code;
