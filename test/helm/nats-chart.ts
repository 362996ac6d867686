import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART, helm, type Manifest, manifests } from '../support/helm.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const OVERLAYS = join(ROOT, 'helm', 'overlays', 'nats-sidecar');
export const EXAMPLE = join(ROOT, 'examples', 'sidecar');

/** The stand-in for the official nats chart, which has that chart's documented contract and no more. */
export class NatsChart implements AsyncDisposable {
  readonly path: string;
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.path = join(folder.path, 'nats');
  }

  static async standIn(): Promise<NatsChart> {
    const chart = new NatsChart(await temporaryFolder());
    cpSync(join(import.meta.dirname, 'nats-stand-in'), chart.path, { recursive: true });
    // One implementation of JSON Patch is enough.
    cpSync(join(CHART, 'templates', '_patch.tpl'), join(chart.path, 'templates', '_patch.tpl'));
    return chart;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** The chart with these files of the overlays. @throws what helm complains about. */
export async function overlaid(
  chart: string,
  files: readonly string[],
  ...more: string[]
): Promise<Manifest[]> {
  const args = files.flatMap((file) => ['-f', join(OVERLAYS, file)]);
  const { code, stdout, stderr } = await helm('template', 'nats', chart, ...args, ...more);
  if (code !== 0) throw new Error(stderr);
  return manifests(stdout);
}

/** Objects of a file of examples/sidecar. */
export const plainObjects = (file: string): Manifest[] =>
  manifests(readFileSync(join(EXAMPLE, file), 'utf8'));
