import { residentBytes, residentInUse, SETTLING_COLLECTIONS } from '../memory.ts';
import { DIRECT } from '../subjects/all.ts';
import { targetOf } from './upload.ts';
import type { Work } from './work.ts';

const MIN_SESSIONS = 200;

/**
 * Memory of a fresh subject with sessions that do nothing, less its memory with one: after collections, when V8 has
 * given back what it needed for the handshakes only, and (second column) before them, as the wave left it.
 */
function idle(name: string, title: string, sessions: number, tls: boolean): Work {
  return {
    name,
    title,
    columns: [
      { key: 'kilobytes', title: 'kB each', digits: 2 },
      { key: 'unsettled', title: 'before collections', digits: 2 },
      { key: 'baseMebibytes', title: 'MiB without sessions', digits: 1 },
      { key: 'fullMebibytes', title: 'MiB with them', digits: 1 },
    ],
    compare: 'ratio',
    layout: 'throughput',
    memory: true,
    tls,
    takes: (kind) => kind.name !== DIRECT && kind.forks !== true && (!tls || kind.canTls),
    async measure(bench, { subject, scale }) {
      const count = Math.max(MIN_SESSIONS, Math.round(sessions * scale));
      const target = targetOf(subject);
      const { generator, upstream } = bench;
      await upstream.call('setMode', { kind: 'echo' });
      await generator.call('open', { target, connections: 1 });
      const before = await residentInUse(subject);
      await generator.call('open', { target, connections: count });
      const unsettled = residentBytes(subject.pids());
      const after = await residentInUse(subject, SETTLING_COLLECTIONS);
      return {
        kilobytes: (after - before) / count / 1000,
        unsettled: (unsettled - before) / count / 1000,
        baseMebibytes: before / 2 ** 20,
        fullMebibytes: after / 2 ** 20,
      };
    },
  };
}

export const idles: readonly Work[] = [
  idle('idle', 'Idle: memory of each of 5,000 sessions', 5000, false),
  idle('idle-tls', 'Idle: memory of each of 3,000 TLS sessions', 3000, true),
];
