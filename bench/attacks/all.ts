import { adminPipelined, adminSilent } from './admin-port.ts';
import type { Attack } from './attack.ts';
import { halfOpenTls } from './half-open-tls.ts';
import { pipelined } from './pipelined.ts';
import { refusedFlood } from './refused-flood.ts';
import { silent } from './silent.ts';
import { stalledReaders } from './stalled-readers.ts';
import { tlsClientsThatStay } from './tls-clients-that-stay.ts';
import { trickle } from './trickle.ts';
import { unfinishedBody } from './unfinished-body.ts';
import { unfinishedHeads } from './unfinished-heads.ts';
import { waves } from './waves.ts';

export const ATTACKS: readonly Attack[] = [
  pipelined,
  trickle,
  unfinishedHeads,
  halfOpenTls,
  silent,
  refusedFlood,
  unfinishedBody,
  stalledReaders,
  tlsClientsThatStay,
  adminPipelined,
  adminSilent,
  waves,
];
