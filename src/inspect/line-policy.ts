import { isUtf8 } from 'node:buffer';
import type { NatsParser } from '../nats/parser.ts';
import { VERB } from '../nats/protocol.ts';

/**
 * What an enforcer lets a client say where no policy says more. nats-server is the judge: what it takes from a client
 * library passes, also what it answers with an `-ERR` and goes on after. Refused are a few forms that it takes and that
 * no library writes: each is a way to mean one thing to a filter and another to the server (a bare LF, `0002`), to get
 * words past the books (text after PING, long sids), or to trouble subscribers (control bytes, broken UTF-8).
 *
 * Most PUB lines never come here: plain runs (src/nats/plain-run.ts) hold none of these forms.
 */

const TAB = 0x09;
const CR = 0x0d;
const BLANK = 0x20;
const DEL = 0x7f;
const ZERO = 0x30;
const MAX_SID_BYTES = 64;

/** undefined: it may pass. Else what was expected in its place. CONNECT is somebody else's matter. */
export function lineBreach(line: NatsParser): string | undefined {
  if (line.bytes[line.lineEnd - 2] !== CR) return 'a line that ends with CR LF';
  switch (line.verb) {
    case VERB.PUB:
    case VERB.HPUB:
      return sizeBreach(line) ?? textBreach(line);
    case VERB.SUB:
      return textBreach(line) ?? sidBreach(line, line.lastStart, line.lastEnd);
    case VERB.UNSUB:
      return textBreach(line) ?? sidBreach(line, line.firstStart, line.firstEnd);
    case VERB.PING:
    case VERB.PONG:
      return line.argumentEnd > line.argumentStart ? 'no text after PING or PONG' : undefined;
    case VERB.CONNECT:
      return undefined;
    default:
      return 'an operation of a client';
  }
}

function sizeBreach(line: NatsParser): string | undefined {
  const { bytes, verb } = line;
  const padded = (start: number, end: number): boolean => end - start > 1 && bytes[start] === ZERO;
  const breach =
    padded(line.lastStart, line.lastEnd) ||
    (verb === VERB.HPUB && padded(line.previousStart, line.previousEnd));
  return breach ? 'sizes without leading zeros' : undefined;
}

/** Subjects, reply and queue names: valid UTF-8 without control bytes. TAB separates them, as blanks do. */
function textBreach({ bytes, argumentStart, argumentEnd }: NatsParser): string | undefined {
  let ascii = true;
  for (let at = argumentStart; at < argumentEnd; at++) {
    const byte = bytes[at] as number;
    if ((byte < BLANK && byte !== TAB) || byte === DEL) return 'names without control bytes';
    if (byte > DEL) ascii = false;
  }
  return ascii || isUtf8(bytes.subarray(argumentStart, argumentEnd)) ? undefined : 'names in UTF-8';
}

function sidBreach({ bytes }: NatsParser, start: number, end: number): string | undefined {
  if (end - start > MAX_SID_BYTES) return `a sid of at most ${MAX_SID_BYTES} bytes`;
  for (let at = start; at < end; at++) if ((bytes[at] as number) > DEL) return 'a sid of ASCII characters';
  return undefined;
}
