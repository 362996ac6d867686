import { setTimeout as wait } from 'node:timers/promises';
import type { HandshakeKind } from '../load/handshakes.ts';
import { DIRECT } from '../subjects/all.ts';
import { RAW_PIPE } from '../subjects/raw-pipe.ts';
import { cpuColumns, measured } from './measured.ts';
import { targetOf } from './upload.ts';
import type { Bench, Work } from './work.ts';

const COUNT = 4000;
/** Handshakes of a program that has just begun cost twice as much: the compiler has seen each path a few times only. */
const WARM_UP_COUNT = 24_000;
const IN_FLIGHT = 16;

function opening(
  name: string,
  title: string,
  kind: HandshakeKind,
  subjects: (name: string) => boolean,
): Work {
  return {
    name,
    title,
    columns: cpuColumns('µs each', 'each second'),
    compare: 'difference',
    layout: 'throughput',
    takes: (one) => subjects(one.name),
    async measure(bench, { subject, warmUp, scale }) {
      const count = Math.max(50, Math.round((warmUp ? WARM_UP_COUNT : COUNT) * scale));
      await bench.upstream.call('setMode', { kind: 'echo' });
      // The control refuses nothing: its row is again accept, dial and close.
      const real = subject.protocol === 'ws' ? kind : 'open';
      const load = { target: targetOf(subject), count, inFlight: IN_FLIGHT, kind: real };
      return measured(bench, subject, count, { ns: 1e3, perSecond: 1 }, async () => {
        await bench.generator.call('handshakes', load);
        await upstreamIsLeft(bench);
      });
    },
  };
}

/** What the subject does after the client's last byte belongs to the work. */
async function upstreamIsLeft(bench: Bench): Promise<void> {
  while ((await bench.upstream.call('connections')) > 0) await wait(5);
}

const OURS = [RAW_PIPE, 'natsgate', 'natsgate (buffered)'];

export const openings: readonly Work[] = [
  opening(
    'handshake',
    'Handshake: open, INFO, close; the control accepts, dials and closes',
    'open',
    (name) => name !== DIRECT,
  ),
  opening('refusal', 'A handshake with an Origin that is not allowed', 'refused', (name) =>
    OURS.includes(name),
  ),
];
