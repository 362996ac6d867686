import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CHART, helm, sha256 } from '../support/helm.ts';
import type { Case } from './cases.ts';

export const SNAPSHOTS = join(import.meta.dirname, 'snapshots');

/** Manifests and notes. A dashboard is one long line: its digest is enough, dashboard.test.ts looks inside. */
export async function everything({ args, name }: Case): Promise<string> {
  // A release that is called like the chart does not get its name twice.
  const release = name === 'single' ? 'my-natsgate' : 'rel';
  const { code, stdout, stderr } = await helm(
    ...['install', release, CHART, '--namespace', 'edge', '--dry-run=client'],
    ...args,
  );
  assert.equal(code, 0, stderr);
  const [, hooks = '', manifests = '', notes = ''] =
    /\nHOOKS:\n([\s\S]*)MANIFEST:\n([\s\S]*?)\n+(\nNOTES:[\s\S]*)$/.exec(stdout) ?? [];
  assert.ok(manifests !== '', stdout);
  const text = `${manifests}\n${hooks}---\n${notes}`.replaceAll(
    /^( {2}(?:natsgate_[a-z0-9_-]*\.)?json: )(.*)$/gm,
    (_, key, json) => {
      return `${key}${sha256(json)}`;
    },
  );
  return text.replaceAll(/[ \t]+$/gm, '');
}
