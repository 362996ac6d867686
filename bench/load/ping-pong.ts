import { percentile } from '../statistics.ts';
import type { Client } from './client.ts';

export type PingPong = {
  readonly perSecond: number;
  readonly seconds: number;
  /** What is sent, and how many payload bytes come back for it. */
  readonly wire: Buffer;
  readonly payloadBytes: number;
};

export type Latencies = {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** How late the generator itself was, p99: latencies count from the planned moment, so this is part of them. */
  readonly lateP99: number;
};

/**
 * Open loop: what is due is sent whether the last answer has come or not, and every latency counts from the
 * moment that was planned. The wait is a busy one, since timers have a grain of 1 ms. Microseconds.
 */
export function pingPong(clients: readonly Client[], load: PingPong): Promise<Latencies> {
  const count = Math.round(load.perSecond * load.seconds);
  const latencies = new Float64Array(count);
  const lateness = new Float64Array(count);
  const { promise, resolve, reject } = Promise.withResolvers<Latencies>();
  const startMs = performance.now() + 10;
  const plannedMs = (index: number): number => startMs + (1000 * index) / load.perSecond;
  let answered = 0;
  for (const [offset, client] of clients.entries()) {
    let next = offset;
    let bytes = 0;
    client.onPayload = (piece) => {
      bytes += piece.length;
      for (; bytes >= load.payloadBytes; bytes -= load.payloadBytes, next += clients.length) {
        latencies[next] = 1000 * (performance.now() - plannedMs(next));
        if (++answered === count) resolve(summary(latencies, lateness));
      }
    };
  }
  let index = 0;
  const turn = (): void => {
    const nowMs = performance.now();
    for (; index < count && plannedMs(index) <= nowMs; index++) {
      lateness[index] = 1000 * (nowMs - plannedMs(index));
      clients[index % clients.length]?.socket.write(load.wire);
    }
    if (answered === count) return;
    if (nowMs > startMs + 1000 * load.seconds + 10_000)
      reject(new Error(`${answered} of ${count} answers came`));
    else setImmediate(turn);
  };
  turn();
  return promise;
}

function summary(latencies: Float64Array, lateness: Float64Array): Latencies {
  // The first tenth warms up.
  const counted = latencies.slice(Math.floor(latencies.length / 10)).sort();
  return {
    count: counted.length,
    p50: percentile(counted, 0.5),
    p99: percentile(counted, 0.99),
    p999: percentile(counted, 0.999),
    max: percentile(counted, 1),
    lateP99: percentile(lateness.sort(), 0.99),
  };
}
