import assert from 'node:assert/strict';
import { type NatsParser, NatsParser as Parser, type ParserOptions } from '../../src/nats/parser.ts';
import { FOUND_BYTES, type PlainRun, plainRunIn } from '../../src/nats/plain-run.ts';
import { type Direction, type ParseError, VERB, VERB_NAMES } from '../../src/nats/protocol.ts';

/** What a parser made of a stream: everything that must not depend on how the stream was cut. */
export type Reading = {
  /** Each operation with its tokens. */
  readonly events: readonly string[];
  readonly error: ParseError | undefined;
  readonly payloadBytes: number;
  /** Behind the last whole operation. */
  readonly boundary: number;
  readonly isBetween: boolean;
  readonly counts: readonly number[];
  /** The most that was kept at any time. */
  readonly mostHeld: number;
};

export function readPieces(
  direction: Direction,
  pieces: readonly Buffer[],
  options: Omit<ParserOptions, 'sink'> & {
    readonly plainRun?: PlainRun | undefined;
  } = {},
): Reading {
  const events: string[] = [];
  const parser = new Parser(direction, {
    everyMessage: true,
    ...options,
    sink: { onOperation: (line) => void events.push(told(line)) },
  });
  parser.plainRun = options.plainRun;
  let boundary = 0;
  let offset = 0;
  let mostHeld = 0;
  for (const piece of pieces) {
    parser.parse(piece, 0, piece.length);
    if (parser.lastBoundary >= 0) boundary = offset + parser.lastBoundary;
    mostHeld = Math.max(mostHeld, parser.heldBytes);
    offset += piece.length;
  }
  return {
    events,
    error: parser.error,
    payloadBytes: parser.payloadBytes,
    boundary,
    isBetween: parser.isBetweenOperations && parser.heldBytes === 0,
    counts: [...parser.counts],
    mostHeld,
  };
}

function told(line: NatsParser): string {
  const text = (start: number, end: number): string => line.bytes.toString('latin1', start, end);
  const verb = VERB_NAMES[line.verb];
  switch (line.verb) {
    case VERB.PING:
    case VERB.PONG:
    case VERB.OK:
      return verb;
    case VERB.CONNECT:
    case VERB.INFO:
    case VERB.ERR:
      return `${verb} ${text(line.argumentStart, line.argumentEnd)}`;
    default: {
      const parts = [
        text(line.firstStart, line.firstEnd),
        ...(line.tokens > 1 ? [text(line.previousStart, line.previousEnd)] : []),
        text(line.lastStart, line.lastEnd),
      ];
      const sizes =
        line.verb === VERB.SUB || line.verb === VERB.UNSUB ? '' : ` ${line.headerSize}/${line.size}`;
      return `${verb} ${line.tokens}: ${parts.join('|')}${sizes}`;
    }
  }
}

/** `bytes` in pieces that end at these offsets. Each piece is a copy with other bytes around it. */
export function cutAt(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const ends = [...offsets, bytes.length];
  let start = 0;
  return ends.flatMap((end) => {
    const piece = bytes.subarray(start, end);
    start = end;
    return piece.length === 0 ? [] : [Buffer.concat([NOISE, piece, NOISE]).subarray(3, 3 + piece.length)];
  });
}

const NOISE = Buffer.from('\n\r\n');

export const byteByByte = (bytes: Buffer): Buffer[] =>
  cutAt(
    bytes,
    Array.from(bytes, (_, at) => at),
  );

/** Every way to cut `bytes` once or twice. */
export function* allCuts(bytes: Buffer): Generator<Buffer[]> {
  for (let first = 1; first < bytes.length; first++)
    for (let second = first; second < bytes.length; second++) yield cutAt(bytes, [first, second]);
}

const memory = new WebAssembly.Memory({ initial: 4, maximum: 4 });
const bytesOfMemory = Buffer.from(memory.buffer);
const RESULT = bytesOfMemory.length - FOUND_BYTES;
/** What SIMD may look at behind a piece. */
const SLACK_BYTES = 32;

/** For pieces that `inMemory` has made. */
export const plainRun = plainRunIn(memory, RESULT);
assert.ok(plainRun !== undefined, 'this machine has no SIMD');

/**
 * The pieces in the memory of `plainRun`, until the next call: one directly behind the other, at its very beginning or
 * at its very end.
 */
export function inMemory(pieces: readonly Buffer[], place: 'start' | 'end'): Buffer[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let at = place === 'start' ? 0 : RESULT - SLACK_BYTES - length;
  assert.ok(at >= 0 && at + length + SLACK_BYTES <= RESULT);
  return pieces.map((piece) => {
    const start = at;
    at += piece.copy(bytesOfMemory, start);
    return bytesOfMemory.subarray(start, at);
  });
}
