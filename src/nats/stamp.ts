import { readTemplate, type Template } from './name-template.ts';
import type { Span } from './operation.ts';

/** What a stamp may say: who the client is, by a verified token, and a name for its session that nobody can guess. */
export const STAMP_VALUES = ['user', 'tenant', 'session'] as const;
type StampValue = (typeof STAMP_VALUES)[number];
export type StampTemplate = Template<StampValue>;
export type StampHeaders = Readonly<Record<string, StampTemplate>>;
export type StampFacts = Readonly<Partial<Record<StampValue, string>>>;

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const BLANK = 0x20;
const TAB = 0x09;
const VERSION = Buffer.from('NATS/1.0\r\n');
const HPUB = Buffer.from('HPUB ');
const LINE_END = Buffer.from('\r\n');

export const readStampTemplate = (text: string): StampTemplate | undefined =>
  readTemplate(text, STAMP_VALUES);

/** Whether this can be the name of a header of a stamp. Names of nats-server have a meaning there. */
export const isStampName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(name) && !/^nats-/i.test(name);

/** The message line and header block of a publication, from operation.ts. */
type Publication = {
  readonly bytes: Buffer;
  readonly subject: Span;
  readonly reply: Span;
  /** Headers included. */
  readonly payloadBytes: number;
  /** Of its header block; 0: it has none. */
  readonly headerBytes: number;
  readonly headers: Span;
};

/** Writes who a client is into each of its messages, and removes what the client itself writes under these names. */
export class Stamp {
  /** Header lines, each with its line end. */
  readonly #lines: Buffer;
  /** Of the lines, in lower case. */
  readonly #names: readonly Buffer[];
  /** For stamp-run.ts, of a message without headers: the size of its header block up to `prefixBytes`, then the block. */
  readonly template: Buffer;
  readonly prefixBytes: number;

  /** A header with a value that the facts do not have is left out: nobody is known. */
  constructor(headers: StampHeaders, facts: StampFacts) {
    const lines: string[] = [];
    for (const [name, template] of Object.entries(headers)) {
      const value = filled(template, facts);
      if (value !== undefined) lines.push(`${name}: ${value}\r\n`);
    }
    this.#lines = Buffer.from(lines.join(''));
    const prefix = `${this.bytes} `;
    this.prefixBytes = prefix.length;
    this.template = Buffer.from(`${prefix}\r\n${VERSION}${lines.join('')}\r\n`);
    this.#names = Object.keys(headers).map((name) => Buffer.from(name.toLowerCase()));
  }

  /** By which a message without headers grows at most. */
  get bytes(): number {
    return VERSION.length + this.#lines.length + LINE_END.length;
  }

  /**
   * The line and the header block of the publication with the stamp; its payload follows unchanged. undefined: the client
   * has hidden a header of the stamp where it cannot be cut out, or has written its block so that some readers would not
   * find the stamp.
   */
  write({ bytes, subject, reply, payloadBytes, headerBytes, headers }: Publication): Buffer | undefined {
    const kept = headerBytes === 0 ? NO_HEADERS : this.#keptOf(bytes, headers.start, headers.end);
    if (kept === undefined) return undefined;
    // The client's own block, where it is, if nothing had to be cut out.
    const start = kept === bytes ? headers.start : 0;
    const end = kept === bytes ? headers.end : kept.length;
    const next = afterFirstLine(kept, start);
    if (next === undefined) return undefined;
    const lines = this.#lines;
    const blockBytes = end - start + lines.length;
    const size = blockBytes + payloadBytes - headerBytes;
    const replyBytes = reply.length > 0 ? reply.length + 1 : 0;
    const lineBytes = HPUB.length + subject.length + replyBytes + digitsOf(blockBytes) + digitsOf(size) + 4;
    const written = Buffer.allocUnsafe(lineBytes + blockBytes);
    let at = copyTo(written, 0, HPUB, 0, HPUB.length);
    at = copyTo(written, at, bytes, subject.start, subject.end);
    written[at++] = BLANK;
    if (reply.length > 0) {
      at = copyTo(written, at, bytes, reply.start, reply.end);
      written[at++] = BLANK;
    }
    at = writeNumber(written, at, blockBytes);
    written[at++] = BLANK;
    at = writeNumber(written, at, size);
    at = copyTo(written, at, LINE_END, 0, LINE_END.length);
    at = copyTo(written, at, kept, start, next);
    // Before those of the client: some readers take the first of equal ones.
    at = copyTo(written, at, lines, 0, lines.length);
    copyTo(written, at, kept, next, end);
    return written;
  }

