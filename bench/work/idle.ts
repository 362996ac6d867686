import { setTimeout as wait } from 'node:timers/promises';
import { residentInUse } from '../memory.ts';
import { DIRECT } from '../subjects/all.ts';
import { targetOf } from './upload.ts';
import type { Work } from './work.ts';

const WARM_UP_SESSIONS = 200;

/** Memory of the subject with sessions that do nothing, less its memory without, after collections. */
function idle(name: string, title: string, sessions: number, tls: boolean): Work {
  return {
    name,
    title,
    columns: [
      { key: 'kilobytes', title: 'kB each', digits: 2 },
      { key: 'baseMebibytes', title: 'MiB without sessions', digits: 1 },
      { key: 'fullMebibytes', title: 'MiB with them', digits: 1 },
    ],
    compare: 'ratio',
    layout: 'throughput',
    memory: true,
    tls,
    takes: (kind) => kind.name !== DIRECT && kind.share === undefined && (!tls || kind.canTls),
    async measure(bench, { subject, scale }) {
      const count = Math.max(WARM_UP_SESSIONS, Math.round(sessions * scale));
      const target = targetOf(subject);
      const { generator, upstream } = bench;
      await upstream.call('setMode', { kind: 'echo' });
      // Code and pools are there after the first sessions; they are the program's, not a session's.
      await generator.call('open', { target, connections: WARM_UP_SESSIONS });
      await generator.call('closeAll');
      await wait(500);
      const before = await residentInUse(subject);
      await generator.call('open', { target, connections: count });
      const after = await residentInUse(subject);
      return {
        kilobytes: (after - before) / count / 1000,
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
