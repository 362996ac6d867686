import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { findOnPath } from '../../src/dev/executables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const workflow = parse(await readFile(join(ROOT, 'examples', 'github-actions', 'check.yaml'), 'utf8'));

test('GitHub Actions: problems and warnings are annotations at their lines, and the step fails', async () => {
  const script = (workflow.jobs.check.steps as { run?: string }[]).at(-1)?.run ?? '';
  await using folder = await temporaryFolder();
  const bin = join(folder.path, 'natsgate');
  await writeFile(bin, `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'src', 'main.ts')}" "$@"\n`);
  await chmod(bin, 0o755);
  const run = async (content: string) => {
    await writeFile(join(folder.path, 'natsgate.yaml'), content);
    const PATH = `${folder.path}:${process.env['PATH']}`;
    return spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
      ...{ cwd: folder.path, env: { PATH }, encoding: 'utf8', timeout: 300_000 },
    });
  };
  const [jq] = await findOnPath('jq', process.env);
  const bad = await run('upstream: nats://n\norigins: a.example\n');
  assert.equal(bad.status === 0, false);
  if (jq === undefined) return;
  assert.deepEqual([bad.status, bad.stderr], [1, '']);
  assert.match(bad.stdout, /^::error file=natsgate\.yaml,line=2,col=10::origins: "a\.example": .*\n$/);
  const warned = await run('upstream: nats://n\norigins: "*"\n');
  assert.match(warned.stdout, /^::warning file=natsgate\.yaml,line=2,col=10::origins: .*\n$/);
  assert.equal(warned.status, 1);
  const good = await run('upstream: nats://n\norigins: https://a.example\nadmin: {tokenFile: elsewhere}\n');
  assert.deepEqual([good.status, good.stdout], [0, '']);
});
