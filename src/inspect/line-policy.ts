import { isUtf8 } from 'node:buffer';
import type { NatsParser } from '../nats/parser.ts';
import { VERB } from '../nats/protocol.ts';

/**
 * What an enforcer lets a client say: the forms that every reader reads alike. nats-server takes more (a bare LF, text
 * behind PING, `0002`, control bytes in subjects); each of those is a way to mean one thing to a filter and another to
 * the server, or to trouble subscribers, and no client library writes them.
 *
 * Most PUB lines never come here: the strict runs of src/nats/plain-run.ts let pass what needs no second look. Whoever
 * makes a rule stricter does it there too; test/nats/plain-run.test.ts compares.
 */

const CR = 0x0d;
const BLANK = 0x20;
const TAB = 0x09;
const DOT = 0x2e;
const STAR = 0x2a;
const GREATER = 0x3e;
const ZERO = 0x30;
const MAX_SID_BYTES = 64;

/** undefined: it may pass. Else what was expected in its place. CONNECT is somebody else's matter. */
export function lineBreach(line: NatsParser): string | undefined {
  const { bytes, tokens } = line;
  if (bytes[line.lineEnd - 2] !== CR) return 'a line that ends with CR LF';
  switch (line.verb) {
    case VERB.PUB:
      return (
        sizeBreach(line) ??
        subjectBreach(bytes, line.firstStart, line.firstEnd, false) ??
        (tokens === 3 ? subjectBreach(bytes, line.previousStart, line.previousEnd, false) : undefined)
      );
    case VERB.HPUB: {
      const breach = sizeBreach(line) ?? subjectBreach(bytes, line.firstStart, line.firstEnd, false);
      if (breach !== undefined || tokens === 3) return breach;
      const [start, end] = secondToken(line);
      return subjectBreach(bytes, start, end, false);
    }
    case VERB.SUB:
      return (
        subjectBreach(bytes, line.firstStart, line.firstEnd, true) ??
        (tokens === 3 ? textBreach(bytes, line.previousStart, line.previousEnd) : undefined) ??
        sidBreach(bytes, line.lastStart, line.lastEnd)
      );
    case VERB.UNSUB:
      if (tokens === 2 && !isNumber(bytes, line.lastStart, line.lastEnd))
        return 'UNSUB sid [max] with a number without leading zeros';
      return sidBreach(bytes, line.firstStart, line.firstEnd);
    case VERB.PING:
    case VERB.PONG:
      return line.argumentEnd > line.argumentStart ? 'no text behind PING or PONG' : undefined;
    case VERB.CONNECT:
      return undefined;
    default:
      return 'an operation of a client';
  }
}

function sizeBreach({
  bytes,
  verb,
  previousStart,
  previousEnd,
  lastStart,
  lastEnd,
}: NatsParser): string | undefined {
  const zeros = (start: number, end: number): boolean => end - start > 1 && bytes[start] === ZERO;
  const padded = zeros(lastStart, lastEnd) || (verb === VERB.HPUB && zeros(previousStart, previousEnd));
  return padded ? 'sizes without leading zeros' : undefined;
}

/** `pattern`: wildcards are allowed, `>` as the last token only. */
function subjectBreach(bytes: Buffer, start: number, end: number, pattern: boolean): string | undefined {
  if (isPlainSubject(bytes, start, end)) return undefined;
  let tokenStart = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] !== DOT) continue;
    const length = at - tokenStart;
    if (length === 0) return 'a subject without empty tokens';
    if (length === 1) {
      const only = bytes[tokenStart];
      if (!pattern && (only === STAR || only === GREATER)) return 'a subject without wildcards';
      if (only === GREATER && at < end) return '> as the last token only';
    }
    tokenStart = at + 1;
  }
  return textBreach(bytes, start, end);
}

/** Tokens of visible ASCII without wildcards, which nearly every subject is: one look at each byte tells. */
function isPlainSubject(bytes: Buffer, start: number, end: number): boolean {
  let previous = DOT;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    // Letters, of which there are most, behind one comparison.
    if (byte <= GREATER) {
      if (byte === DOT ? previous === DOT : byte <= BLANK || byte === STAR || byte === GREATER) return false;
    } else if (byte >= 0x7f) return false;
    previous = byte;
  }
  return previous !== DOT;
}

/** Valid UTF-8 without control bytes. */
function textBreach(bytes: Buffer, start: number, end: number): string | undefined {
  let ascii = true;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < BLANK || byte === 0x7f) return 'names without control bytes';
    if (byte >= 0x80) ascii = false;
  }
  return ascii || isUtf8(bytes.subarray(start, end)) ? undefined : 'names in UTF-8';
}

function sidBreach(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start > MAX_SID_BYTES) return `a sid of at most ${MAX_SID_BYTES} bytes`;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte <= BLANK || byte >= 0x7f) return 'a sid of printable characters';
  }
  return undefined;
}

function isNumber(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < ZERO || byte > 0x39) return false;
  }
  // The server reads longer ones as no number at all.
  return end - start <= 9 && !(end - start > 1 && bytes[start] === ZERO);
}

function secondToken(line: NatsParser): readonly [number, number] {
  const { bytes } = line;
  const isBlank = (at: number): boolean => bytes[at] === BLANK || bytes[at] === TAB;
  let start = line.firstEnd;
  while (isBlank(start)) start++;
  let end = start;
  while (!isBlank(end)) end++;
  return [start, end];
}
