/** The frame of a header block: it begins with `NATS/1.0` and ends with an empty line. */

const BLANK = 0x20;
const CR = 0x0d;
const BEGINNING = Buffer.from('NATS/1.0');
const ENDING = Buffer.from('\r\n\r\n');

/**
 * Whether a piece of a block may be what comes after its first `seen` bytes. What is between the beginning and the end is
 * for the readers of the message: nats.net lets line feeds into a value, nats.py empty lines too. Only a few bytes are
 * looked at, so a long block costs no more than a short one.
 */
export function headersGoOn(
  bytes: Buffer,
  start: number,
  end: number,
  seen: number,
  blockBytes: number,
): boolean {
  const endingFrom = blockBytes - ENDING.length;
  if (endingFrom < BEGINNING.length) return false;
  const stop = Math.min(blockBytes, seen + end - start);
  for (let at = seen; at < stop; at++) {
    if (at > BEGINNING.length && at < endingFrom) at = Math.min(endingFrom, stop);
    if (at === stop) break;
    const byte = bytes[start + at - seen];
    if (at < BEGINNING.length && byte !== BEGINNING[at]) return false;
    if (at === BEGINNING.length && byte !== BLANK && byte !== CR) return false;
    if (at >= endingFrom && byte !== ENDING[at - endingFrom]) return false;
  }
  return true;
}
