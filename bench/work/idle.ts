import { setTimeout as wait } from 'node:timers/promises';
import { residentInUse } from '../memory.ts';
import { DIRECT } from '../subjects/all.ts';
import { targetOf } from './upload.ts';
import type { Work } from './work.ts';

const MIN_SESSIONS = 200;

/**
 * Memory of the subject with sessions that do nothing, less its memory without, after collections. Without: after as
 * many sessions have come and gone, since a wave of handshakes leaves pages behind that V8 keeps for the next one
 * (some 40 MB, however many sessions). The last column counts them in, from a fresh start on.
 */
function idle(name: string, title: string, sessions: number, tls: boolean): Work {
  return {
    name,
    title,
    columns: [
      { key: 'kilobytes', title: 'kB each', digits: 2 },
      { key: 'baseMebibytes', title: 'MiB without sessions', digits: 1 },
      { key: 'fullMebibytes', title: 'MiB with them', digits: 1 },
      { key: 'freshKilobytes', title: 'kB each since the start', digits: 2 },
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
      const fresh = await residentInUse(subject);
      await generator.call('open', { target, connections: count });
      await generator.call('closeAll');
      await wait(500);
      const before = await residentInUse(subject);
      await generator.call('open', { target, connections: count });
      const after = await residentInUse(subject);
      return {
        kilobytes: (after - before) / count / 1000,
        baseMebibytes: before / 2 ** 20,
        fullMebibytes: after / 2 ** 20,
        freshKilobytes: (after - fresh) / count / 1000,
      };
    },
  };
}

export const idles: readonly Work[] = [
  idle('idle', 'Idle: memory of each of 5,000 sessions', 5000, false),
  idle('idle-tls', 'Idle: memory of each of 3,000 TLS sessions', 3000, true),
];
