import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fastScanIn, SCAN_BYTES } from '../src/nats/fast-scan.ts';
import type { Direction } from '../src/nats/operations.ts';
import { NatsParser } from '../src/nats/parser.ts';
import { median } from './statistics.ts';

/**
 * The NATS parser alone, in millions of messages for each second of CPU time, beside the one of nats.js in the same run. Chunks of 64 KiB,
 * as they come from a socket: lines and payloads are cut at their borders. Each figure comes from a process of its own.
 * nats.js reads MSG only, so it has no figure towards the server. Never to be quoted as speed of the system: all of it
 * happens in the cache.
 */
const PAYLOADS = [16, 128, 4096];
const CHUNK_BYTES = 65_536;
/** Whole messages before the stream begins anew. */
const STREAM_BYTES = 1_048_576;
/** The stream, what was found, and what SIMD may look at behind its end. */
const MEMORY = { initial: STREAM_BYTES / 65_536 + 1, maximum: STREAM_BYTES / 65_536 + 1 };
const SAMPLES = 15;
const SAMPLE_MS = 40;
const CANDIDATES = ['to_client', 'to_upstream', 'to_upstream, enforce', 'nats.js'] as const;

type Candidate = (typeof CANDIDATES)[number];
type Case = { readonly candidate: Candidate; readonly payloadBytes: number };

/** Chunks of whole messages, and how many; in memory as that of the pool. */
function stream(direction: Direction, payloadBytes: number) {
  const head = direction === 'to_client' ? 'MSG orders.eu.new 12' : 'PUB orders.eu.new';
  const message = Buffer.from(`${head} ${payloadBytes}\r\n${'x'.repeat(payloadBytes)}\r\n`);
  const messages = Math.floor(STREAM_BYTES / message.length);
  const memory = new WebAssembly.Memory(MEMORY);
  const bytes = Buffer.from(memory.buffer, 0, messages * message.length).fill(message);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(bytes.subarray(at, at + CHUNK_BYTES));
  return { chunks, messages, fastScan: fastScanIn(memory, STREAM_BYTES + SCAN_BYTES) };
}

type NatsJsParser = { parse(chunk: Uint8Array): void };

/** Not exported by the package, so it is found by its place. */
function natsJsParser(onMessage: () => void): NatsJsParser {
  const require = createRequire(import.meta.url);
  const lib = join(require.resolve('@nats-io/nats-core'), '..');
  const { Parser } = require(join(lib, 'parser.js')) as {
    Parser: new (dispatcher: { push(event: unknown): void }) => NatsJsParser;
  };
  return new Parser({ push: onMessage });
}

function measure({ candidate, payloadBytes }: Case): number {
  const { chunks, messages, fastScan } = stream(
    candidate.startsWith('to_upstream') ? 'to_upstream' : 'to_client',
    payloadBytes,
  );
  let seen = 0;
  let read: (chunk: Buffer) => void;
  let count: () => number;
  if (candidate === 'nats.js') {
    const parser = natsJsParser(() => void seen++);
    read = (chunk) => parser.parse(chunk);
    count = () => seen;
  } else {
    const enforce = candidate.endsWith('enforce');
    const parser = new NatsParser(enforce || candidate === 'to_upstream' ? 'to_upstream' : 'to_client', {
      sink: {
        onOperation() {
          seen++;
          return undefined;
        },
      },
      reportMessages: enforce,
      assembleLines: enforce,
      checkHeaders: enforce,
    });
    parser.fastScan = fastScan;
    read = (chunk) => void parser.parse(chunk, 0, chunk.length);
    count = () => parser.counts.reduce((sum, one) => sum + one, 0);
  }
  const samples: number[] = [];
  let runs = 1;
  let all = 0;
  for (let sample = 0; sample < 2 * SAMPLES; sample++) {
    const start = process.cpuUsage();
    for (let run = 0; run < runs; run++) for (const chunk of chunks) read(chunk);
    // Of this process alone, whatever else runs.
    const { user, system } = process.cpuUsage(start);
    const elapsedMs = (user + system) / 1000;
    all += runs * messages;
    if (sample >= SAMPLES) samples.push((runs * messages) / elapsedMs / 1000);
    else runs = Math.max(1, Math.round((runs * SAMPLE_MS) / Math.max(elapsedMs, 0.01)));
  }
  if (count() !== all) throw new Error(`${candidate}: ${count()} messages read in place of ${all}`);
  return median(samples);
}

function inOwnProcess(one: Case): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  fork(import.meta.filename, [JSON.stringify(one)])
    .on('message', (message) => resolve(Number(message)))
    .on('exit', (code) => reject(new Error(`the candidate ended with ${code}`)))
    .on('error', reject);
  return promise;
}

const [given] = process.argv.slice(2);
if (given !== undefined) process.send?.(measure(JSON.parse(given) as Case));
else {
  const header = [...CANDIDATES, '÷ nats.js'].map((name) => name.padStart(22)).join('');
  console.log(`million messages/s${header}`);
  for (const payloadBytes of PAYLOADS) {
    const figures: number[] = [];
    for (const candidate of CANDIDATES) figures.push(await inOwnProcess({ candidate, payloadBytes }));
    const ratio = figures[0]! / figures.at(-1)!;
    const cells = [...figures, ratio].map((figure) => figure.toFixed(2).padStart(22)).join('');
    console.log(`${`${payloadBytes} bytes`.padStart(18)}${cells}`);
  }
}
