import { isUtf8 } from 'node:buffer';
import type { Operation, Span } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';
import { type Policy, violation } from './inspection.ts';

/**
 * What every enforcer lets a client send. nats-server is the judge: everything that client libraries write passes, also
 * what the server answers with an `-ERR` without closing. Refused are a few forms that the server accepts and no
 * library writes. Each of them can mean one thing to a filter and another to the server (a bare LF, `0002`), hide text
 * from the counts (text after PING, long sids), or harm subscribers (control bytes, broken UTF-8).
 */

const TAB = 0x09;
const CR = 0x0d;
const BLANK = 0x20;
const DEL = 0x7f;
const ZERO = 0x30;
const MAX_SID_BYTES = 64;

export const linePolicy: Policy = {
  // The fast scan reads no message in one of these forms.
  needsEveryMessage: false,
  judge(operation) {
    const expected = lineViolation(operation);
    return expected === undefined ? undefined : violation(expected);
  },
};

/** undefined: the operation may pass. Else: what was expected in its place. */
export function lineViolation(operation: Operation): string | undefined {
  const { bytes, line, text } = operation;
  if (bytes[line.end - 2] !== CR) return 'a line that ends with CR LF';
  switch (operation.verb) {
    case VERB.PUB:
    case VERB.HPUB:
      return sizeViolation(operation) ?? nameViolation(operation);
    case VERB.SUB:
    case VERB.UNSUB:
      return nameViolation(operation) ?? sidViolation(bytes, operation.sid);
    case VERB.PING:
    case VERB.PONG:
      return text.length > 0 ? 'no text after PING or PONG' : undefined;
    default:
      return 'an operation of a client';
  }
}

function sizeViolation({ bytes, size, headerSize }: Operation): string | undefined {
  const isPadded = (span: Span): boolean => span.length > 1 && bytes[span.start] === ZERO;
  return isPadded(size) || isPadded(headerSize) ? 'sizes without leading zeros' : undefined;
}

/** Subjects, reply and queue names: valid UTF-8 without control bytes. A TAB separates them like a blank. */
function nameViolation({ bytes, text }: Operation): string | undefined {
  let ascii = true;
  for (let at = text.start; at < text.end; at++) {
    const byte = bytes[at] as number;
    if ((byte < BLANK && byte !== TAB) || byte === DEL) return 'names without control bytes';
    if (byte > DEL) ascii = false;
  }
  return ascii || isUtf8(bytes.subarray(text.start, text.end)) ? undefined : 'names in UTF-8';
}

function sidViolation(bytes: Buffer, { start, end }: Span): string | undefined {
  if (end - start > MAX_SID_BYTES) return `a sid of at most ${MAX_SID_BYTES} bytes`;
  for (let at = start; at < end; at++) if ((bytes[at] as number) > DEL) return 'a sid of ASCII characters';
  return undefined;
}
