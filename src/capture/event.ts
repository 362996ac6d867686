import { CREDENTIAL_FIELDS, readConnect } from '../nats/connect.ts';
import type { Operation } from '../nats/operation.ts';
import { rowOf, VERB } from '../nats/operations.ts';
import { ARGUMENT_KEYS, type OperationEvent } from './format.ts';

/** Of one message; more would make the lines of a capture long. */
const MAX_HEADER_NAMES = 32;
const MAX_NAME_CHARACTERS = 64;
const INBOX = '_INBOX.';
const INBOX_CHARACTERS = 8;
const SECRETS: ReadonlySet<string> = new Set([...CREDENTIAL_FIELDS, 'proxy_sig']);
const HIDDEN = '***';

/**
 * An operation as it is recorded: without payload, header values and credentials. Header names are there when the block
 * came in one read with its line.
 */
export function eventOf(operation: Operation): Omit<OperationEvent, 't' | 'd'> {
  const { verb } = operation;
  const row = rowOf(verb);
  const event: Record<string, unknown> = { op: row.name };
  if (row.usage === undefined) {
    if (verb === VERB.CONNECT) event['text'] = withoutSecrets(bytesOf(operation));
    else if (!row.ignoresText) event['text'] = inOneLine(operation.read(operation.text, 'utf8'));
    return event as OperationEvent;
  }
  for (const name of row.all) {
    const span = operation[name];
    if (span.length === 0) continue;
    const text = operation.read(span, 'utf8');
    if (name === 'size') event['n'] = operation.payloadBytes;
    else if (name === 'headerSize') event['hb'] = operation.headerBytes;
    else if (name === 'subject' || name === 'reply') event[ARGUMENT_KEYS[name]] = shortInbox(text);
    else if (name !== 'max') event[ARGUMENT_KEYS[name]] = text;
    else if (Number.isSafeInteger(Number(text)) && Number(text) >= 0) event['max'] = Number(text);
  }
  if (row.hasHeaders) Object.assign(event, headersOf(operation));
  return event as OperationEvent;
}

/** The JSON of a CONNECT: what logs in is hidden, and fields that nats-server does not know are left out. */
export function withoutSecrets(argument: Buffer): string {
  const reading = readConnect(argument);
  if (reading.kind === 'refused') return '{}';
  const shown = [...reading.fields].map(([field, value]) => [field, SECRETS.has(field) ? HIDDEN : value]);
  return JSON.stringify(Object.fromEntries(shown));
}

/** Who knows an inbox can answer in place of somebody else. The end of each token is what differs. */
const shortInbox = (subject: string): string =>
  subject.startsWith(INBOX)
    ? INBOX +
      subject
        .slice(INBOX.length)
        .split('.')
        .map((token) => token.slice(-INBOX_CHARACTERS))
        .join('.')
    : subject;

function headersOf({ bytes, line, headerBytes, isSplit }: Operation): Pick<OperationEvent, 'hn' | 'st'> {
  if (isSplit || line.end + headerBytes > bytes.length) return {};
  const [first = '', ...lines] = bytes
    .toString('utf8', line.end, line.end + headerBytes)
    .split('\r\n', MAX_HEADER_NAMES + 1);
  const hn = lines
    .filter((one) => one.indexOf(':') > 0)
    .map((one) => inOneLine(one.slice(0, Math.min(one.indexOf(':'), MAX_NAME_CHARACTERS))));
  const st = /^NATS\/1\.0 (\d{3})/.exec(first)?.[1];
  return { ...(hn.length === 0 ? {} : { hn }), ...(st === undefined ? {} : { st }) };
}

const bytesOf = ({ bytes, text }: Operation): Buffer => bytes.subarray(text.start, text.end);
const inOneLine = (text: string): string => text.replaceAll(/[\r\n]/g, ' ');
