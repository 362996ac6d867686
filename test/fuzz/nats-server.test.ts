import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import type { SessionSides } from '../../src/inspect/inspection.ts';
import { Inspector } from '../../src/inspect/inspector.ts';
import { fastScanIn } from '../../src/nats/fast-scan.ts';
import { NatsParser } from '../../src/nats/parser.ts';
import type { ParseError } from '../../src/nats/protocol.ts';
import { realNatsServer } from '../support/nats.ts';
import { CONNECT_OBJECT, clientBytes, type Draw, drawFrom, MAX_PAYLOAD_BYTES } from './nats-lines.ts';
import { AnswerReader, BASE_SID, Model } from './nats-model.ts';

/**
 * Random client bytes, right and hurt, go to a real nats-server as they are. What comes back must be what our parser's
 * reading of them comes to, up to the first thing that it refuses; there the server must hang up. And what an enforcer
 * lets pass is read, and is what came.
 *
 * FUZZ_SECONDS: budget, 4 when not set. FUZZ_RUNS: so many operations instead. FUZZ_SEED: the seed that a failure told.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 0);
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 4);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);

const LANES = 64;
const OPERATIONS_FOR_EACH_CONNECTION = 120;
const ANSWER_MS = 5000;
const TO_THE_END = Number.POSITIVE_INFINITY;
const MAX_FAILURES = 12;

/** Where our parser is stricter than nats-server on purpose; the same list stands in src/nats/parser.ts. */
const DIFFERENCES: readonly {
  readonly name: string;
  readonly reason: string;
  holds(error: ParseError, line: string): boolean;
}[] = [
  {
    name: 'CR inside a line; LF or CR right behind the blanks of a verb',
    reason: 'the server reads them by where its reads end: kept, dropped, or taken as a blank',
    holds: ({ problem }) => problem === 'ambiguous',
  },
  {
    name: 'CONNECT or INFO followed by LF or CR',
    reason:
      'the server takes the first byte behind the blanks as part of the argument, so the next line may be JSON',
    holds: ({ problem }, line) => problem === 'arguments' && /^(connect|info)[ \t]*\r?\n/i.test(line),
  },
  {
    name: 'more than the limit and 64 bytes in one line, most of them blanks',
    reason: 'the server skips any number of blanks behind a verb; we keep at most so much of a line',
    holds: ({ problem }, line) => problem === 'line_too_long' && /^[a-z]+[ \t]{40}/i.test(line),
  },
  {
    name: 'HMSG of a client',
    reason: "the server's state machine takes it by oversight, as a message of no bytes",
    holds: ({ problem }, line) => problem === 'verb' && /^hmsg/i.test(line),
  },
];

let server: RunningNatsServer;
before(async () => {
  const accounts = Array.from(
    { length: LANES },
    (_, lane) => `A${lane}: { users: [{user: u${lane}, password: p}] }`,
  );
  server = await realNatsServer({
    config: `max_payload: ${MAX_PAYLOAD_BYTES}\naccounts { ${accounts.join('\n')} }\n`,
  });
});
after(() => server?.close());

