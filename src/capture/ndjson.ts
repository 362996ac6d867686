import { OPERATIONS, type OperationRow } from '../nats/operations.ts';
import { parseIpAddress } from '../net/ip-address.ts';
import { ARGUMENT_KEYS, type CaptureRecord, VERDICTS, WAYS } from './format.ts';

/** A line with a payload of several MiB in base64 is as long. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** nats-server takes no larger payload, whatever its configuration. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
const MAX_TEXT_CHARACTERS = 1024 * 1024;
const MAX_HEADER_NAMES = 1024;
const LF = 0x0a;

/** What is wrong with a capture file: one sentence that begins with the line. */
export class CaptureError extends Error {}

/** The records of a capture file, checked. Throws a `CaptureError` at the first fault. */
export async function* readCapture(chunks: AsyncIterable<Buffer>): AsyncGenerator<CaptureRecord> {
  let number = 0;
  let lastMicros = 0;
  let hasEnded = false;
  let payloads: unknown;
  for await (const line of linesOf(chunks)) {
    number++;
    try {
      const record = objectOf(line);
      if (number === 1) {
        checkHeader(record);
        payloads = record['payloads'];
      } else {
        if (hasEnded) throw new CaptureError('nothing may follow the line with "end"');
        const micros = record['t'];
        check(
          isCount(micros) && micros >= lastMicros,
          't',
          'a whole number, not less than in the line before',
        );
        lastMicros = micros as number;
        hasEnded = record['end'] !== undefined;
        if (hasEnded) checkEnd(record['end']);
        else if (record['d'] === 'g') check(isText(record['note']), 'note', 'a text');
        else checkOperation(record, payloads === 'full');
      }
      yield record as unknown as CaptureRecord;
    } catch (error) {
      throw error instanceof CaptureError ? new CaptureError(`line ${number}: ${error.message}`) : error;
    }
  }
  if (number === 0) throw new CaptureError('the file is empty');
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      held.push(chunk.subarray(start, end));
      yield Buffer.concat(held).toString();
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    held.push(chunk.subarray(start));
    heldBytes += chunk.length - start;
    if (heldBytes > MAX_LINE_BYTES)
      throw new CaptureError(`a line has more than ${MAX_LINE_BYTES} bytes; this is not a natsgate capture`);
  }
  if (heldBytes > 0) yield Buffer.concat(held).toString();
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new CaptureError('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CaptureError('not a JSON object');
  return value as Fields;
}

function checkHeader(header: Fields): void {
  const { v, kind, session, started, payloads, subjects, client, server } = header;
  if (kind !== 'natsgate-capture') throw new CaptureError('this is not a natsgate capture');
  check(v === 1, 'v', '1; a newer natsgate has written this file');
  check(isText(session), 'session', 'a text');
  check(
    typeof started === 'string' && ISO_TIME.test(started),
    'started',
    'a time such as 2026-01-31T12:00:00.000Z',
  );
  check(payloads === 'masked' || payloads === 'full', 'payloads', '"masked" or "full"');
  check(subjects === undefined || subjects === 'hashed', 'subjects', '"hashed"');
  for (const key of ['route', 'origin', 'user']) check(isMissing(header[key], isText), key, 'a text');
  check(isMissing(client, isAddress), 'client', 'an IP address');
  if (server === undefined) return;
  check(typeof server === 'object' && server !== null, 'server', 'an object');
  const { name, version, cid, address } = server as Fields;
  check(isMissing(name, isText), 'server.name', 'a text');
  check(isMissing(version, isText), 'server.version', 'a text');
  check(isMissing(cid, isCount), 'server.cid', 'a whole number');
  check(isMissing(address, isAddress), 'server.address', 'an IP address');
}

function checkEnd(end: unknown): void {
  check(typeof end === 'object' && end !== null, 'end', 'an object');
  const { reason, operations, lost } = end as Fields;
  check(isText(reason), 'end.reason', 'a text');
  check(isCount(operations), 'end.operations', 'a whole number');
  check(isCount(lost), 'end.lost', 'a whole number');
}

function checkOperation(event: Fields, hasPayloads: boolean): void {
  const { d, op, v, note, hn, st, text, b, n, hb } = event;
  check(WAYS.includes(d as never), 'd', `one of ${WAYS.join(', ')}, g`);
  const row = OPERATIONS.find(({ name }) => name === op);
  if (row === undefined) throw new CaptureError('op: expected a NATS operation');
  const direction = d === 'c>' || d === '>s' ? 'to_upstream' : 'to_client';
  check(row.directions.includes(direction), 'op', `an operation for ${String(d)}`);
  check(
    isMissing(v, (value) => VERDICTS.includes(value as never)),
    'v',
    `one of ${VERDICTS.join(', ')}`,
  );
  check(isMissing(note, isText), 'note', 'a text');
  check(isMissing(text, isText), 'text', 'a text in one line');
  if (row.needsText) check(isText(text) && text !== '', 'text', 'a text in one line');
  checkArguments(event, row);
  if (!row.hasPayload) return;
  check((n as number) <= MAX_PAYLOAD_BYTES, 'n', `at most ${MAX_PAYLOAD_BYTES}`);
  if (row.hasHeaders) check((hb as number) <= (n as number), 'hb', 'at most n');
  check(isMissing(hn, isNames), 'hn', 'a list of header names');
  check(
    isMissing(st, (value) => typeof value === 'string' && /^\d{3}$/.test(value)),
    'st',
    'three digits',
  );
  if (b === undefined) return;
  check(hasPayloads, 'b', 'none, as payloads are masked');
  const isKept = typeof b === 'string' && Buffer.from(b, 'base64').length <= (n as number);
  check(isKept, 'b', 'n bytes in base64, or the first of them');
}

function checkArguments(event: Fields, row: OperationRow): void {
  for (const name of row.all) {
    const key = ARGUMENT_KEYS[name];
    const value = event[key];
    const isNumber = name === 'max' || name === 'headerSize' || name === 'size';
    if (value === undefined && !row.short.includes(name)) continue;
    check(
      isNumber ? isCount(value) : isToken(value),
      key,
      isNumber ? 'a whole number' : 'a text without blanks',
    );
  }
}

function check(isRight: boolean, key: string, expected: string): void {
  if (!isRight) throw new CaptureError(`${key}: expected ${expected}`);
}

const ISO_TIME = /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/;
const isMissing = (value: unknown, isRight: (value: unknown) => boolean): boolean =>
  value === undefined || isRight(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= MAX_TEXT_CHARACTERS && !/[\r\n]/.test(value);
const isToken = (value: unknown): boolean => isText(value) && /^[^ \t]+$/.test(value as string);
const isAddress = (value: unknown): boolean =>
  typeof value === 'string' && parseIpAddress(value) !== undefined;
const isNames = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length <= MAX_HEADER_NAMES &&
  value.every((name) => isText(name) && name !== '' && !name.includes(':'));
