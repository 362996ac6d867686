import { targetOf } from './upload.ts';
import type { Work } from './work.ts';

type Load = {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly perSecond: number;
};

const PAYLOAD_BYTES = 64;

/** A frame of 64 bytes there and back, by open loop. */
function latency({ name, title, connections, perSecond }: Load): Work {
  return {
    name,
    title,
    columns: [
      { key: 'p50', title: 'p50 µs', digits: 1 },
      { key: 'p99', title: 'p99', digits: 1 },
      { key: 'p999', title: 'p99.9', digits: 1 },
      { key: 'max', title: 'max', digits: 0 },
      { key: 'lateP99', title: 'sent late p99', digits: 1 },
    ],
    compare: 'difference',
    layout: 'latency',
    // websockify's processes would come and go, and a server answers something else.
    takes: (kind) => kind.isServer !== true && kind.forks !== true,
    async measure(bench, { subject, scale }) {
      await bench.upstream.call('setMode', { kind: 'echo' });
      await bench.generator.call('open', { target: targetOf(subject), connections });
      const seconds = Math.max(0.5, 3 * scale);
      return bench.generator.call('pingPong', { perSecond, seconds, payloadBytes: PAYLOAD_BYTES });
    },
  };
}

export const latencies: readonly Work[] = [
  latency({
    name: 'latency',
    title: 'Ping-pong: 64 bytes there and back, one session, 1,000 a second',
    connections: 1,
    perSecond: 1000,
  }),
  latency({
    name: 'latency-busy',
    title: 'Ping-pong: 64 bytes there and back, 20 sessions, 8,000 a second together',
    connections: 20,
    perSecond: 8000,
  }),
];
