import type { Refusal } from '../../src/nats/control-line.ts';
import type { Operation, Span } from '../../src/nats/operation.ts';
import { VERB } from '../../src/nats/operations.ts';
import { NatsParser } from '../../src/nats/parser.ts';
import type { ParseError } from '../../src/nats/protocol.ts';
import { CONNECT_OBJECT, MAX_PAYLOAD_BYTES } from './nats-lines.ts';

/** The subscription to everything that each connection begins with. */
export const BASE_SID = 'base';

type Sub = {
  readonly sid: string;
  readonly tokens: readonly string[];
  readonly queue: string;
  delivered: number;
  max: number;
  /** From before a CONNECT: known by its sid, and never delivered to again. */
  deaf: boolean;
};

/**
 * What a nats-server answers to the bytes of one connection, if it reads them as our parser does. Each answer is a list
 * of operations, as several subscriptions get one message in no certain order.
 */
export class Model {
  readonly parser: NatsParser;
  readonly answers: string[][] = [];
  /** The stream came to something that this model, or the parser, leaves to the server. */
  left: string | undefined;
  /** `error` is about a message that only the server refuses: its max_payload is its own to judge. */
  isOverMaxPayload = false;
  readonly #user: string;
  readonly #subs = new Map<string, Sub>();
  /** Bytes of the message under way, its CR LF included, that are still to come. */
  #missing = 0;
  #message: { line: (sid: string) => string; subject: string; parts: Buffer[] } | undefined;

