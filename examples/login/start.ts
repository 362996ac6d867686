import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { startNatsServer } from '../../src/dev/nats-process.ts';
import { defaultCacheDir, findNatsServer } from '../../src/dev/nats-server.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { asText } from '../../src/log-text.ts';
import { Provider } from './provider.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export type ExampleOptions = {
  /** 0: any that is free. */
  readonly ports: { readonly page: number; readonly gateway: number; readonly admin: number };
  readonly tokenSeconds: number;
  readonly say: (line: string) => void;
  /** Scripts of the page beside page.ts, in its folder. */
  readonly scripts?: readonly string[];
};

export type Example = AsyncDisposable & {
  readonly url: string;
  readonly provider: Provider;
  readonly gateway: Gateway;
};

/** The files of this folder as they are, but for ports that were asked for. The caller disposes of it. */
export async function startExample(options: ExampleOptions): Promise<Example> {
  const { ports, say, tokenSeconds } = options;
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'natsgate-login-'));
  parts.defer(() => rm(folder, { recursive: true }));

  const password = randomBytes(24).toString('base64url');
  const found = await findNatsServer({ cacheDir: defaultCacheDir(ROOT, process.env), env: process.env, say });
  const nats = parts.use(
    await startNatsServer(found.path, {
      config: (await text('nats-server.conf')).replace('$WEB_PASSWORD', JSON.stringify(password)),
    }),
  );

  let gateway: Gateway | undefined;
  const adminUrl = (): string => `http://127.0.0.1:${gateway?.adminAddress.port}`;
  const files: Record<string, { type: string; body: string }> = {};
  const provider = new Provider({ tokenSeconds, files, adminUrl, issuer: () => url });
  provider.server.listen(ports.page, '127.0.0.1');
  await once(provider.server, 'listening');
  parts.defer(() => {
    provider.server.close();
    provider.server.closeAllConnections();
  });
  const url = `http://localhost:${(provider.server.address() as AddressInfo).port}`;

  await writeFile(join(folder, 'web.password'), password, { mode: 0o600 });
  const file = join(folder, 'natsgate.yaml');
  const config = (await text('natsgate.yaml'))
    .replaceAll('http://localhost:3000', url)
    .replace(':8080', `:${ports.gateway}`)
    .replace(':8081', `:${ports.admin}`)
    .replace(':4222', `:${nats.port}`);
  await writeFile(file, config);
  gateway = await start(file, say);
  parts.defer(() => gateway?.stop());

  const script = (body: string) => ({ type: 'text/javascript', body });
  files['/'] = { type: 'text/html; charset=utf-8', body: await text('page/index.html') };
  files['/config.json'] = {
    type: 'application/json',
    body: JSON.stringify({ gateway: `ws://localhost:${gateway.address.port}` }),
  };
  for (const name of ['page', ...(options.scripts ?? [])]) files[`/${name}.js`] = script(await bundle(name));
  const owned = parts.move();
  return { url, provider, gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const text = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');

async function start(file: string, say: (line: string) => void): Promise<Gateway> {
  const loaded = await loadConfig({ file, flags: {}, env: {} });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('; '));
  return startGateway(loaded.config, {
    log: createLog(loaded.config.log, { write: (line) => say(asText(line, false)) }),
  });
}

async function bundle(name: string): Promise<string> {
  const entry = join(import.meta.dirname, 'page', `${name}.ts`);
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  return outputFiles[0]?.text ?? '';
}

if (import.meta.main) {
  try {
    const example = await startExample({
      ports: { page: 3000, gateway: 8080, admin: 8081 },
      tokenSeconds: 60,
      say: (line) => process.stdout.write(`${line.trimEnd()}\n`),
    });
    process.stdout.write(`\n  Open ${example.url}. Press Ctrl-C to end.\n`);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => void example[Symbol.asyncDispose]());
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
