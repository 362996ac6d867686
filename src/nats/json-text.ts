/** Text in JSON as Go's encoding/json understands it. */

import { isUtf8 } from 'node:buffer';

const PRINTABLE_ASCII = /^[ -~]*$/;
const BACKSLASH = 0x5c;

/** The text of a scanned string, quotes included in the bytes: what is no UTF-8, and half a surrogate pair, is U+FFFD. */
export function decodeJsonString(quoted: Buffer): string {
  if (isPlain(quoted)) return quoted.toString('latin1', 1, quoted.length - 1);
  return (JSON.parse(decodeUtf8(quoted)) as string).toWellFormed();
}

/**
 * Go's case folding of keys, as far as it can lead to an ASCII name. Beyond ASCII only U+017F (a long s) and U+212A
 * (the sign of kelvin) fold into it, and JavaScript's toUpperCase knows but the first, its toLowerCase but the second.
 */
export function foldKey(key: string): string {
  if (PRINTABLE_ASCII.test(key)) return key.toUpperCase();
  return key.replace(/[a-z\u017f\u212a]/g, (character) =>
    character === '\u212a' ? 'K' : character.toUpperCase(),
  );
}

/** ASCII without escapes, as nearly all keys are: a client may write hundreds of them in one line. */
function isPlain(quoted: Buffer): boolean {
  for (let at = 0; at < quoted.length; at++) {
    const byte = quoted[at] as number;
    if (byte === BACKSLASH || byte > 0x7f) return false;
  }
  return true;
}

/** Go puts one U+FFFD for each byte that is no UTF-8; Node puts one for several. */
function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] ?? 0);
    const sequence = bytes.subarray(at, at + length);
    const isValid = sequence.length === length && isUtf8(sequence);
    text += isValid ? sequence.toString('utf8') : '\ufffd';
    at += isValid ? length : 1;
  }
  return text;
}

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
