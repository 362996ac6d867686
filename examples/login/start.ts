import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { build } from 'esbuild';
import { allowInsecureRequests, discovery } from 'openid-client';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { startNatsServer } from '../../src/dev/nats-process.ts';
import { defaultCacheDir, findNatsServer } from '../../src/dev/nats-server.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { asText } from '../../src/log-text.ts';
import { App } from './app.ts';
import { Provider } from './provider.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export type ExampleOptions = {
  /** 0: any that is free; of `react`, where ../react is served, any number but 0. */
  readonly ports: Readonly<Record<'page' | 'provider' | 'react' | 'gateway' | 'admin', number>>;
  readonly tokenSeconds: number;
  readonly say: (line: string) => void;
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

  const page = parts.use(await listen(ports.page));
  const login = parts.use(await listen(ports.provider));
  const reactUrl = `http://localhost:${ports.react}`;
  const secret = randomBytes(24).toString('base64url');
  const redirectUris = [page.url, reactUrl].map((origin) => `${origin}/callback`);
  const provider = await Provider.start({
    ...{ issuer: login.url, audience: 'nats-web', tokenSeconds },
    client: { id: 'chat', secret, redirectUris },
  });
  login.server.on('request', getRequestListener(provider.fetch));

  await writeFile(join(folder, 'web.password'), password, { mode: 0o600 });
  const file = join(folder, 'natsgate.yaml');
  const config = (await text('natsgate.yaml'))
    .replaceAll('http://localhost:3000', page.url)
    .replaceAll('http://localhost:3001', login.url)
    .replace('http://localhost:5173', reactUrl)
    .replace(':8080', `:${ports.gateway}`)
    .replace(':8081', `:${ports.admin}`)
    .replace(':4222', `:${nats.port}`);
  await writeFile(file, config);
  const gateway = await start(file, say);
  parts.defer(() => gateway.stop());

  const app = new App({
    // Over http for once, since both are on this machine.
    provider: await discovery(new URL(login.url), 'chat', secret, undefined, {
      execute: [allowInsecureRequests],
      // In seconds. A logout waits for it.
      timeout: 5,
    }),
    say,
    admin: { url: `http://127.0.0.1:${gateway.adminAddress.port}` },
    toleranceSeconds: 0,
    files: {
      '/': { type: 'text/html; charset=utf-8', body: await text('page/index.html') },
      '/page.js': {
        type: 'text/javascript',
        body: await bundle(join(import.meta.dirname, 'page', 'page.ts')),
      },
      '/config.json': {
        type: 'application/json',
        body: JSON.stringify({ gateway: `ws://localhost:${gateway.address.port}` }),
      },
    },
  });
  page.server.on('request', getRequestListener(app.fetch));
  const owned = parts.move();
  return { url: page.url, provider, gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function listen(port: number) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await promisify(server.close.bind(server))();
    },
  };
}

const text = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');

async function start(file: string, say: (line: string) => void): Promise<Gateway> {
  const loaded = await loadConfig({ file, flags: {}, env: {} });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('; '));
  return startGateway(loaded.config, {
    log: createLog(loaded.config.log, { write: (line) => say(asText(line, false)) }),
  });
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  return outputFiles[0]?.text ?? '';
}

if (import.meta.main) {
  try {
    const example = await startExample({
      ports: { page: 3000, provider: 3001, react: 5173, gateway: 8080, admin: 8081 },
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
