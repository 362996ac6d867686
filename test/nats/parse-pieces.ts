import assert from 'node:assert/strict';
import { type FastScan, fastScanIn, SCAN_BYTES } from '../../src/nats/fast-scan.ts';
import type { Operation } from '../../src/nats/operation.ts';
import { ARGUMENT_NAMES, type Direction, rowOf } from '../../src/nats/operations.ts';
import { NatsParser, type ParserOptions } from '../../src/nats/parser.ts';
import type { ParseError } from '../../src/nats/protocol.ts';

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
    readonly fastScan?: FastScan | undefined;
  } = {},
): Reading {
  const events: string[] = [];
  const parser = new NatsParser(direction, {
    reportMessages: true,
    ...options,
    sink: {
      onOperation(operation) {
        events.push(described(operation));
        return undefined;
      },
    },
  });
  parser.fastScan = options.fastScan;
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

/** `PUB subject=a size=2 0/2`: what every part is, and of messages the bytes of headers and of all. */
function described(operation: Operation): string {
  const { name, usage, hasPayload, ignoresText } = rowOf(operation.verb);
  const parts = ARGUMENT_NAMES.filter((part) => operation[part].length > 0);
  const named = parts.map((part) => `${part}=${operation.read(operation[part])}`);
  const text = usage === undefined && !ignoresText ? [operation.read(operation.text)] : [];
  const { headerBytes, payloadBytes } = operation;
  const sizes = hasPayload || payloadBytes > 0 ? [`${headerBytes}/${payloadBytes}`] : [];
  return [name, ...named, ...text, ...sizes].join(' ');
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
const RESULT = bytesOfMemory.length - SCAN_BYTES;
/** What SIMD may look at behind a piece. */
const SLACK_BYTES = 32;

/** For pieces that `inMemory` has made. */
export const fastScan = fastScanIn(memory, RESULT);
assert.ok(fastScan !== undefined, 'this machine has no SIMD');

/**
 * The pieces in the memory of `fastScan`, until the next call: one directly behind the other, at its very beginning or
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
