import { OPERATIONS, type OperationRow } from '../nats/operations.ts';
import { ARGUMENT_KEYS, type OperationEvent } from './format.ts';

/** In place of each byte that was not recorded. */
const FILLER = '.';
const LINE_END = '\r\n';
const HEADER_START = 'NATS/1.0';

/**
 * An operation as bytes. Payloads and header values that were not recorded are filled up to their length, so that every
 * size in the line is right; blanks are as clients write them.
 */
export function operationBytes(event: OperationEvent): Buffer {
  const row = OPERATIONS.find(({ name }) => name === event.op) as OperationRow;
  const line = Buffer.from(lineOf(event, row));
  return row.hasPayload ? Buffer.concat([line, payloadOf(event), Buffer.from(LINE_END)]) : line;
}

function lineOf(event: OperationEvent, row: OperationRow): string {
  const words = row.usage === undefined ? [event.text] : row.all.map((name) => event[ARGUMENT_KEYS[name]]);
  return [event.op, ...words.filter((word) => word !== undefined && word !== '')].join(' ') + LINE_END;
}

/** Headers and payload of a message. */
export function payloadOf({ n = 0, hb = 0, hn = [], st, b }: OperationEvent): Buffer {
  if (b !== undefined) {
    const kept = Buffer.from(b, 'base64');
    return Buffer.concat([kept, Buffer.alloc(n - kept.length, FILLER)]);
  }
  return Buffer.concat([headerBlock(hb, hn, st), Buffer.alloc(n - hb, FILLER)]);
}

/** `bytes` long: the names that fit, and a last value that fills it up. */
function headerBlock(bytes: number, names: readonly string[], status: string | undefined): Buffer {
  const lines = [status === undefined ? HEADER_START : `${HEADER_START} ${status}`];
  let room = bytes - Buffer.byteLength(lines[0] as string) - 2 * LINE_END.length;
  if (room < 0) return Buffer.alloc(bytes, FILLER);
  for (const name of names) {
    const length = Buffer.byteLength(name) + 1 + LINE_END.length;
    if (length > room) break;
    lines.push(`${name}:`);
    room -= length;
  }
  if (room > 0) lines.push(`${lines.pop()} ${FILLER.repeat(room - 1)}`);
  return Buffer.from(lines.join(LINE_END) + LINE_END + LINE_END);
}
