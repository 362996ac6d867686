/**
 * Exit code 1 at the first difference that the snapshot and guard tests would see in the chart that NATSGATE_CHART
 * names. For scripts/chart/mutate.ts, which has no time for all of a test run.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES } from './cases.ts';
import { ACCEPTED, REFUSED, withValues } from './guard-cases.ts';
import { everything, SNAPSHOTS } from './snapshots.ts';

const noticed = (what: string): never => {
  console.log(what);
  process.exit(1);
};

for (const one of CASES) {
  const text = await everything(one).catch(() => '');
  if (text !== readFileSync(join(SNAPSHOTS, `${one.name}.yaml`), 'utf8')) noticed(`snapshot ${one.name}`);
}
for (const [values, says, kube] of REFUSED) {
  const { code, stderr } = await withValues(values, kube);
  if (code === 0 || !says.test(stderr)) noticed(`refusal of ${JSON.stringify(values)}`);
}
for (const [values, kube] of ACCEPTED) {
  if ((await withValues(values, kube)).code !== 0) noticed(`acceptance of ${JSON.stringify(values)}`);
}