  /** The block without lines of the stamp's names; `bytes` if it has none. undefined: one cannot be cut out. */
  #keptOf(bytes: Buffer, start: number, end: number): Buffer | undefined {
    let pieces: Buffer[] | undefined;
    let from = start;
    // Every CR and every LF begins a line for some reader.
    for (let line = start, at = start; at < end; at++) {
      const byte = bytes[at];
      if (byte !== CR && byte !== LF) continue;
      if (this.#isOwn(bytes, line, at)) {
        const isWhole =
          byte === CR && bytes[at + 1] === LF && bytes[line - 1] === LF && bytes[line - 2] === CR;
        if (!isWhole || line === start) return undefined;
        pieces ??= [];
        pieces.push(bytes.subarray(from, line));
        from = at + 2;
      }
      line = at + 1;
    }
    return pieces === undefined ? bytes : Buffer.concat([...pieces, bytes.subarray(from, end)]);
  }

  #isOwn(bytes: Buffer, start: number, end: number): boolean {
    let first = start;
    while (first < end && isBlank(bytes[first])) first++;
    let colon = first;
    while (colon < end && bytes[colon] !== COLON) colon++;
    if (colon === end) return false;
    let last = colon;
    while (last > first && isBlank(bytes[last - 1])) last--;
    for (const name of this.#names) if (isName(name, bytes, first, last)) return true;
    return false;
  }
}

/**
 * Where the headers of a block begin, whose first line is `NATS/1.0` alone. undefined: some reader would look for headers
 * elsewhere (nats.py, after ten bytes), or take the client's first header for more of the stamp's last value (async-nats and
 * nats.py, where it begins with white space of any kind).
 */
function afterFirstLine(block: Buffer, start: number): number | undefined {
  const next = start + VERSION.length;
  const first = block[next] as number;
  const isAlone = block[next - 2] === CR && block[next - 1] === LF;
  return isAlone && (first === CR || (first > BLANK && first < 0x7f)) ? next : undefined;
}

/** Returns the offset after it. A call of `copy` takes longer for a few bytes. */
function copyTo(to: Buffer, at: number, from: Buffer, start: number, end: number): number {
  if (end - start > 64) return at + from.copy(to, at, start, end);
  for (let place = start; place < end; place++) to[at + place - start] = from[place] as number;
  return at + end - start;
}

function digitsOf(number: number): number {
  let digits = 1;
  for (let power = 10; power <= number; power *= 10) digits++;
  return digits;
}

/** Returns the offset after it. */
function writeNumber(to: Buffer, at: number, number: number): number {
  const end = at + digitsOf(number);
  for (let place = end - 1, left = number; place >= at; place--, left = Math.floor(left / 10))
    to[place] = 0x30 + (left % 10);
  return end;
}

const NO_HEADERS = Buffer.concat([VERSION, LINE_END]);

const isBlank = (byte: number | undefined): boolean => byte === BLANK || byte === TAB;

/** `name` is in lower case. */
function isName(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== name.length) return false;
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at] as number;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name[at]) return false;
  }
  return true;
}

/** undefined: a value is not known. */
function filled(template: StampTemplate, facts: StampFacts): string | undefined {
  const parts = template.map((part) => {
    if (typeof part === 'string') return part;
    const value = facts[part.value];
    return value === undefined ? undefined : escaped(value);
  });
  return parts.includes(undefined) ? undefined : parts.join('');
}

/** What is not visible ASCII as %XX, so that no value ends its line and no two users look the same. */
const escaped = (text: string): string =>
  text.replace(/[^!-~]|%/gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(
      '',
    ),
  );
