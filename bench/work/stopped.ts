import { atRest, residentBytes, residentInUse } from '../memory.ts';
import { DIRECT } from '../subjects/all.ts';
import { targetOf } from './upload.ts';
import type { Bench, Work } from './work.ts';

const SESSIONS = 200;
/** More than all buffers of the kernel between the two ends. */
const FLOOD_BYTES = 64e6;
const MESSAGE_BYTES = 32_768;

/** All sessions at once have one side that reads nothing and one that sends without end. */
function stopped(name: string, title: string, flood: (bench: Bench) => Promise<() => Promise<number>>): Work {
  return {
    name,
    title,
    columns: [
      { key: 'kibibytes', title: 'KiB each', digits: 1 },
      { key: 'inUseKibibytes', title: 'KiB each, garbage collected', digits: 1 },
      { key: 'sentMegabytes', title: 'MB sent each, before it stopped', digits: 1 },
    ],
    compare: 'ratio',
    layout: 'throughput',
    memory: true,
    takes: (kind) => kind.name !== DIRECT && kind.isServer !== true && kind.forks !== true,
    async measure(bench, { subject, scale }) {
      const connections = Math.max(20, Math.round(SESSIONS * scale));
      const down = name === 'stopped-reader';
      await bench.upstream.call(
        'setMode',
        down ? { kind: 'blast', bytes: FLOOD_BYTES } : { kind: 'stopped' },
      );
      await bench.generator.call('open', { target: targetOf(subject), connections });
      const before = await residentInUse(subject);
      const sent = await flood(bench);
      const sentBytes = await atRest(sent, 0);
      const raw = residentBytes(subject.pids());
      const inUse = await residentInUse(subject);
      return {
        kibibytes: (raw - before) / connections / 1024,
        inUseKibibytes: (inUse - before) / connections / 1024,
        sentMegabytes: sentBytes / connections / 1e6,
      };
    },
  };
}

export const stops: readonly Work[] = [
  stopped(
    'stopped-reader',
    'Stopped readers: 200 clients read nothing, the upstream floods',
    async (bench) => {
      await bench.generator.call('stopAndAsk');
      return () => bench.upstream.call('sent');
    },
  ),
  stopped(
    'stopped-upstream',
    'The same mirrored: the upstream reads nothing, 200 clients flood',
    async (bench) => {
      const blocks = Math.round(FLOOD_BYTES / 2 ** 20);
      await bench.generator.call('sendToStopped', { messageBytes: MESSAGE_BYTES, blocks });
      return () => bench.generator.call('sent');
    },
  ),
];
