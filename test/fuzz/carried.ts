import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { bufferedEngine } from '../../src/websocket/buffered.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd, Engine } from '../../src/websocket/byte-socket.ts';
import { cutThroughEngine } from '../../src/websocket/cut-through.ts';
import { FrameCounters } from '../../src/websocket/frame-counters.ts';
import { Opcode } from '../support/raw-client.ts';
import { answerTo, compare, compareEngines, withRegression } from './compare.ts';
import { MemorySocket } from './memory-socket.ts';
import { type Mode, type Reading, read } from './reference.ts';
import type { Sequence } from './streams.ts';

const pool = new BufferPool({ slots: 2, poison: true });
const slots = pool.free;

/** One for each cap, as a process has one for all its sessions. */
const engines: Record<Mode, Map<number, Engine>> = { frames: new Map(), messages: new Map() };
function engineFor(mode: Mode, cap: number): Engine {
  const known = engines[mode].get(cap);
  if (known !== undefined) return known;
  const shared = { maxSentFrameBytes: 1024, clock: { nowMs: 0 }, counters: new FrameCounters() };
  const engine =
    mode === 'frames'
      ? cutThroughEngine({ ...shared, pool, maxFrameBytes: cap, directReads: false })
      : bufferedEngine({ ...shared, pool, maxMessageBytes: cap, closeFenceMs: 60_000 });
  engines[mode].set(cap, engine);
  return engine;
}

const REQUEST = {
  method: 'GET',
  url: '/',
  headers: {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  },
} as unknown as IncomingMessage;

const LATE_CLOSE = { code: 1011, reason: 'internal_error' } as const;
const OWN_CLOSE = { code: 1001, reason: 'draining' } as const;
const DOWNSTREAM = Buffer.alloc(3000, 'MSG a 1 5\r\nhello\r\n');
/** A socket that was ended by both sides is gone within a few turns of the event loop. */
const MAX_TURNS_TO_CLOSE = 50;

const NAMES = { frames: 'cut-through', messages: 'buffered' } as const;

/** What the owner does beside listening, and when, counted in pieces. */
type Moves = {
  readonly pauseAt: number;
  readonly resumeAt: number;
  readonly closeAt: number;
  writesAt(piece: number): number;
};

function movesOf(drawn: number): Moves {
  const never = Number.POSITIVE_INFINITY;
  const pauseAt = (drawn & 3) === 3 ? (drawn >>> 2) & 15 : never;
  return {
    pauseAt,
    resumeAt: pauseAt + 1 + ((drawn >>> 6) & 7),
    closeAt: ((drawn >>> 9) & 7) === 7 ? (drawn >>> 12) & 15 : never,
    writesAt: (piece) => (((drawn >>> 16) >>> (piece & 15)) & 1) * (1 + ((drawn * 31 + piece * 977) % 3000)),
  };
}

/**
 * Both engines, each over a socket in memory, owned as a session owns them: `moves` says when the owner pauses, writes
 * and closes. All sequences at the same time, one read of each in every turn of the event loop.
 */
export async function checkEngines(
  batch: readonly { readonly sequence: Sequence; readonly moves: number }[],
): Promise<Reading[]> {
  const pairs = batch.map(({ sequence, moves }) => ({
    sequence,
    cutThrough: new Carried('frames', sequence, movesOf(moves)),
    buffered: new Carried('messages', sequence, movesOf(moves)),
  }));
  let carried = pairs.flatMap(({ cutThrough, buffered }) => [cutThrough, buffered]);
  while (carried.length > 0) {
    await nextTurn(() => {
      carried = carried.filter((one) => !one.done);
      for (const one of carried) one.read();
    });
  }
  return pairs.map(({ sequence, cutThrough, buffered }) =>
    withRegression(sequence, () => {
      const reading = cutThrough.check();
      buffered.check();
      compareEngines(cutThrough, buffered);
      return reading;
    }),
  );
}

/**
 * Calls `reads` as Node calls for a read: from the event loop, and all that was put off (ticks first, then microtasks)
 * has run before the next turn.
 */
function nextTurn(reads: () => void): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => {
      reads();
      resolve();
    });
  });
}

/** One sequence through one engine, owned as a session owns it. */
class Carried implements ByteSocketOwner {
  readonly #mode: Mode;
  readonly #sequence: Sequence;
  readonly #moves: Moves;
  readonly #socket = new MemorySocket();
  #client: ByteSocket | undefined;
  #turns = 0;
  readonly #received: Buffer[] = [];
  readonly #written: Buffer[] = [];
  readonly #faults: string[] = [];
  end: ClientEnd | undefined;
  #paused = false;
  #pushedBytes = 0;
  /** Bytes of the stream that the engine can have read. */
  #readBytes = 0;
  /** The owner closed when so many bytes had been read. */
  #closedAtByte: number | undefined;
  #closed = 0;

