import type { OperationEvent } from '../capture/format.ts';
import { payloadOf } from '../capture/wire.ts';
import { type JsonMember, scanJsonObject } from '../nats/json-object.ts';
import { decodeJsonString, foldKey } from '../nats/json-text.ts';

const SERVER_ITSELF = /^\$(?:SYS|JS)(?:\.|$)/;
/** What reads, and what a consumer that was made for the session needs. */
const READS =
  /^\$JS\.(?:ACK\..*|FC\..*|(?:[^.]+\.)?API\.(?:INFO|STREAM\.(?:NAMES|LIST|INFO\.[^.]+|MSG\.GET\.[^.]+)|DIRECT\.GET\..*|CONSUMER\.(?:(?:NAMES|LIST)\.[^.]+|(?:INFO|MSG\.NEXT)\.[^.]+\.[^.]+)))$/;
const CREATES_CONSUMER = /^\$JS\.(?:[^.]+\.)?API\.CONSUMER\.CREATE\.[^.]+(?<name>\..+)?$/;
/** They delete other messages, or publish later. */
const HEADERS = /^(?:KV-Operation|Nats-(?:Rollup|Schedule[\w-]*))(?=\s*:)/im;

/**
 * What in an operation, as it is sent, may change what others have on the server: its subject, its reply subject, or a
 * header. undefined: nothing does. Of what nats-server itself answers only what is known to read counts as harmless.
 */
export function administrativeIn(event: OperationEvent): string | undefined {
  const { op, subj = '', reply = '', hb = 0 } = event;
  if (op === 'SUB') return subj.startsWith('$SYS.') ? subj : undefined;
  if (SERVER_ITSELF.test(reply) && !READS.test(reply)) return `a reply to ${reply}`;
  if (SERVER_ITSELF.test(subj) && !READS.test(subj) && !makesOwnConsumer(subj, event)) return subj;
  if (hb === 0) return undefined;
  const [name] = HEADERS.exec(payloadOf(event).toString('latin1', 0, hb)) ?? [];
  return name === undefined ? undefined : `${subj} with the header ${name}`;
}

/** A consumer that is new, goes with its session, and delivers to nobody else. */
function makesOwnConsumer(subject: string, event: OperationEvent): boolean {
  const found = CREATES_CONSUMER.exec(subject);
  if (found === null) return false;
  const body = payloadOf(event).subarray(event.hb ?? 0);
  const request = new Members(body);
  const config = new Members(request.bytes('config'));
  const deliver = config.text('deliver_subject');
  const hasName = found.groups?.['name'] !== undefined || config.text('name') !== '';
  return (
    config.text('durable_name') === '' &&
    (deliver === '' || deliver?.startsWith('_INBOX.') === true) &&
    (!hasName || request.text('action') === 'create')
  );
}

/** A JSON object as nats-server reads it. */
class Members {
  readonly #bytes: Buffer;
  readonly #all: readonly JsonMember[] | undefined;

  constructor(bytes: Buffer) {
    const scan = scanJsonObject(bytes);
    this.#bytes = bytes;
    this.#all = scan.kind === 'object' ? scan.members : undefined;
  }

  /** Of the value. Empty: it is not there, or more than once. */
  bytes(key: string): Buffer {
    const [member, second] = this.#of(key);
    return member === undefined || second !== undefined
      ? Buffer.alloc(0)
      : this.#bytes.subarray(member.valueStart, member.valueEnd);
  }

  /** Empty: it is not there. undefined: it cannot be read as one text. */
  text(key: string): string | undefined {
    if (this.#all === undefined) return undefined;
    const [member] = this.#of(key);
    if (member === undefined) return '';
    const value = this.bytes(key);
    return member.kind === 'string' && value.length > 0 ? decodeJsonString(value) : undefined;
  }

  #of(key: string): JsonMember[] {
    return (this.#all ?? []).filter((member) => foldKey(member.key) === foldKey(key));
  }
}
