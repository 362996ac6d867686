import { downloads } from './download.ts';
import { idles } from './idle.ts';
import { latencies } from './latency.ts';
import { openings } from './opening.ts';
import { stops } from './stopped.ts';
import { uploads } from './upload.ts';
import type { Work } from './work.ts';

export const WORKS: readonly Work[] = [
  ...uploads,
  ...downloads,
  ...latencies,
  ...openings,
  ...idles,
  ...stops,
];
