import { cpuColumns, measured } from './measured.ts';
import { CONNECT_LINE, targetOf } from './upload.ts';
import type { Work } from './work.ts';

const BYTES = 1.5e9;

/** The upstream writes 64 KiB at a time, as fast as it can, to one client. `messages`: real NATS, behind a CONNECT. */
const download = (name: string, title: string, messages: boolean): Work => ({
  name,
  title,
  columns: cpuColumns('CPU-s/GB', 'MB/s'),
  compare: 'ratio',
  layout: 'throughput',
  takes: (kind) => kind.isServer !== true && (messages || kind.inspects !== true),
  async measure(bench, { subject, kind, warmUp, scale }) {
    const bytes = Math.round(BYTES * Math.max(scale, 0.01));
    await bench.upstream.call('setMode', { kind: 'blast', bytes, messages });
    await bench.generator.call('open', { target: targetOf(subject), connections: 1 });
    let got: { readonly bytes: number; readonly sha256: string | undefined } | undefined;
    const figures = await measured(bench, subject, bytes / 1e9, { ns: 1e9, perSecond: 1e-3 }, async () => {
      got = await bench.generator.call('down', {
        bytes,
        digest: warmUp,
        ...(messages ? { start: CONNECT_LINE } : {}),
      });
    });
    if (got?.bytes !== bytes) throw new Error(`${kind.name}: ${got?.bytes} bytes came in place of ${bytes}`);
    if (warmUp && got.sha256 !== (await bench.upstream.call('floodDigest', { bytes, messages })))
      throw new Error(`${kind.name}: other bytes came than were sent`);
    return figures;
  },
});

export const downloads: readonly Work[] = [
  download('down', 'Bulk down: the upstream writes 64 KiB at a time', false),
  download('nats-down', 'NATS down: MSG operations of 4 KiB, 15 in each write', true),
];
