import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { RawClient } from '../support/raw-client.ts';
import { checkBlocks } from './blocks.ts';
import { checkEngines } from './carried.ts';
import { answerTo, withRegression } from './compare.ts';
import { type Mode, type Reading, read } from './reference.ts';
import { REGRESSIONS, type Regression } from './regressions.ts';
import { build, type Numbers, numbers, type Sequence } from './streams.ts';

/**
 * Both engines and a plain reference get the same bytes in the same random pieces and must agree on the bytes that go
 * upstream, on how the client's side ends, and on control frames and their order. Where the engines differ on purpose
 * the reference says how, see `Mode`.
 *
 * FUZZ_SECONDS: budget of all three properties together, 4 when not set. FUZZ_RUNS: so many sequences instead,
 * however long they take. FUZZ_SEED: the seed that a failure has told.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 0);
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 4);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);
const SHARES = { blocks: 0.4, engines: 0.35, gateways: 0.25 } as const;
/** A session over loopback costs more than a thousand runs in memory. */
const RUNS_PER_GATEWAY_RUN = 1000;
/** Sequences that are carried at the same time; each waits for the event loop between its pieces. */
const AT_ONCE = 100;
/** The rarest kind of end is one of fifty. */
const ENOUGH_FOR_ALL_ENDS = 2000;

test('the plain reference itself: what the streams of the regressions come to', () => {
  const readings = REGRESSIONS.map(({ pieces, cap }) => {
    const stream = Buffer.from(pieces.join(''), 'hex');
    return (['frames', 'messages'] as const).map((mode) => {
      const { bytes, control, end } = read(stream, cap, mode);
      return [bytes.toString().replaceAll(/a{9,}/g, 'a…'), end?.code, ...control].join(' ');
    });
  });
  assert.deepEqual(readings, [
    [' ', ' '],
    ['a 1003', 'a '],
    [' 1003', ' 1007'],
    [' 1002', ' 1002'],
    ['a…b ', ' 1009'],
    [' 1000', ' 1000'],
    [' 1002', ' 1002'],
    ['ab  ping 707172', 'ab  ping 707172'],
    ['ab ', 'ab '],
    [' 1002', ' 1002'],
  ]);
});

describe('the building blocks: our frame reader, the receiver of ws, the reference', () => {
  test('regressions', () => {
    for (const regression of REGRESSIONS) checkBlocks(sequenceOf(regression));
  });

  test('random streams', (t) => {
    const seen = new Outcomes();
    const property = fc.property(numbers, (drawn) => {
      const sequence = build(drawn);
      seen.add(withRegression(sequence, () => checkBlocks(sequence)));
    });
    for (const batch of batches(SHARES.blocks, 1000, () => seen.sequences < RUNS)) fc.assert(property, batch);
    seen.report(t);
  });
});

describe('the engines, over sockets in memory', () => {
  test('regressions', async () => {
    await checkEngines(REGRESSIONS.map((regression) => ({ sequence: sequenceOf(regression), moves: 0 })));
  });

  test('random streams, pauses, writes and closes', async (t) => {
    const seen = new Outcomes();
    const carried = fc.tuple(numbers, fc.noBias(fc.nat(0xffff_ffff)));
    const property = fc.asyncProperty(
      fc.array(carried, { minLength: 1, maxLength: 2 * AT_ONCE, size: 'max' }),
      async (batch: readonly (readonly [Numbers, number])[]) => {
        const readings = await checkEngines(
          batch.map(([drawn, moves]) => ({ sequence: copied(build(drawn)), moves })),
        );
        for (const reading of readings) seen.add(reading);
      },
    );
    for (const batch of batches(SHARES.engines, 1, () => seen.sequences < RUNS))
      await fc.assert(property, batch);
    seen.report(t);
  });
});

