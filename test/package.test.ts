import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { buildPackage } from '../scripts/build.ts';
import { findOnPath, isAtLeast, versionOf } from '../src/dev/executables.ts';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.ts';

const exec = promisify(execFile);
const root = join(import.meta.dirname, '..');
const bin = join(root, 'bin', 'natsgate.js');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
const NEEDED = '24.17.0';

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function run(command: string, ...args: string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await exec(command, args, { timeout: 120_000 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as unknown as Ended;
    return { code, stdout, stderr };
  }
}

function assertRefusesNode(ended: Ended, version: string): void {
  const line = `natsgate needs Node.js 24.17 or newer; this is ${version} (`;
  assert.equal(ended.stderr.slice(0, line.length), line);
  assert.match(ended.stderr, /^[^\n]+docs\/install\.md[^\n]+\n$/, 'exactly one line, which says what to do');
  assert.equal(ended.code, 1);
  assert.equal(ended.stdout, '');
}

test('the checkout runs as it is', async () => {
  assert.deepEqual(await run(process.execPath, bin, '--version'), {
    code: 0,
    stdout: `natsgate ${manifest.version}\n`,
    stderr: '',
  });
});

test('a Node that is too old gets one line', async () => {
  const pretend = (version: string) =>
    `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`;
  for (const version of ['12.22.12', '22.99.0', '24.16.9']) {
    assertRefusesNode(await run(process.execPath, '--import', pretend(version), bin, '--version'), version);
  }
  for (const version of ['24.17.0', '25.0.0']) {
    assert.equal(
      (await run(process.execPath, '--import', pretend(version), bin, '--version')).code,
      0,
      version,
    );
  }
});

test('a real Node that is too old gets the line and no syntax error', async (t) => {
  for (const node of await findOnPath('node', {
    ...process.env,
    PATH: `${process.env['PATH']}:/usr/bin:/usr/local/bin`,
  })) {
    const version = await versionOf(node);
    if (version !== undefined && !isAtLeast(version, NEEDED))
      return assertRefusesNode(await run(node, bin), version);
  }
  // The pretended versions above and the syntax check below hold all the same.
  t.skip('no Node older than 24.17 is on this machine');
});

test('the start file holds no syntax newer than Node 12', async () => {
  const source = await readFile(bin, 'utf8');
  const [old, recent] = await Promise.all(
    ['node12.22', 'esnext'].map((target) => transform(source, { target, format: 'esm' })),
  );
  assert.equal(old?.code, recent?.code);
});

test('the published package', { timeout: 600_000 }, async (t) => {
  await using folder: TemporaryFolder = await temporaryFolder();
  const installed = join(folder.path, 'node_modules', 'natsgate');
  const installedBin = join(folder.path, 'node_modules', '.bin', 'natsgate');
  let files: string[] = [];

  await t.test('builds, packs and installs', async () => {
    await buildPackage(root);
    const packed = await exec(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', folder.path],
      { cwd: root },
    );
    const [archive] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[];
    assert.ok(archive);
    files = archive.files.map(({ path }) => path);
    await writeFile(join(folder.path, 'package.json'), '{"private":true}');
    const install = [
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      join(folder.path, archive.filename),
    ];
    await exec('npm', install, { cwd: folder.path, timeout: 200_000 });
  });

  await t.test('holds the program and the pages, and neither sources nor tests', () => {
    for (const file of [
      'package.json',
      'bin/natsgate.js',
      'dist/natsgate.js',
      'dist/library.js',
      'dist/library.d.ts',
      'dist/web/demo/index.html',
      'dist/web/demo/demo.js',
      'dist/web/status/index.html',
      'dist/web/status/status.js',
    ]) {
      assert.ok(files.includes(file), `${file} is missing`);
    }
    assert.deepEqual(
      files.filter((file) => /^(src|test|web|scripts|bench\/(?!README)|\.)/.test(file)),
      [],
    );
  });

  await t.test('holds every file that its documents link to', async () => {
    const dead: string[] = [];
    for (const page of files.filter((file) => file.endsWith('.md'))) {
      const text = await readFile(join(installed, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^([a-z]+:|#)/.test(target)) continue;
        const path = join(dirname(page), target.replace(/#.*/, ''));
        const isThere = files.some((file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`));
        if (!isThere) dead.push(`${page}: ${target}`);
      }
    }
    assert.deepEqual(dead, []);
  });

  await t.test('runs from an empty folder', async () => {
    assert.deepEqual(await run(process.execPath, join(installed, 'bin', 'natsgate.js'), '--version'), {
      code: 0,
      stdout: `natsgate ${manifest.version}\n`,
      stderr: '',
    });
    const help = await run(process.execPath, installedBin, '--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /natsgate dev/);
  });

  await t.test('is a library that starts a gateway: the example of docs/library.md', async () => {
    const [, example = ''] =
      /```js\n(.*?)```/s.exec(await readFile(join(installed, 'docs', 'library.md'), 'utf8')) ?? [];
    const program = example.replace('127.0.0.1:8080', "127.0.0.1:0', admin: '127.0.0.1:0");
    const file = join(folder.path, 'app.mjs');
    await writeFile(file, `${program}\nawait gateway.close();\nprocess.exit();\n`);
    const { code, stdout, stderr } = await run(process.execPath, file);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^browsers connect to ws:\/\/127\.0\.0\.1:\d+$/m);
    assert.match(stdout, /"message":"stopped"/);
  });

  await t.test(
    'has types that a strict program without the types of Node accepts, and a mistake fails',
    async () => {
      const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', types: [] };
      await writeFile(
        join(folder.path, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['app.mts'] }),
      );
      const program = `import { ConfigurationError, startGateway, type Configuration, type RunningGateway } from 'natsgate';
      const configuration: Configuration = { origins: ['https://a.example'], upstream: { servers: 'nats://n', order: 'first' } };
      const gateway: RunningGateway = await startGateway(configuration, { log: { write: (line: string) => line.length } });
      const port: number = gateway.address.port + gateway.adminAddress.port + gateway.sessions;
      await gateway.drain();
      await using other = await startGateway('natsgate.yaml', { env: { PORT: String(port) } });
      await other.close();
      export const keys = (error: unknown) => error instanceof ConfigurationError ? error.problems.map(({ key }) => key) : [];\n`;
      const compile = async (text: string): Promise<Ended> => {
        await writeFile(join(folder.path, 'app.mts'), text);
        return run(join(root, 'node_modules', '.bin', 'tsc'), '-p', folder.path);
      };
      assert.deepEqual(await compile(program), { code: 0, stdout: '', stderr: '' });
      const wrong = await compile(program.replace("'first'", "'nearest'"));
      assert.match(wrong.stdout, /app\.mts\(2,\d+\): error .*Type '"nearest"' is not assignable/s);
    },
  );
});
