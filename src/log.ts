import { isatty } from 'node:tty';
import { pino } from 'pino';
import { asText } from './log-text.ts';
import { printableJson } from './printable.ts';
import { RecentLines } from './recent-lines.ts';

/** What shows most comes first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** As configured by `log:`. */
export type LogConfig = {
  readonly level: (typeof LOG_LEVELS)[number];
  readonly format: 'auto' | 'json' | 'text';
};

/** What the parts of the gateway log with: pino's call form, fields first. */
export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'isLevelEnabled' | 'level'> & {
  /** Another level or format, from the next line on. */
  configure(config: LogConfig): void;
  readonly recent: RecentLines;
};

/** Where lines go. A write never throws, never blocks and never queues without bound. */
export type LogDestination = {
  write(line: string): void;
  /** Somebody looks at a terminal, with or without colours; absent: a file, a pipe, a collector. */
  readonly terminal?: { readonly colour: boolean } | undefined;
};

export type StandardOutput = LogDestination & {
  /** Lines dropped because the reader was too slow, or gone. */
  readonly droppedLines: number;
  /** Waits until everything queued is written, at most `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>;
};

/** Lines waiting for a slow reader may take this much memory; more are dropped and counted. */
const MAX_QUEUED_BYTES = 1024 * 1024;

/**
 * Lines within this time leave in one write, unless they are many. A write for each cost 43 µs of CPU, a sixth of a
 * handshake, one for each turn still 26 (Node 26.10: most of it wakes the thread that writes).
 */
const BATCH_MS = 20;
const MAX_BATCH_CHARACTERS = 16 * 1024;

/** How often a full queue is tried again. */
const RETRY_MS = 1000;

/** Foreign text (an Origin, an address) is cut to this many characters before it is logged. */
export const MAX_FOREIGN_CHARACTERS = 128;

/**
 * A log destination on a file descriptor that survives a closed, frozen or full reader: lines that cannot be
 * written are dropped and counted, and writing goes on when it works again (a closed pipe stays closed).
 * `colour`: whether a terminal gets colours.
 */
export function standardOutput(fileDescriptor: number, colour = false): StandardOutput {
  let droppedLines = 0;
  let readerGone = false;
  const stream = pino.destination({
    fd: fileDescriptor,
    sync: false,
    maxLength: MAX_QUEUED_BYTES,
    minLength: 1,
  });
  // At exit pino would write the rest and wait for a frozen reader for ever; `flush` waits with a deadline.
  stream.flushSync = () => {};
  let retriedAtMs = 0;
  stream.on('drop', (batch: string) => {
    droppedLines += batch.split('\n').length - 1;
    // After a failed write (a full disk) nothing writes again by itself while the queue is full.
    const nowMs = performance.now();
    if (nowMs - retriedAtMs < RETRY_MS) return;
    retriedAtMs = nowMs;
    stream.flush();
  });
  // Without a listener an EPIPE or ENOSPC would end the process; the line in hand counts as lost.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    droppedLines++;
    if (error.code === 'EPIPE') readerGone = true;
  });
  let batch = '';
  const pass = (): void => {
    if (batch === '') return;
    const lines = batch;
    batch = '';
    stream.write(lines);
  };
  return {
    terminal: isatty(fileDescriptor) ? { colour } : undefined,
    write: (line) => {
      if (readerGone) {
        droppedLines++;
        return;
      }
      if (batch === '') setTimeout(pass, BATCH_MS);
      batch += line;
      if (batch.length >= MAX_BATCH_CHARACTERS) pass();
    },
    get droppedLines() {
      return droppedLines;
    },
    flush: (deadlineMs) =>
      new Promise<void>((resolve) => {
        pass();
        const deadline = setTimeout(resolve, deadlineMs);
        stream.flush(() => {
          clearTimeout(deadline);
          resolve();
        });
      }),
  };
}

/** The program's one logger. JSON lines with a word for the level and ISO time, or text for people. */
export function createLog(config: LogConfig, destination: LogDestination): Log {
  const { terminal } = destination;
  const isText = ({ format }: LogConfig): boolean =>
    format === 'auto' ? terminal !== undefined : format === 'text';
  let text = isText(config);
  const recent = new RecentLines();
  const target: LogDestination = {
    write: (line) => {
      destination.write(text ? asText(line, terminal?.colour) : printableJson(line));
      recent.add(line);
    },
  };
  const logger = pino(
    {
      level: config.level,
      base: null,
      messageKey: 'message',
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  );
  return Object.assign(logger, {
    recent,
    configure: (next: LogConfig): void => {
      logger.level = next.level;
      text = isText(next);
    },
  });
}

let secondStartMs = Number.NaN;
let secondText = '';

/** pino's isoTime, which formats the whole date anew for each line (3.5 µs); only the milliseconds are new here. */
function isoTime(): string {
  const nowMs = Date.now();
  const ms = nowMs - secondStartMs;
  if (!(ms >= 0 && ms < 1000)) {
    secondText = new Date(nowMs).toISOString().slice(0, 20);
    secondStartMs = nowMs - (nowMs % 1000);
    return isoTime();
  }
  return `,"time":"${secondText}${String(ms).padStart(3, '0')}Z"`;
}

/**
 * Text of a stranger made safe for a log: cut, and everything outside printable ASCII written as `\u{hex}`, so
 * that no line break, escape sequence or look-alike survives into a terminal or a log viewer.
 */
export function foreignText(text: string, mostCharacters = MAX_FOREIGN_CHARACTERS): string {
  const cut = text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text;
  return cut.replace(/[^\x20-\x7e…]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/**
 * Lets `burst` lines of each key through, and `perSecond` from then on, and counts the others, so that a flood of
 * refusals neither fills a disk nor costs more than it says. Keys must come from a closed set.
 */
export class LineLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { lines: number; atMs: number; suppressed: number }>();

  constructor(perSecond: number, burst = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** undefined: do not log. Otherwise the number of lines suppressed since the last one that went through. */
  pass(key: string, nowMs: number): number | undefined {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { lines: this.#burst, atMs: nowMs, suppressed: 0 };
      this.#buckets.set(key, bucket);
    }
    const lines = bucket.lines + ((nowMs - bucket.atMs) / 1000) * this.#perSecond;
    bucket.lines = Math.min(this.#burst, lines);
    bucket.atMs = nowMs;
    if (bucket.lines < 1) {
      bucket.suppressed++;
      return undefined;
    }
    bucket.lines--;
    const { suppressed } = bucket;
    bucket.suppressed = 0;
    return suppressed;
  }
}
