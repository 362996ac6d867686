import type { Attack } from './attack.ts';
import { halfOpenTls } from './half-open-tls.ts';
import { pipelined } from './pipelined.ts';
import { refusedFlood } from './refused-flood.ts';
import { silent } from './silent.ts';
import { trickle } from './trickle.ts';
import { unfinishedBody } from './unfinished-body.ts';
import { unfinishedHeads } from './unfinished-heads.ts';

export const ATTACKS: readonly Attack[] = [
  pipelined,
  trickle,
  unfinishedHeads,
  halfOpenTls,
  silent,
  refusedFlood,
  unfinishedBody,
];