  constructor(user: string) {
    this.#user = user;
    this.parser = new NatsParser('to_upstream', {
      reportMessages: true,
      assembleLines: false,
      sink: { onOperation: (line) => this.#on(line) },
    });
    this.#subs.set(BASE_SID, { sid: BASE_SID, tokens: ['>'], queue: '', delivered: 0, max: 0, deaf: false });
  }

  get error(): ParseError | undefined {
    return this.parser.error;
  }

  get aliveSids(): readonly string[] {
    return [...this.#subs.keys()].filter((sid) => !sid.startsWith(BASE_SID));
  }

  /** All that is published is heard of. */
  get hears(): boolean {
    return [...this.#subs.values()].some((sub) => sub.sid.startsWith(BASE_SID) && !sub.deaf);
  }

  subjectOf(sid: string): string {
    return this.#subs.get(sid)?.tokens.join('.') ?? '';
  }

  /** One whole piece. Messages are cut from it by what the parser says their sizes are. */
  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && this.error === undefined && this.left === undefined) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, bytes.length - at);
        this.parser.parse(bytes, at, at + taken);
        if (this.error !== undefined) return;
        this.#message?.parts.push(Buffer.from(bytes.subarray(at, at + taken)));
        this.#missing -= taken;
        at += taken;
        if (this.#missing === 0) this.#deliver();
        continue;
      }
      // Up to the end of the line, so that the message of the next one is found.
      const lineEnd = bytes.indexOf(10, at) + 1 || bytes.length;
      this.parser.parse(bytes, at, lineEnd);
      at = lineEnd;
    }
  }

  /** What must follow so that the stream stands between two operations; undefined when it does. */
  completion(): Buffer | undefined {
    if (this.error !== undefined || this.left !== undefined) return undefined;
    if (this.#missing > 2) return Buffer.concat([Buffer.alloc(this.#missing - 2, 'f'), Buffer.from('\r\n')]);
    if (this.#missing > 0) return Buffer.from('\r\n'.slice(-this.#missing));
    const between = this.parser.isBetweenOperations && this.parser.heldBytes === 0;
    return between ? undefined : Buffer.from('\r\n');
  }

  #on(operation: Operation): Refusal | undefined {
    const textOf = (part: Span): string => operation.read(part);
    const subject = textOf(operation.subject);
    const sid = textOf(operation.sid);
    switch (operation.verb) {
      case VERB.PING:
        this.answers.push(['PONG']);
        break;
      case VERB.CONNECT: {
        const object = textOf(operation.text).replace(/[ \t]+$/, '');
        if (object !== CONNECT_OBJECT.replace('USER', this.#user)) this.left = 'connect';
        for (const sub of this.#subs.values()) sub.deaf = true;
        break;
      }
      case VERB.INFO:
        if (textOf(operation.text).trim() !== '{}') this.left = 'info';
        break;
      case VERB.SUB:
        this.#subscribe(subject, textOf(operation.queue), sid);
        break;
      case VERB.UNSUB:
        this.#unsubscribe(sid, operation.max.length === 0 ? undefined : textOf(operation.max));
        break;
      case VERB.PUB:
      case VERB.HPUB: {
        if (operation.payloadBytes > MAX_PAYLOAD_BYTES) {
          this.isOverMaxPayload = true;
          return { problem: 'size', expected: `at most ${MAX_PAYLOAD_BYTES} bytes` };
        }
        const hasHeaders = operation.headerBytes > 0;
        const reply = operation.reply.length > 0 ? ` ${textOf(operation.reply)}` : '';
        const size = textOf(operation.size);
        const sizes = hasHeaders ? `${textOf(operation.headerSize)} ${size}` : size;
        const verb = hasHeaders ? 'HMSG' : 'MSG';
        this.#message = {
          line: (sid) => `${verb} ${subject} ${sid}${reply} ${sizes}\r\n`,
          subject,
          parts: [],
        };
        this.#missing = operation.payloadBytes + 2;
        break;
      }
      default:
    }
    return undefined;
  }

  #subscribe(subject: string, queue: string, sid: string): void {
    const tokens = subject.split('.');
    if (tokens.some((token, at) => token === '' || (token === '>' && at < tokens.length - 1))) {
      this.answers.push(["-ERR 'Invalid Subject'"]);
      return;
    }
    if (!this.#subs.has(sid)) this.#subs.set(sid, { sid, tokens, queue, delivered: 0, max: 0, deaf: false });
  }

  #unsubscribe(sid: string, maximum: string | undefined): void {
    const sub = this.#subs.get(sid);
    if (sub === undefined) return;
    const max = maximum !== undefined && /^[0-9]{1,9}$/.test(maximum) ? Number(maximum) : 0;
    if (max > sub.delivered) sub.max = max;
    else this.#subs.delete(sid);
  }

  #deliver(): void {
    const message = this.#message;
    if (message === undefined) return;
    this.#message = undefined;
    const tokens = message.subject.split('.');
    const payload = Buffer.concat(message.parts).toString('latin1');
    const found: string[] = [];
    if (!tokens.includes('')) {
      for (const sub of [...this.#subs.values()]) {
        if (sub.deaf || !matches(sub.tokens, tokens)) continue;
        found.push(message.line(sub.sid) + payload);
        sub.delivered++;
        if (sub.max > 0 && sub.delivered >= sub.max) this.#subs.delete(sub.sid);
      }
    }
    if (found.length > 0) this.answers.push(found.sort());
  }
}

function matches(pattern: readonly string[], subject: readonly string[]): boolean {
  for (let at = 0; at < pattern.length; at++) {
    if (at >= subject.length) return false;
    if (pattern[at] === '>') return true;
    if (pattern[at] !== '*' && pattern[at] !== subject[at]) return false;
  }
  return pattern.length === subject.length;
}

/** Operations of a server in whole, PING and INFO left out. Lines end at CR LF: no CR of ours may be in them. */
export class AnswerReader {
  readonly operations: string[] = [];
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const end = this.#rest.indexOf('\r\n', at, 'latin1');
      if (end === -1) break;
      const line = this.#rest.toString('latin1', at, end);
      if (/^H?MSG /.test(line)) {
        const stop = end + 2 + Number(line.slice(line.lastIndexOf(' ') + 1)) + 2;
        if (stop > this.#rest.length) break;
        this.operations.push(this.#rest.toString('latin1', at, stop));
        at = stop;
      } else {
        if (line !== 'PING' && !line.startsWith('INFO ')) this.operations.push(line);
        at = end + 2;
      }
    }
    this.#rest = this.#rest.subarray(at);
  }
}