describe('whole gateways, over loopback', () => {
  const CAP = 1000;
  const AT_ONCE_OVER_LOOPBACK = 12;
  let sides: readonly { upstream: FakeUpstream; gateway: TestGateway; mode: Mode }[];

  before(async () => {
    sides = await Promise.all(
      (['cut-through', 'buffered'] as const).map(async (engine) => {
        const upstream = await FakeUpstream.start();
        const gateway = await startTestGateway(
          upstream.port,
          { engine, limits: { maxFrameBytes: CAP } },
          { bufferPool: new BufferPool({ slots: 2, poison: true }) },
        );
        return { upstream, gateway, mode: engine === 'cut-through' ? 'frames' : 'messages' } as const;
      }),
    );
  });
  after(async () => {
    for (const { gateway, upstream } of sides) {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    }
  });

  test('random streams', async (t) => {
    const seen = new Outcomes();
    const property = fc.asyncProperty(
      fc.array(numbers, { minLength: 1, maxLength: 2 * AT_ONCE_OVER_LOOPBACK, size: 'max' }),
      async (batch) => {
        const sequences = batch.map((drawn) => copied({ ...build(drawn), cap: CAP }));
        for (const side of sides) {
          const checks: Promise<Reading>[] = [];
          for (const sequence of sequences) {
            // One after another, so that each finds its upstream connection.
            const client = await RawClient.open(side.gateway.port);
            const carry = (): Promise<Reading> => carryOverGateway(side, client, sequence);
            checks.push(withRegression(sequence, carry));
          }
          // None is left running when another has failed.
          await Promise.allSettled(checks);
          for (const reading of await Promise.all(checks)) seen.add(reading);
        }
      },
    );
    const runs = RUNS / RUNS_PER_GATEWAY_RUN;
    for (const batch of batches(SHARES.gateways, 1, () => seen.sequences < runs))
      await fc.assert(property, batch);
    seen.report(t);
  });

  async function carryOverGateway(
    { upstream, mode }: (typeof sides)[number],
    client: RawClient,
    { stream, pieces, cap }: Sequence,
  ): Promise<Reading> {
    const connection = await upstream.connection(upstream.connections.length - 1);
    for (const piece of pieces) client.send(piece);
    // The client's FIN ends what nothing else has ended.
    client.socket.end();
    await connection.until((one) => one.closed);
    await client.until(() => client.closed);
    const expected = read(stream, cap, mode);
    assert.deepEqual(connection.received, expected.bytes);
    const close = await client.closeReceived();
    assert.deepEqual(close, answerTo(expected.end));
    return expected;
  }
});

// The budget, and what came of it

/** `size` runs at a time, each batch from its own seed: with FUZZ_RUNS while `more`, else for this share of the time. */
function* batches(share: number, size: number, more: () => boolean): Generator<fc.Parameters<unknown>> {
  const endMs = performance.now() + share * SECONDS * 1000;
  for (let batch = 0; RUNS > 0 ? more() : performance.now() < endMs; batch++) {
    yield { seed: (SEED + batch) | 0, numRuns: size };
  }
}

/** How the sequences of a property ended: random streams that all end alike would test nothing. */
class Outcomes {
  readonly #ends = new Map<string, number>();
  readonly #startMs = performance.now();
  sequences = 0;
  #bytes = 0;

  add({ bytes, end }: Reading): void {
    this.sequences++;
    this.#bytes += bytes.length;
    const kind = end?.reason ?? 'open';
    this.#ends.set(kind, (this.#ends.get(kind) ?? 0) + 1);
  }

  report(t: TestContext): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1);
    const ends = [...this.#ends].map(([kind, count]) => `${kind} ${count}`).join(', ');
    t.diagnostic(
      `seed ${SEED}: ${this.sequences} sequences, ${this.#bytes} bytes, ${seconds} s; ends: ${ends}`,
    );
    if (this.sequences < ENOUGH_FOR_ALL_ENDS) return;
    for (const kind of ['client_closed', 'frame_violation', 'message_too_big', 'not_binary'])
      assert.ok(this.#ends.has(kind), `none of ${this.sequences} sequences ended as ${kind}`);
    assert.ok(this.#bytes > this.sequences, 'sequences carry bytes');
  }
}

function sequenceOf({ cap, pieces }: Regression): Sequence {
  const buffers = pieces.map((hex) => Buffer.from(hex, 'hex'));
  return { cap, stream: Buffer.concat(buffers), pieces: buffers };
}

/** What `build` has made, to keep beyond its next call. */
function copied({ cap, stream, pieces }: Sequence): Sequence {
  const copy = Buffer.from(stream);
  const starts = pieces.map((piece) => piece.byteOffset - stream.byteOffset);
  return {
    cap,
    stream: copy,
    pieces: starts.map((start, index) => copy.subarray(start, starts[index + 1])),
  };
}
