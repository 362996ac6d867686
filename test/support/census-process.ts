/**
 * A gateway alone in its process, which counts what it holds: started by `census.ts`, asked over IPC. Nothing but
 * the gateway runs here, so that every byte is its own.
 */
import { createHook } from 'node:async_hooks';
import { getHeapStatistics } from 'node:v8';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { TimerWheel } from '../../src/timer-wheel.ts';
import type { Census, Look } from './census.ts';
import { type ConfigOverrides, testConfig } from './config.ts';

// Small buffers would share stores of 64 KiB, and one store more or less would blur what a session holds.
Buffer.poolSize = 0;

const bufferPool = new BufferPool();
const timerWheel = new TimerWheel();
const config = testConfig(Number(process.argv[2]), JSON.parse(process.argv[3] ?? '{}') as ConfigOverrides);
const log = createLog(config.log, { write: () => {} });
const gateway = await startGateway(config, { log, bufferPool, timerWheel });
const timers = new Set<number>();
// Sees the timers that do not keep the process alive, too.
const hook = createHook({
  init: (id, type) => {
    if (type === 'Timeout') timers.add(id);
  },
  destroy: (id) => void timers.delete(id),
});

function stalledSessions(): number {
  const sessions = gateway.status.openSessions();
  return sessions.filter(({ buffered }) => buffered.toClient + buffered.toUpstream > 0).length;
}

const look = (): Look => ({ sessions: gateway.sessionCount, stalledSessions: stalledSessions() });

function census(collections: number): Census {
  const uncollectedBufferBytes = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < collections; count++) gc?.();
  const { external, arrayBuffers, heapUsed } = process.memoryUsage();
  return {
    port: gateway.address.port,
    adminPort: gateway.adminAddress.port,
    ...look(),
    freeSlots: bufferPool.free,
    pendingDeadlines: timerWheel.pending,
    timers: timers.size,
    heapBytes: heapUsed,
    externalBytes: external,
    bufferBytes: arrayBuffers,
    uncollectedBufferBytes,
    allocatedBytes: getHeapStatistics().total_allocated_bytes,
  };
}

process.on('message', (question) => {
  if (question === 'watch timers') hook.enable();
  process.send?.(question === 'look' ? look() : census(question === 'census' ? 2 : 1));
});
process.on('disconnect', () => process.exit());
process.send?.(census(1));
