import { open } from 'node:fs/promises';
import { isIPv4, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ipv6Groups } from './ip-address.ts';

/** Where Linux lists the TCP connections of this network namespace, those with IPv4 and those with IPv6 sockets. */
const SYSTEM_TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** A table that could not be read in this time says nothing. */
const READ_TIMEOUT_MS = 3000;
/** Reading costs the kernel 3 µs a connection (Linux 6.18): it is to take no more than this part of the time. */
const READING_SHARE = 1 / 20;
const MIN_INTERVAL_MS = 250;
const CHUNK_BYTES = 64 * 1024;

type Answer = (bytes: number | undefined) => void;

/**
 * How many bytes the kernel holds that the peer has not acknowledged.
 *
 * Nothing else tells whether a slow peer reads at all: Linux makes a socket writable again when a third of its send
 * buffer is free, which is a megabyte and more once the connection was fast. Node has no call for it (SIOCOUTQ,
 * TCP_INFO), but the kernel's table of connections has the number. One reading of it answers all who ask meanwhile.
 */
export class SendQueues {
  readonly #tables: readonly string[];
  readonly #readingShare: number;
  readonly #minIntervalMs: number;
  /** By the two addresses as the table has them. */
  #asked = new Map<string, Answer[]>();
  #isReading = false;
  /** No table can be read: nothing is tried again. Or one is late: nothing is until it has ended. */
  #isUseless: boolean;
  #notBeforeMs = 0;

  /** A test brings tables of its own, or has no time to wait between two readings. */
  constructor(
    tables: readonly string[] = SYSTEM_TABLES,
    readingShare = READING_SHARE,
    minIntervalMs = MIN_INTERVAL_MS,
  ) {
    this.#tables = tables;
    this.#isUseless = tables.length === 0;
    this.#readingShare = readingShare;
    this.#minIntervalMs = minIntervalMs;
  }

  /** Resolves with undefined where it cannot be known: no Linux, or the connection is gone. Never rejects. */
  unacknowledged(socket: Socket): Promise<number | undefined> {
    const key = this.#isUseless ? undefined : keyOf(socket);
    if (key === undefined) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#asked.set(key, [...(this.#asked.get(key) ?? []), resolve]);
    this.#readSoon();
    return promise;
  }

  #readSoon(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const waitMs = Math.max(0, this.#notBeforeMs - performance.now());
    setTimeout(() => void this.#readNow(), waitMs).unref();
  }

  async #readNow(): Promise<void> {
    const startMs = performance.now();
    const asked = this.#asked;
    this.#asked = new Map();
    const late = sleep(READ_TIMEOUT_MS, undefined, { ref: false });
    const tables = Promise.allSettled(this.#tables.map((table) => readTable(table, asked)));
    const results = await Promise.race([tables, late]);
    answerRest(asked);
    if (results === undefined) return this.#restAfter(tables, startMs);
    this.#isUseless = results.every(({ status }) => status === 'rejected');
    if (this.#isUseless) return answerRest(this.#asked);
    this.#endReading(startMs);
  }

  /** Late: a flood of connections, or a file system that hangs. It holds a thread, so there is no other until it ends. */
  #restAfter(tables: Promise<unknown>, startMs: number): void {
    this.#isUseless = true;
    answerRest(this.#asked);
    void tables.then(() => {
      this.#isUseless = false;
      this.#endReading(startMs);
    });
  }

  #endReading(startMs: number): void {
    const tookMs = performance.now() - startMs;
    this.#notBeforeMs =
      performance.now() + Math.max(this.#minIntervalMs, tookMs / this.#readingShare - tookMs);
    this.#isReading = false;
    if (this.#asked.size > 0) this.#readSoon();
  }
}

function answerRest(asked: Map<string, Answer[]>): void {
  for (const answers of asked.values()) for (const answer of answers) answer(undefined);
  asked.clear();
}

/** In pieces, so that thousands of connections make no long turn. */
async function readTable(table: string, asked: Map<string, Answer[]>): Promise<void> {
  await using file = await open(table);
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let rest = '';
  while (asked.size > 0) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
    if (bytesRead === 0) return;
    const lines = (rest + chunk.toString('latin1', 0, bytesRead)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) answerBy(line, asked);
  }
}

/** `  12: 0100007F:1F90 0100007F:D431 01 0000A000:00000000 …`: number, both addresses, state, send queue, … */
function answerBy(line: string, asked: Map<string, Answer[]>): void {
  const start = line.indexOf(': ') + 2;
  const end = line.indexOf(' ', line.indexOf(' ', start) + 1);
  const key = line.slice(start, end);
  const answers = asked.get(key);
  if (answers === undefined) return;
  asked.delete(key);
  const queue = Number.parseInt(line.slice(end + 4, end + 12), 16);
  for (const answer of answers) answer(Number.isNaN(queue) ? undefined : queue);
}

/** undefined: not connected. */
function keyOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const local = `${wordsOf(localAddress)}:${hex(localPort, 4)}`;
  return `${local} ${wordsOf(remoteAddress)}:${hex(remotePort, 4)}`;
}

/** The kernel shows an address as words of 32 bits, each in the byte order of the machine. */
function wordsOf(address: string): string {
  const [withoutZone = ''] = address.split('%', 1);
  const bytes = isIPv4(withoutZone)
    ? withoutZone.split('.').map(Number)
    : (ipv6Groups(withoutZone) ?? []).flatMap((group) => [group >>> 8, group & 0xff]);
  let words = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4);
    if (endianness() === 'LE') word.reverse();
    for (const byte of word) words += hex(byte, 2);
  }
  return words;
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
