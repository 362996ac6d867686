import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { rawUpgrade } from './raw-upgrade.ts';

/** Round trips of one way: how many took as long, by `BUCKETS_US`, and two figures. */
export type RoundTrips = {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly counts: readonly number[];
};

export type Latency = {
  /** Upper ends of the buckets; what is slower is in one more. */
  readonly bucketsUs: readonly number[];
  /** TCP to nats-server. */
  readonly direct: RoundTrips;
  /** WebSocket to the gateway, TCP from there. */
  readonly gateway: RoundTrips;
};

const ROUNDS = 400;
/** Not counted: V8 and the kernel's buffers are cold. */
const WARM_UP = 100;
const ROUND_TIMEOUT_MS = 5_000;
const BUCKETS_US = Array.from({ length: 14 }, (_, index) => Math.round(32 * Math.SQRT2 ** index));

const CONNECT = Buffer.from('CONNECT {"verbose":false}\r\n');
const PING = Buffer.from('PING\r\n');

/**
 * Times PING to PONG both ways, in turn, so that whatever else the machine does is in both. The client is this process,
 * which is the gateway as well.
 */
export async function measureLatency(natsPort: number, gatewayUrl: string, origin: string): Promise<Latency> {
  await using parts = new AsyncDisposableStack();
  const own = (socket: Socket): Socket => {
    parts.defer(() => void socket.destroy());
    return socket.setNoDelay(true).on('error', () => {}); // a round that waits learns of the end
  };
  const direct = own(connect({ host: '127.0.0.1', port: natsPort }));
  await once(direct, 'data');
  const upgraded = await rawUpgrade(gatewayUrl, origin);
  if (upgraded.socket === undefined) throw new Error(`the gateway answered ${upgraded.status}`);
  const webSocket = own(upgraded.socket);
  direct.write(CONNECT);
  webSocket.write(frame(CONNECT));
  const taken = { direct: [] as number[], gateway: [] as number[] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const [one, other] = [await roundTrip(direct, PING), await roundTrip(webSocket, frame(PING))];
    if (round < 0) continue;
    taken.direct.push(one);
    taken.gateway.push(other);
  }
  return { bucketsUs: BUCKETS_US, direct: summary(taken.direct), gateway: summary(taken.gateway) };
}

/** Microseconds until the PONG, which the server's own PING may come before. */
async function roundTrip(socket: Socket, ping: Buffer): Promise<number> {
  const pong = Promise.withResolvers<void>();
  let received = '';
  const onData = (bytes: Buffer): void => {
    received += bytes.toString('latin1');
    if (received.includes('PONG\r\n')) pong.resolve();
  };
  const onClose = (): void => pong.reject(new Error('a connection ended while it was measured'));
  const deadline = setTimeout(onClose, ROUND_TIMEOUT_MS);
  socket.on('data', onData).on('close', onClose);
  const begunMs = performance.now();
  socket.write(ping);
  try {
    await pong.promise;
    return (performance.now() - begunMs) * 1000;
  } finally {
    clearTimeout(deadline);
    socket.off('data', onData).off('close', onClose);
  }
}

/** A short binary frame of a client, with a mask of zeroes. */
function frame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x82, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

function summary(us: readonly number[]): RoundTrips {
  const sorted = us.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
  const counts = Array.from({ length: BUCKETS_US.length + 1 }, () => 0);
  for (const value of us) {
    const index = BUCKETS_US.findIndex((end) => value <= end);
    const bucket = index < 0 ? BUCKETS_US.length : index;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return { p50Us: at(0.5), p99Us: at(0.99), counts };
}
