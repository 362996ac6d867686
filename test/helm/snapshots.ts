import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CHART, helm, sha256 } from '../support/helm.ts';
import type { Case } from './cases.ts';

export const SNAPSHOTS = join(import.meta.dirname, 'snapshots');
export const KUBE_VERSION = ['--kube-version', '1.33.0'];

/** Manifests and notes. A dashboard is one long line: its digest is enough, dashboard.test.ts looks inside. */
export async function everything({ args, name }: Case): Promise<string> {
  // A release that is called like the chart does not get its name twice.
  const release = name === 'single' ? 'my-natsgate' : 'rel';
  const [rendered, installed] = await Promise.all([
    helm('template', release, CHART, '--namespace', 'edge', ...args, ...KUBE_VERSION),
    helm('install', release, CHART, '--namespace', 'edge', '--dry-run=client', ...args),
  ]);
  assert.equal(rendered.code, 0, rendered.stderr);
  const manifests = rendered.stdout;
  assert.equal(installed.code, 0, installed.stderr);
  const notes = installed.stdout.slice(installed.stdout.indexOf('\nNOTES:'));
  const text = `${manifests}---\n${notes}`.replaceAll(
    /^( {2}(?:natsgate_[a-z0-9_-]*\.)?json: )(.*)$/gm,
    (_, key, json) => {
      return `${key}${sha256(json)}`;
    },
  );
  return text.replaceAll(/[ \t]+$/gm, '');
}
