import { get } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { REQUEST } from '../load/client.ts';
import { open, type Target } from './attack.ts';

const HANDSHAKE_MS = 5000;
const PROBE_MS = 1000;
const PING = Buffer.from([0x82, 0x86, 0, 0, 0, 0, ...Buffer.from('PING\r\n')]);

/** How honest users fare, in milliseconds; a failure is undefined. */
export type Fared = {
  readonly roundTrips: readonly number[];
  readonly handshakes: readonly (number | undefined)[];
  readonly livez: readonly (number | undefined)[];
  readonly readyz: readonly (number | undefined)[];
  /** The session that was open before the attack has ended. */
  readonly sessionLost: boolean;
};

/** Watches until `signal`: a session that pings, five handshakes a second, both probes twice a second. */
export async function watchHonest(target: Target, signal: AbortSignal): Promise<Fared> {
  const fared = {
    roundTrips: [] as number[],
    handshakes: [] as (number | undefined)[],
    livez: [] as (number | undefined)[],
    readyz: [] as (number | undefined)[],
    sessionLost: false,
  };
  const session = await handshake(target);
  if (session === undefined) throw new Error('no session before the attack');
  session.once('close', () => {
    fared.sessionLost = !signal.aborted;
  });
  const every = async (ms: number, work: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) await Promise.all([work(), wait(ms)]);
  };
  await Promise.all([
    every(100, async () => {
      const took = await timed(() => roundTrip(session), HANDSHAKE_MS);
      if (took !== undefined) fared.roundTrips.push(took);
    }),
    every(200, async () => {
      fared.handshakes.push(
        await timed(async () => {
          const socket = await handshake(target);
          socket?.destroy();
          return socket !== undefined;
        }, HANDSHAKE_MS),
      );
    }),
    every(500, async () => void fared.livez.push(await timed(() => probe(target, '/livez'), PROBE_MS))),
    every(500, async () => void fared.readyz.push(await timed(() => probe(target, '/readyz'), PROBE_MS))),
  ]);
  session.destroy();
  return fared;
}

async function timed(work: () => Promise<boolean>, mostMs: number): Promise<number | undefined> {
  const startMs = performance.now();
  const done = await Promise.race([work().catch(() => false), wait(mostMs, false)]);
  return done ? performance.now() - startMs : undefined;
}

/** A session, up to the INFO line of the server. Undefined: it was refused. */
export async function handshake(target: Target): Promise<Socket | undefined> {
  const socket = await open(target);
  socket.write(REQUEST);
  let text = '';
  const onData = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    if (text.includes('INFO ') || text.startsWith('HTTP/1.1 4') || text.startsWith('HTTP/1.1 5')) resolve();
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', onData).once('close', resolve);
  if (socket.closed) resolve();
  await promise;
  socket.off('data', onData);
  if (text.includes('INFO ')) return socket;
  socket.destroy();
  return undefined;
}

async function roundTrip(session: Socket): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  session.once('data', () => resolve(true));
  session.write(PING);
  return promise;
}

function probe({ adminPort }: Target, path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ host: '127.0.0.1', port: adminPort, path, agent: false, timeout: PROBE_MS }, (answer) => {
    answer.resume();
    resolve(answer.statusCode === 200);
  }).on('error', () => resolve(false));
  return promise;
}
