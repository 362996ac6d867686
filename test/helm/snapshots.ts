import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CHART, helm, renderText, sha256 } from '../support/helm.ts';
import type { Case } from './cases.ts';

export const SNAPSHOTS = join(import.meta.dirname, 'snapshots');
export const KUBE_VERSION = ['--kube-version', '1.33.0'];

/** Manifests and notes. A dashboard is one long line: its digest is enough, dashboard.test.ts looks inside. */
export async function everything({ args }: Case): Promise<string> {
  const manifests = await renderText(...args, ...KUBE_VERSION);
  const installed = await helm('install', 'rel', CHART, '--namespace', 'edge', '--dry-run=client', ...args);
  assert.equal(installed.code, 0, installed.stderr);
  const notes = installed.stdout.slice(installed.stdout.indexOf('\nNOTES:'));
  const text = `${manifests}---\n${notes}`.replaceAll(/^( {2}natsgate\.json: )(.*)$/gm, (_, key, json) => {
    return `${key}${sha256(json)}`;
  });
  return text.replaceAll(/[ \t]+$/gm, '');
}
