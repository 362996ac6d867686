import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readMemory } from '../src/cgroup.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const MiB = 1024 * 1024;
const NO_LIMIT_V1 = '9223372036854771712\n';

/** A copy of the two places where Linux shows control groups, with these files; reads the limit there. */
async function groupOf(membership: string | undefined, files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  const write = async (name: string, content: string): Promise<void> => {
    const file = join(folder.path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  };
  if (membership !== undefined) await write('membership', membership);
  for (const [name, content] of Object.entries(files)) await write(join('cgroup', name), content);
  const group = await readMemory({
    mounted: join(folder.path, 'cgroup'),
    membership: join(folder.path, 'membership'),
  });
  return { group, write, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

type Case = readonly [
  what: string,
  membership: string | undefined,
  files: Readonly<Record<string, string>>,
  MiB: number | undefined,
];

const POD = '/kubepods.slice/pod7.slice/container.scope';
const CASES: readonly Case[] = [
  ['v2, the own group', `0::${POD}\n`, { [`${POD}/memory.max`]: `${256 * MiB}\n` }, 256],
  [
    'v2, a parent with less',
    `0::${POD}\n`,
    {
      [`${POD}/memory.max`]: `${512 * MiB}\n`,
      '/kubepods.slice/pod7.slice/memory.max': `${300 * MiB}\n`,
      '/kubepods.slice/memory.max': 'max\n',
    },
    300,
  ],
  ['v2, in a namespace of its own', '0::/\n', { 'memory.max': `${256 * MiB}\n` }, 256],
  ['v2, a path that is not to be seen here', `0::${POD}\n`, { 'memory.max': `${256 * MiB}\n` }, 256],
  ['v2, a group outside of the namespace', '0::/../other\n', { 'memory.max': `${256 * MiB}\n` }, 256],
  ['v2 without a limit', `0::${POD}\n`, { [`${POD}/memory.max`]: 'max\n' }, undefined],
  [
    'v1',
    `4:cpu,cpuacct:${POD}\n3:memory:${POD}\n0::/\n`,
    { [`memory${POD}/memory.limit_in_bytes`]: `${256 * MiB}\n` },
    256,
  ],
  [
    'v1 in a container, where the own group is the root',
    `3:memory:${POD}\n`,
    { 'memory/memory.limit_in_bytes': `${256 * MiB}\n` },
    256,
  ],
  [
    'v1 without a limit',
    `3:memory:${POD}\n`,
    { [`memory${POD}/memory.limit_in_bytes`]: NO_LIMIT_V1 },
    undefined,
  ],
  ['no Linux', undefined, {}, undefined],
  ['nothing that can be read', 'what\n', {}, undefined],
];

for (const [what, membership, files, expected] of CASES) {
  test(`${what}: ${expected === undefined ? 'that of the machine' : `${expected} MiB`}`, async () => {
    await using made = await groupOf(membership, files);
    assert.equal(made.group.limitBytes, expected === undefined ? totalmem() : expected * MiB);
  });
}

test('what is in use is that of the group that has the limit, without files that can be dropped', async () => {
  const parent = '/kubepods.slice/pod7.slice';
  await using v2 = await groupOf(`0::${POD}\n`, {
    [`${POD}/memory.max`]: 'max',
    [`${POD}/memory.current`]: '1',
    [`${parent}/memory.max`]: `${256 * MiB}`,
    [`${parent}/memory.current`]: `${100 * MiB}\n`,
    [`${parent}/memory.stat`]: `anon 17\nfile ${40 * MiB}\nsock 4096\nshmem ${10 * MiB}\nfile_mapped 5\n`,
  });
  assert.equal(await v2.group.usedBytes(), 70 * MiB);
  await v2.write(`cgroup/${parent}/memory.stat`, '');
  assert.equal(await v2.group.usedBytes(), 100 * MiB);
  await v2.write(`cgroup/${parent}/memory.current`, '');
  assert.equal(await v2.group.usedBytes(), undefined);
  await using v1 = await groupOf(`3:memory:${POD}\n`, {
    [`memory${POD}/memory.limit_in_bytes`]: `${256 * MiB}`,
    [`memory${POD}/memory.usage_in_bytes`]: `${100 * MiB}`,
    [`memory${POD}/memory.stat`]: `cache 1\nshmem 1\ntotal_cache ${11 * MiB}\ntotal_shmem ${MiB}\n`,
  });
  assert.equal(await v1.group.usedBytes(), 90 * MiB);
  await using none = await groupOf(undefined, {});
  assert.equal(await none.group.usedBytes(), undefined);
});
