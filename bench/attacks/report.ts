import { readFileSync } from 'node:fs';
import type { Attack, Spent } from './attack.ts';
import type { Fared } from './honest.ts';
import type { Pod } from './pod.ts';

/** Columns: what it cost the attacker, the memory of the gateway, and how honest users fared. */
export const HEADINGS =
  'attack             connections     MB  RSS before  most  after MiB  charged  round trip p50/max ms  handshakes ok  p50/max ms  livez  readyz';

/** One line, and below it what the gateway dropped. */
export async function report(
  { name }: Attack,
  pod: Pod,
  spent: Spent,
  fared: Fared,
  before: number,
): Promise<void> {
  const { memory } = pod;
  const cells = [
    name.padEnd(18),
    String(spent.connections).padStart(11),
    (spent.bytes / 1e6).toFixed(1).padStart(6),
    before.toFixed(0).padStart(11),
    ...(memory === undefined
      ? ['ENDED'.padStart(11)]
      : [memory.most.toFixed(0).padStart(5), memory.now.toFixed(0).padStart(6)]),
    (pod.mostCharged?.toFixed(0) ?? '-').padStart(12),
    times(fared.roundTrips).padStart(23),
    share(fared.handshakes).padStart(14),
    times(fared.handshakes).padStart(11),
    share(fared.livez).padStart(6),
    share(fared.readyz).padStart(7),
    fared.sessionLost ? ' session lost' : '',
  ];
  console.log(cells.join(' '));
  if (memory === undefined) {
    console.log(`its last words: ${pod.output.trimEnd().slice(-300)}`);
    return;
  }
  const dropped = (await pod.counter('natsgate_connections_dropped_total')) || 'none';
  const note = spent.note === undefined ? '' : `; answers: ${spent.note}`;
  console.log(`${''.padEnd(19)}dropped: ${dropped}; ${socketMemory()}${note}`);
  for (const line of pod.warnings) console.log(`${''.padEnd(19)}${line}`);
}

function times(all: readonly (number | undefined)[]): string {
  const sorted = all.filter((one) => one !== undefined).toSorted((a, b) => a - b);
  const [median, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return median === undefined || most === undefined ? '-' : `${median.toFixed(1)}/${most.toFixed(0)}`;
}

const share = (all: readonly (number | undefined)[]): string =>
  `${all.filter((one) => one !== undefined).length}/${all.length}`;

/** cgroup v1 charges socket buffers to nobody; the kernel's own count has them. */
function socketMemory(): string {
  const pages = /^TCP: .* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1] ?? '0';
  return `socket buffers of this machine now ${((Number(pages) * 4096) / 2 ** 20).toFixed(1)} MiB`;
}
