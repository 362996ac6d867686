import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { launchChromium } from '../support/chromium.ts';
import { type Visit, visit } from '../support/demo-visit.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'pages');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

let bundle: Uint8Array | undefined;
/** As esbuild serves the folder. */
const files = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://pages');
  response.setHeader('Content-Type', TYPES[extname(pathname)] ?? 'text/plain');
  let found =
    pathname === '/built/nats.js' ? bundle : await readFile(join(FOLDER, pathname)).catch(() => undefined);
  if (pathname === '/connect.js') found = Buffer.from(`${found}`.replace(':8080', `:${gateway.port}`));
  if (found === undefined) response.writeHead(404);
  response.end(found);
});
let server: Awaited<ReturnType<typeof realNatsServer>>;
let gateway: TestGateway;
let browser: Browser;
let origin: string;

before(async () => {
  files.listen(0, '127.0.0.1');
  await once(files, 'listening');
  origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const entryPoints = [join(FOLDER, 'nats.js')];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'esm', write: false });
  bundle = outputFiles[0]?.contents;
  server = await realNatsServer({ jetstream: true });
  gateway = await startTestGateway(server.port, { origins: { allow: [origin] } });
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await gateway?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  files.close();
});

async function open(page: string): Promise<Visit> {
  const [path = '', hash = ''] = page.split('#');
  const opened = await visit(browser, `${origin}/${path}#${hash}`);
  await opened.page.getByText('Connected to ws://').waitFor();
  return opened;
}

/** No error in the console of either, other than the icon that the pages do not have. */
function assertQuiet(...visits: Visit[]): void {
  for (const { complaints } of visits)
    assert.deepEqual(
      complaints.filter((one) => !one.includes('404')),
      [],
    );
}

test('examples/pages: every open page answers one that asks', async () => {
  await using one = await open('plain.html');
  await using other = await open('plain.html');
  await one.page.getByRole('button').click();
  await one.page.getByRole('listitem').nth(1).waitFor();
  assertQuiet(one, other);
});

test('examples/pages: a chat has rooms, and shows what others wrote as text', async () => {
  await using one = await open('chat.html#a');
  await using other = await open('chat.html#a');
  await using elsewhere = await open('chat.html#b');
  await one.page.getByLabel('Message').fill('<b>hello</b>');
  await other.page.getByText('is typing').waitFor();
  await one.page.getByRole('button', { name: 'Send' }).click();
  await other.page.getByRole('listitem').filter({ hasText: '<b>hello</b>' }).waitFor();
  await other.page.getByLabel('Message').fill('hi');
  await other.page.getByRole('button', { name: 'Send' }).click();
  await one.page.getByRole('listitem').nth(1).waitFor();
  assert.equal(await elsewhere.page.getByRole('listitem').count(), 0);
  assertQuiet(one, other, elsewhere);
});

test('examples/pages: a change of the bucket shows in every page, also what was there before', async () => {
  await using one = await open('kv.html');
  await one.page.getByLabel('Key').fill('colour');
  await one.page.getByLabel('Value').fill('teal');
  await one.page.getByRole('button', { name: 'Set' }).click();
  await one.page.getByRole('cell', { name: 'teal' }).waitFor();
  await using other = await open('kv.html');
  await other.page.getByRole('cell', { name: 'teal' }).waitFor();
  await other.page.getByRole('button', { name: 'Delete colour' }).click();
  await one.page.getByRole('cell', { name: 'teal' }).waitFor({ state: 'detached' });
  assertQuiet(one, other);
});
