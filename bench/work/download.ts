import { cpuColumns, measured } from './measured.ts';
import { targetOf } from './upload.ts';
import type { Work } from './work.ts';

const BYTES = 1.5e9;

/** The upstream writes 64 KiB at a time, as fast as it can, to one client. */
export const download: Work = {
  name: 'down',
  title: 'Bulk down: the upstream writes 64 KiB at a time',
  columns: cpuColumns('CPU-s/GB', 'MB/s'),
  compare: 'ratio',
  layout: 'throughput',
  takes: (kind) => kind.isServer !== true,
  async measure(bench, { subject, kind, warmUp, scale }) {
    const bytes = Math.round(BYTES * Math.max(scale, 0.01));
    await bench.upstream.call('setMode', { kind: 'blast', bytes });
    await bench.generator.call('open', { target: targetOf(subject), connections: 1 });
    let got: { readonly bytes: number; readonly sha256: string | undefined } | undefined;
    const figures = await measured(bench, subject, bytes / 1e9, { ns: 1e9, perSecond: 1e-3 }, async () => {
      got = await bench.generator.call('down', { bytes, digest: warmUp });
    });
    if (got?.bytes !== bytes) throw new Error(`${kind.name}: ${got?.bytes} bytes came in place of ${bytes}`);
    if (warmUp && got.sha256 !== (await bench.upstream.call('floodDigest', bytes)))
      throw new Error(`${kind.name}: other bytes came than were sent`);
    return figures;
  },
};