test(`client bytes mean to us what they mean to a real nats-server (seed ${SEED})`, {
  timeout: 3_600_000,
}, async (t) => {
  const figures: Record<string, number> = { operations: 0, connections: 0, hungUp: 0, enforced: 0 };
  const endMs = performance.now() + 1000 * SECONDS;
  const goesOn = (): boolean => (RUNS > 0 ? figures['operations']! < RUNS : performance.now() < endMs);
  const count = (name: string, by = 1): void => {
    figures[name] = (figures[name] ?? 0) + by;
  };
  const failures: string[] = [];
  const lane = async (number: number): Promise<void> => {
    const draw = drawFrom(SEED * LANES + number);
    while (goesOn() && failures.length < MAX_FAILURES) {
      try {
        await converse(`u${number}`, draw, count);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  t.diagnostic(JSON.stringify(figures));
  assert.equal(failures.join('\n\n'), '');
  assert.ok(figures['hungUp']! > 0 && figures['enforced']! > 0 && figures['observed']! > 0);
});

/** One connection's worth of operations, until one is refused. */
async function converse(user: string, draw: Draw, count: (name: string, by?: number) => void): Promise<void> {
  const hello = Buffer.from(`CONNECT ${CONNECT_OBJECT.replace('USER', user)}\r\nSUB > ${BASE_SID}\r\n`);
  const model = new Model(user);
  const enforcer = new Enforcer();
  const stream: Buffer[] = [];
  /** Where the operations begin, and how many answers came before them. */
  const places: { readonly bytes: Buffer; readonly answers: number }[] = [];
  const add = (bytes: Buffer): void => {
    stream.push(bytes);
    model.take(bytes);
  };
  while (
    places.length < OPERATIONS_FOR_EACH_CONNECTION &&
    model.error === undefined &&
    model.left === undefined
  ) {
    let bytes = clientBytes(draw);
    const placeOfUser = bytes.indexOf('USER');
    if (placeOfUser !== -1)
      bytes = Buffer.concat([
        bytes.subarray(0, placeOfUser),
        Buffer.from(user),
        bytes.subarray(placeOfUser + 4),
      ]);
    const from = stream.length;
    places.push({ bytes, answers: model.answers.length });
    add(bytes);
    for (let more = model.completion(); more !== undefined; more = model.completion()) add(more);
    count('operations');
    if (model.left !== undefined) break;
    if (model.error === undefined && !model.hears) add(Buffer.from(`SUB > ${BASE_SID}${places.length}\r\n`));
    // A subscription is heard of by a message to it, and goes again.
    for (const sid of model.error === undefined ? model.aliveSids : []) {
      const subject = model.subjectOf(sid).replaceAll(/(^|\.)[*>](?=\.|$)/g, '$1w');
      add(Buffer.from(`PUB ${subject} 0\r\n\r\nUNSUB ${sid}\r\n`, 'latin1'));
    }
    // A message over max_payload passes; what follows it may be anything.
    if (model.isOverMaxPayload) continue;
    if (enforcer.check(Buffer.concat(stream.slice(from)), model.error !== undefined, draw)) count('enforced');
  }
  const bytes = Buffer.concat(stream);
  const { error } = model;
  if (model.left === undefined) {
    assertObserved(bytes, model.parser, draw);
    count('observed');
  }
  const last = places.at(-1)!;
  const line = error === undefined ? '' : bytes.toString('latin1', error.offset, error.offset + 8192);
  const difference = error === undefined ? undefined : DIFFERENCES.find((one) => one.holds(error, line));
  count('connections');
  if (model.left !== undefined || difference !== undefined) count(`left: ${model.left ?? difference?.name}`);
  const certain = difference === undefined && model.left === undefined;
  const expected = [...model.answers.flat(), ...(error === undefined && certain ? ['PONG'] : [])];
  // Behind what we refuse a PING tells whether the server goes on.
  const awaited = certain && error !== undefined ? TO_THE_END : expected.length;
  const got = await say([hello, bytes, Buffer.from('PING\r\n')], draw, awaited);
  const describeAt = (index: number): string => {
    const place = places.findLast((one) => one.answers <= index) ?? last;
    return `${JSON.stringify(place.bytes.toString('latin1').slice(0, 300))}, last ${JSON.stringify(last.bytes.toString('latin1').slice(0, 300))}`;
  };
  let at = 0;
  for (const group of model.answers) {
    const part = got.operations.slice(at, at + group.length).sort();
    if (part.join('\n') !== group.join('\n')) {
      // A server that hangs up may take its last answers with it: unflushed on a wrong argument, or lost to a reset.
      if (part.length < group.length && (!certain || (error !== undefined && got.closed))) {
        count('answers lost');
        return;
      }
      assert.deepEqual(
        part,
        group,
        `seed ${SEED}: ${describeAt(model.answers.indexOf(group))}; ${error?.problem}`,
      );
    }
    at += group.length;
  }
  if (!certain) return;
  const rest = got.operations.slice(at);
  if (error === undefined)
    assert.deepEqual(rest, ['PONG'], `seed ${SEED}: ${describeAt(Number.POSITIVE_INFINITY)}`);
  else {
    count('hungUp');
    const own = rest.filter((one) => !isOfAnother(one, bytes));
    count('of the connection before', rest.length - own.length);
    assert.ok(
      got.closed && own.every((one) => one.startsWith('-ERR')),
      `seed ${SEED}: the server goes on where we say ${error.problem}: ${JSON.stringify(rest)} for ${describeAt(Number.POSITIVE_INFINITY)} at ${JSON.stringify(line.slice(0, 300))}`,
    );
  }
}

/**
 * A message on a subject that `sent` does not name. A connection that was left early may have bytes at the server that
 * are read when the next one of its account listens already.
 */
function isOfAnother(operation: string, sent: Buffer): boolean {
  const subject = /^H?MSG (\S+) /.exec(operation)?.[1];
  return subject !== undefined && !sent.includes(` ${subject} `, 0, 'latin1');
}

/** The pieces written, and what came back: until so many operations were seen. */
function say(
  pieces: readonly Buffer[],
  draw: Draw,
  awaited: number,
): Promise<{ readonly operations: string[]; readonly closed: boolean }> {
  const { promise, resolve } = Promise.withResolvers<{
    operations: string[];
    closed: boolean;
  }>();
  const reader = new AnswerReader();
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
  const finish = (closed: boolean): void => {
    clearTimeout(deadline);
    socket.destroy();
    resolve({ operations: reader.operations, closed });
  };
  const deadline = setTimeout(() => finish(false), ANSWER_MS);
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    if (reader.operations.length >= awaited) finish(false);
  });
  socket.on('error', () => {});
  socket.on('close', () => finish(true));
  socket.on('connect', () => void write());
  const write = async (): Promise<void> => {
    const whole = Buffer.concat(pieces);
    if (!draw.chance(15)) {
      socket.write(whole);
      return;
    }
    const head = pieces[0]!.length;
    const cut = head + draw.below(whole.length - head);
    socket.write(whole.subarray(0, cut));
    await turn();
    if (!socket.destroyed) socket.write(whole.subarray(cut));
  };
  return promise;
}

const observerPool = new BufferPool({ slots: 1 });
const observerScan = fastScanIn(observerPool.memory, observerPool.scratch);

/** An observer, who is told of no message and reads whole runs of them, makes the same of any pieces as the parser. */
function assertObserved(bytes: Buffer, whole: NatsParser, draw: Draw): void {
  const sink = { onOperation: () => undefined };
  const observer = new NatsParser('to_upstream', { sink });
  observer.fastScan = observerScan;
  const told = new NatsParser('to_upstream', { sink, reportMessages: true });
  const both = [observer, told];
  const slot = observerPool.take();
  for (let at = 0; at < bytes.length; ) {
    const length = draw.chance(50) ? 65_000 : 1 + draw.below(400);
    const end = slot + bytes.copy(observerPool.bytes, slot, at, at + length);
    for (const parser of both) parser.parse(observerPool.bytes, slot, end);
    at += end - slot;
  }
  observerPool.untake(slot);
  const numbers = ({ counts, payloadBytes, error }: NatsParser) => [
    ...counts,
    payloadBytes,
    error?.problem,
    error?.offset,
  ];
  const context = `observed otherwise: ${JSON.stringify(bytes.toString('latin1').slice(-300))}`;
  assert.deepEqual(numbers(observer), numbers(told), context);
  // Where it ends in a line that is wrong, the pieces decide when that is seen.
  if (whole.error === undefined) assert.deepEqual(numbers(observer), numbers(whole), context);
}

/** An enforcer beside the parser, with the same bytes in random pieces. */
class Enforcer implements SessionSides {
  readonly #pool = new BufferPool({ slots: 3, poison: true });
  readonly #free = this.#pool.free;
  #inspector: Inspector | undefined;
  #passed: Buffer = Buffer.alloc(0);

  /** `bytes` are whole operations. True: they passed, all of them. */
  check(bytes: Buffer, unreadable: boolean, draw: Draw): boolean {
    this.#inspector ??= this.#begin();
    const out: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && this.#inspector.endReason === undefined) {
      const end = Math.min(bytes.length, at + (draw.chance(50) ? 65_000 : 1 + draw.below(40)));
      out.push(this.#pass(this.#inspector, bytes.subarray(at, end)));
      at = end;
    }
    const passed = Buffer.concat(out);
    const refused = this.#inspector.endReason !== undefined;
    assert.ok(
      bytes.subarray(0, passed.length).equals(passed),
      `other bytes than ${bytes.toString('latin1')}`,
    );
    assert.equal(this.#pool.free, this.#free);
    // Of an unfinished line it may not be known yet, but then it waits.
    if (unreadable) assert.ok(refused || passed.length < bytes.length, `passed: ${bytes.toString('latin1')}`);
    else if (!refused) assert.equal(passed.length, bytes.length);
    if (refused || unreadable) this.#inspector = undefined;
    return !refused && !unreadable;
  }

  #begin(): Inspector {
    const info = { connectUrls: 'keep', hide: [] } as const;
    const rules = { level: 'enforce', maxLineBytes: 4096, keepsLogin: true, info } as const;
    const inspector = new Inspector(rules, this.#pool, {
      onParserStop() {},
      onServerError() {},
      onOwnLoginRefused() {},
      onLameDuck() {},
      onRoundTrip() {},
    });
    inspector.start(this);
    inspector.firstInfo(Buffer.from(`INFO {"max_payload":${MAX_PAYLOAD_BYTES}}\r\n`));
    this.#pass(inspector, Buffer.from('CONNECT {}\r\n'));
    return inspector;
  }

  #pass(inspector: Inspector, bytes: Buffer): Buffer {
    const slot = this.#pool.take();
    bytes.copy(this.#pool.bytes, slot);
    this.#passed = Buffer.alloc(0);
    inspector.toUpstream(this.#pool.lend(slot, slot + bytes.length));
    return this.#passed;
  }

  // SessionSides

  awaitErrors(): void {}

  writeToUpstream(chunk: Buffer): void {
    this.#passed = Buffer.from(chunk);
    this.#pool.release(chunk);
  }

  writeToClient(): void {}
}
