import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBench } from './bench-processes.ts';
import { Helper } from './helper.ts';
import type { GeneratorMethods } from './load/generator.ts';
import type { UpstreamMethods } from './load/upstream.ts';
import { startWith } from './subjects/natsgate.ts';
import { targetOf } from './work/upload.ts';

/**
 * How well `rates` holds a client that sends as much as it can, and what another session notices of it: a frame there and
 * back, by open loop, beside nobody, beside the limited client, and beside nobody again (the control).
 */
const USAGE = `node bench/rates.ts [--seconds N]

  --seconds N     of each figure (10)`;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const seconds = Number(values.seconds);
const MESSAGE_BYTES = 128;
const CONNECT = 'CONNECT {"verbose":false,"protocol":1}\r\n';
const BURST = '1s';
const MIB = 1024 * 1024;
/** `perSecond` in bytes of the wire: the block's messages are all of one length. */
const LIMITS = {
  '/bytes': { perSecond: 4 * MIB, session: { bytes: '4MiB/s', burst: BURST } },
  '/messages': { perSecond: 5000 * MESSAGE_BYTES, session: { messages: '5000/s', burst: BURST } },
} as const;

const bench = await startBench();
const file = (name: string): string => new URL(`load/${name}`, import.meta.url).pathname;
const flooder = await Helper.start<GeneratorMethods>(file('generator.ts'));
const sink = await Helper.start<UpstreamMethods>(file('upstream.ts'));
const sinkPort = await sink.call('listen');
await sink.call('setMode', { kind: 'sink', expectBytes: Number.POSITIVE_INFINITY, digest: false });
await bench.upstream.call('setMode', { kind: 'echo' });
const subject = await startWith(
  { upstreamPort: bench.upstreamPort },
  {
    config: { inspect: 'auto' },
    routes: Object.entries(LIMITS).map(([path, { session }]) => ({
      path,
      upstream: `nats://127.0.0.1:${sinkPort}`,
      rates: { session, maxDelay: '30s' },
    })),
  },
);

async function others(): Promise<string> {
  const load = { perSecond: 1000, seconds, payloadBytes: 64 };
  const { p50, p99 } = await bench.generator.call('pingPong', load);
  return `p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs`;
}

try {
  await bench.generator.call('open', { target: targetOf(subject), connections: 1 });
  await others();
  console.log(`beside nobody: ${await others()}`);
  for (const [path, { perSecond }] of Object.entries(LIMITS)) {
    const target = { ...targetOf({ ...subject, path }), hello: CONNECT };
    await flooder.call('open', { target, connections: 1 });
    // More than the limit lets pass. It ends with the connection.
    flooder.call('up', { messageBytes: MESSAGE_BYTES, repeats: 100 * seconds }).catch(() => {});
    // The burst is over.
    await wait(3000);
    const before = await sink.call('received');
    const startMs = performance.now();
    const noticed = await others();
    const bytes = (await sink.call('received')) - before;
    const held = bytes / ((perSecond * (performance.now() - startMs)) / 1000);
    console.log(`beside ${path.slice(1)} limited: ${noticed}; it had ${held.toFixed(3)} of its limit`);
    await flooder.call('closeAll');
  }
  console.log(`beside nobody: ${await others()}`);
} finally {
  await subject.stop();
  for (const one of [bench.generator, bench.upstream, flooder, sink]) one.stop();
}
