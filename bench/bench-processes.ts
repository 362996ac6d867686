import { join } from 'node:path';
import { Helper } from './helper.ts';
import type { GeneratorMethods } from './load/generator.ts';
import type { UpstreamMethods } from './load/upstream.ts';
import type { Bench } from './work/work.ts';

const file = (name: string): string => join(import.meta.dirname, 'load', name);

/** Generator and upstream, each a process of its own. */
export async function startBench(): Promise<Bench> {
  const generator = await Helper.start<GeneratorMethods>(file('generator.ts'));
  const upstream = await Helper.start<UpstreamMethods>(file('upstream.ts'));
  return { generator, upstream, upstreamPort: await upstream.call('listen') };
}
