import type { Verdict } from '../inspect/inspection.ts';
import { CREDENTIAL_FIELDS, readConnect } from '../nats/connect.ts';
import { withShortInboxes } from '../nats/inbox.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, rowOf, VERB } from '../nats/operations.ts';
import type { ParseError } from '../nats/protocol.ts';
import { FULL_SUBJECTS, type ShownSubjects } from '../nats/shown-subjects.ts';
import { ARGUMENT_KEYS, type CapturedVerdict, type OperationEvent } from './format.ts';

/** Of one message; more would make the lines of a capture long. */
const MAX_HEADER_NAMES = 32;
const MAX_NAME_CHARACTERS = 64;
/** A line that goes on with the value before it has none. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+(?=:)/;
const SECRETS: ReadonlySet<string> = new Set([...CREDENTIAL_FIELDS, 'proxy_sig']);
const HIDDEN = '***';

const VERDICT_WORDS = { replace: 'replaced', drop: 'dropped', end: 'ended' } as const satisfies Record<
  Verdict['kind'],
  CapturedVerdict
>;
/** Times its bytes: the JSON of a CONNECT can be made so that it is slow to read. */
const CONNECT_COST = 16;
const SIDES: Readonly<Record<Direction, string>> = { to_upstream: 'client', to_client: 'server' };

/** What an event is, but for where and when it was seen. */
export type SeenOperation = Omit<OperationEvent, 't' | 'd'>;

/** In bytes of an allowance. */
export const costOf = ({ headerBytes, line, verb }: Operation): number =>
  verb === VERB.CONNECT ? line.length * CONNECT_COST : line.length + headerBytes;

/**
 * An operation as it is recorded: without payload, header values and credentials. Header names are there when the block
 * came in one read with its line.
 */
export function eventOf(
  operation: Operation,
  verdict?: Verdict,
  subjects: ShownSubjects = FULL_SUBJECTS,
): SeenOperation {
  const event = argumentsOf(operation, subjects);
  if (verdict === undefined) return event;
  const v = VERDICT_WORDS[verdict.kind];
  return { ...event, v, ...(verdict.kind === 'end' ? { note: verdict.expected } : {}) };
}

/** A line of natsgate: CONNECT, INFO or -ERR, it writes nothing else. */
export function writtenEvent(line: string, subjects: ShownSubjects): SeenOperation {
  const [op = ''] = line.trim().split(' ', 1);
  const text = line.slice(op.length + 1).trim();
  if (op === rowOf(VERB.CONNECT).name) return { op, text: withoutSecrets(Buffer.from(text)) };
  return { op, text: op === rowOf(VERB.ERR).name ? subjects.sentence(inOneLine(text)) : freeText(text) };
}

export const stopNote = (direction: Direction, { problem, offset }: ParseError): string =>
  `nothing of the ${SIDES[direction]} is recorded after this, because its bytes cannot be read (${problem} at byte ${offset})`;

/** `ms`: how long the pause was that has ended. */
export const pauseNote = (direction: Direction, ms?: number): string =>
  ms === undefined
    ? `the ${SIDES[direction]} is not read: the other side takes no more bytes`
    : `the ${SIDES[direction]} is read again after ${ms} ms`;

function argumentsOf(operation: Operation, subjects: ShownSubjects): SeenOperation {
  const { verb } = operation;
  const row = rowOf(verb);
  const event: Record<string, unknown> = { op: row.name };
  if (row.usage === undefined) {
    if (verb === VERB.CONNECT) event['text'] = withoutSecrets(bytesOf(operation));
    else if (verb === VERB.ERR)
      event['text'] = subjects.sentence(inOneLine(operation.read(operation.text, 'utf8')));
    else if (!row.ignoresText) event['text'] = freeText(operation.read(operation.text, 'utf8'));
    return event as SeenOperation;
  }
  for (const name of row.all) {
    const span = operation[name];
    if (span.length === 0) continue;
    const text = operation.read(span, 'utf8');
    if (name === 'size') event['n'] = operation.payloadBytes;
    else if (name === 'headerSize') event['hb'] = operation.headerBytes;
    else if (name === 'subject' || name === 'reply') event[ARGUMENT_KEYS[name]] = subjects.subject(text);
    else if (name !== 'max') event[ARGUMENT_KEYS[name]] = text;
    else if (Number.isSafeInteger(Number(text)) && Number(text) >= 0) event['max'] = Number(text);
  }
  if (row.hasHeaders) Object.assign(event, headersOf(operation));
  return event as SeenOperation;
}

/** What the file format takes as a text, with inboxes that nobody can use. */
export const freeText = (text: string): string => withShortInboxes(inOneLine(text));
export const inOneLine = (text: string): string => text.replaceAll(/[\r\n]/g, ' ');

/** The JSON of a CONNECT: what logs in is hidden, and fields that nats-server does not know are left out. */
export function withoutSecrets(argument: Buffer): string {
  const reading = readConnect(argument);
  if (reading.kind === 'refused') return '{}';
  const shown = [...reading.fields].map(([field, value]) => [field, SECRETS.has(field) ? HIDDEN : value]);
  return JSON.stringify(Object.fromEntries(shown));
}

function headersOf({ bytes, line, headerBytes, isSplit }: Operation): Pick<OperationEvent, 'hn' | 'st'> {
  if (isSplit || line.end + headerBytes > bytes.length) return {};
  const [block = ''] = bytes.toString('utf8', line.end, line.end + headerBytes).split('\r\n\r\n', 1);
  const [first = '', ...lines] = block.split('\r\n', MAX_HEADER_NAMES + 1);
  const hn = lines
    .map((one) => HEADER_NAME.exec(one)?.[0].slice(0, MAX_NAME_CHARACTERS))
    .filter((name) => name !== undefined);
  const st = /^NATS\/1\.0 (\d{3})/.exec(first)?.[1];
  return { ...(hn.length === 0 ? {} : { hn }), ...(st === undefined ? {} : { st }) };
}

const bytesOf = ({ bytes, text }: Operation): Buffer => bytes.subarray(text.start, text.end);