  constructor(mode: Mode, sequence: Sequence, moves: Moves) {
    this.#mode = mode;
    this.#sequence = sequence;
    this.#moves = moves;
    engineFor(mode, sequence.cap).upgrade(REQUEST, this.#socket as unknown as Socket, (client) => {
      this.#client = client;
      client.start(this);
    });
  }

  /** Nothing happens any more. */
  get done(): boolean {
    return this.#closed > 0 || this.#turns > this.#sequence.pieces.length + MAX_TURNS_TO_CLOSE;
  }

  /** What one turn of the event loop brings: a piece; behind the last of them the end of a pause, then FIN. */
  read(): void {
    const { pieces } = this.#sequence;
    const index = this.#turns++;
    if (!this.#paused) this.#readBytes = this.#pushedBytes;
    // Who closes once more sends nothing.
    if (this.#over) this.#client?.close(LATE_CLOSE.code, LATE_CLOSE.reason);
    const piece = pieces[index];
    if (piece !== undefined) {
      this.#move(index, this.#moves);
      // A copy, since payload is unmasked in place.
      this.#socket.push(Buffer.from(piece));
      this.#pushedBytes += piece.length;
    } else if (index === pieces.length) {
      if (this.#paused) this.#client?.resume();
    } else if (index === pieces.length + 1) this.#socket.push(null);
  }

  #move(piece: number, moves: Moves): void {
    const client = this.#client;
    if (client === undefined || this.#over) return;
    if (piece === moves.closeAt) {
      this.#closedAtByte = this.#readBytes;
      this.#paused = false;
      client.close(OWN_CLOSE.code, OWN_CLOSE.reason);
      return;
    }
    if (piece === moves.pauseAt) client.pause();
    if (piece === moves.resumeAt && this.#paused) client.resume();
    this.#paused = piece >= moves.pauseAt && piece < moves.resumeAt;
    const length = moves.writesAt(piece);
    // ws closes at once when a frame breaks a rule. The owner learns of it when it has what came before that frame, and
    // what it writes meanwhile goes nowhere.
    if (length === 0 || sentFrames(this.#socket.sent).some(({ opcode }) => opcode === Opcode.close)) return;
    const chunk = Buffer.from(DOWNSTREAM.subarray(0, length));
    this.#written.push(Buffer.from(chunk));
    if (!client.write(chunk)) this.#faults.push('a socket that takes everything was called slow');
    // The chunk is only to be read during the call.
    chunk.fill(0);
  }

  /** Compares with the reference, and what was sent with what had to be. */
  check(): Reading {
    const { stream, cap } = this.#sequence;
    const ownClose = this.#closedAtByte !== undefined;
    const expected = read(ownClose ? stream.subarray(0, this.#closedAtByte) : stream, cap, this.#mode);
    const end = ownClose ? undefined : (expected.end ?? { reason: 'client_gone', code: 1006 });
    const sent = sentFrames(this.#socket.sent);
    const of = (opcode: number): Buffer[] =>
      sent.filter((one) => one.opcode === opcode).map((one) => one.payload);
    const control = of(Opcode.pong).map((payload) => `ping ${payload.toString('hex')}`);
    const pings = expected.control.filter((one) => one !== 'pong');
    compare(
      NAMES[this.#mode],
      { bytes: this.bytes, control, end: this.end },
      { ...expected, control: pings, end },
    );
    const close = ownClose ? OWN_CLOSE : answerTo(end);
    const [frame, ...more] = of(Opcode.close);
    assert.deepEqual(more, [], 'one close frame at most');
    if (frame !== undefined) assert.equal(sent.at(-1)?.opcode, Opcode.close, 'nothing follows it');
    assert.equal(frame?.toString('hex'), close && closePayload(close), 'the close frame');
    assert.ok(Buffer.concat(of(Opcode.binary)).equals(Buffer.concat(this.#written)), 'what was written');
    assert.deepEqual(this.#faults, []);
    assert.equal(this.#closed, 1, 'closed once');
    assert.equal(pool.free, slots, 'every slot came back');
    return { ...expected, end };
  }

  get #over(): boolean {
    return this.end !== undefined || this.#closedAtByte !== undefined;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#received);
  }

  onBytes(chunk: Buffer): void {
    if (chunk.length === 0) this.#faults.push('an empty chunk');
    if (this.#over) this.#faults.push('bytes behind the end');
    this.#received.push(Buffer.from(chunk));
    pool.release(chunk);
  }

  onDrain(): void {}
  onPong(): void {}
  onAssembling(): void {}
  onActivity(): void {}

  onEnd(end: ClientEnd): void {
    if (this.#over) this.#faults.push(`${end.reason} behind the end`);
    this.end = end;
    if (end.reason === 'client_gone') this.#client?.destroy();
    else if (end.reason !== 'client_closed') this.#client?.close(end.code, end.reason);
  }

  onClosed(): void {
    this.#closed++;
  }
}

function closePayload({
  code,
  reason,
}: {
  readonly code: number | undefined;
  readonly reason: string;
}): string {
  return (code === undefined ? '' : code.toString(16).padStart(4, '0')) + Buffer.from(reason).toString('hex');
}

/** The frames behind the 101, unmasked and in one of the two short length forms, as all of ours are. */
function sentFrames(sent: Buffer): { readonly opcode: number; readonly payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = [];
  for (let at = sent.indexOf('\r\n\r\n') + 4; at < sent.length; ) {
    const short = sent[at + 1]!;
    const payload = at + (short === 126 ? 4 : 2);
    const end = payload + (short === 126 ? sent.readUInt16BE(at + 2) : short);
    assert.ok(sent[at]! >> 4 === 8 && short <= 126 && end <= sent.length, 'a whole frame of ours');
    frames.push({ opcode: sent[at]! & 15, payload: sent.subarray(payload, end) });
    at = end;
  }
  return frames;
}
