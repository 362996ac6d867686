import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { build, preview } from 'vite';
import { type Example, startExample } from '../../examples/login/start.ts';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 180_000;
const PORTS = { page: 0, provider: 0, react: 5173, gateway: 0, admin: 0 };

/** Those of the page. */
declare global {
  var sockets: WebSocket[];
}

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

async function logIn(url: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.sockets = [];
    globalThis.WebSocket = class extends WebSocket {
      constructor(url: string | URL) {
        super(url);
        sockets.push(this);
      }
    };
  });
  page.setDefaultTimeout(TIMEOUT_MS);
  await page.goto(url);
  await page.getByRole('link', { name: 'Log in' }).click();
  await page.getByLabel('Your name').fill('alice');
  await page.getByRole('button', { name: 'Log in' }).click();
  return page;
}

async function loggedIn(example: Example): Promise<Page> {
  const page = await logIn(example.url);
  await page.locator('body[data-state=open]').waitFor();
  return page;
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('listitem').filter({ hasText: text }).waitFor();
}

/** The counter comes to these values: what a page sees of an end comes before both connections of it are closed. */
async function becomes(
  example: Example,
  name: string,
  label: string,
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const found = await counted(example, name, label);
    if (isDeepStrictEqual(found, expected)) return;
    if (performance.now() > deadlineMs) assert.deepEqual(found, expected);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Values of a counter by one of its labels, without those at 0. */
async function counted({ gateway }: Example, name: string, label: string): Promise<Record<string, number>> {
  const { body } = await gateway.metrics(false);
  const values: Record<string, number> = {};
  for (const line of body.split('\n').filter((one) => one.startsWith(`${name}{`))) {
    const [, word = ''] = new RegExp(`[{,]${label}="([^"]*)"`).exec(line) ?? [];
    const value = Number(line.split(' ').at(-1));
    if (value > 0) values[word] = (values[word] ?? 0) + value;
  }
  return values;
}

test('examples/login: a page without a credential is back by itself after its cookie expired, and out after a logout', async () => {
  await using example = await startExample({ ports: PORTS, tokenSeconds: 6, say: () => {} });
  const page = await loggedIn(example);
  assert.equal(await page.evaluate('document.cookie'), '', 'no script can read the cookies');
  await say(page, 'first');

  // The next token is signed with a key that the gateway has not seen.
  await example.provider.rotateKeys();
  example.provider.tokenSeconds = 60;
  await page.locator('body[data-connections="2"]').waitFor();
  await say(page, 'after the expiry');
  await becomes(example, 'natsgate_sessions_closed_total', 'reason', { auth_expired: 1 });
  await becomes(example, 'natsgate_handshakes_total', 'outcome', { accepted: 2 });

  await page.getByRole('button', { name: 'Log out everywhere' }).click();
  await page.locator('body[data-state=ended]').waitFor();
  assert.match(
    (await page.locator('#state').textContent()) ?? '',
    /^Logged out( in another window or on another device)?$/,
  );
  await becomes(example, 'natsgate_sessions_closed_total', 'reason', {
    auth_expired: 1,
    killed: 1,
  });
});

test('examples/login: a logout ends the other tab too, which says why it stays out', async () => {
  await using example = await startExample({ ports: PORTS, tokenSeconds: 60, say: () => {} });
  const page = await loggedIn(example);
  const other = await page.context().newPage();
  await other.goto(example.url);
  await other.locator('body[data-state=open]').waitFor({ timeout: TIMEOUT_MS });

  const alone = await page.context().newPage();
  await alone.route('**/logout', (route) => route.fulfill({ status: 502, body: 'others stay' }));
  await alone.goto(example.url);
  await alone.locator('body[data-state=open]').waitFor({ timeout: TIMEOUT_MS });
  await alone.getByRole('button', { name: 'Log out everywhere' }).click();
  await alone.getByRole('link', { name: 'Log in' }).waitFor({ timeout: TIMEOUT_MS });
  assert.equal(await alone.locator('#state').textContent(), 'Logged out here alone: others stay');
  await becomes(example, 'natsgate_sessions_closed_total', 'reason', { client_closed: 1 });

  await page.getByRole('button', { name: 'Log out everywhere' }).click();
  await other.locator('#state', { hasText: /^Logged out/ }).waitFor({ timeout: TIMEOUT_MS });
  await becomes(example, 'natsgate_sessions_closed_total', 'reason', { client_closed: 1, killed: 2 });
});

test('examples/react: built by Vite, it logs in by the paths that Vite sends on, and its hook connects', async () => {
  await using folder = await temporaryFolder();
  const ports = { ...PORTS, react: await freePort() };
  await using example = await startExample({ ports, tokenSeconds: 60, say: () => {} });
  process.env['LOGIN_URL'] = example.url;
  process.env['VITE_GATEWAY'] = `ws://localhost:${example.gateway.address.port}`;
  const shared = {
    ...{ root: join(ROOT, 'examples', 'react'), logLevel: 'error' as const, mode: 'production' },
    build: { outDir: join(folder.path, 'built'), target: 'esnext' },
    preview: { host: 'localhost', port: ports.react },
  };
  await build(shared);
  await using parts = new AsyncDisposableStack();
  parts.adopt(await preview(shared), (server) => server.close());
  const page = await logIn(`http://localhost:${ports.react}/`);
  await page.getByRole('status').getByText('Connected', { exact: true }).waitFor();
  assert.equal(new URL(page.url()).port, String(ports.react), 'the login leads back to this page');
  await say(page, 'first');

  await page.evaluate(() => sockets.at(-1)?.send(new TextEncoder().encode('PUB orders.bob 1\r\nx\r\n')));
  await page.getByRole('alert').getByText('Not allowed: publish orders.bob').waitFor();
  await say(page, 'the connection goes on');
});

test('examples/react: its packages are those that it is tested with', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
  const { dependencies, devDependencies } = read('examples/react/package.json');
  const tested = read('package.json').devDependencies;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    assert.equal(version, tested[name], name);
});

test('auth.explain: the page reads why, with its cookie and by a preflight with a token; a page of another origin reads nothing', async () => {
  await using example = await startExample({ ports: PORTS, tokenSeconds: 60, say: () => {} });
  const page = await loggedIn(example);
  const gateway = `http://localhost:${example.gateway.address.port}/`;
  const ask = (from: Page, headers: object, credentials = 'include'): Promise<unknown> =>
    from.evaluate(
      `fetch(${JSON.stringify(gateway)}, ${JSON.stringify({ credentials, headers })}).then(
        async (answer) => { const { outcome, detail } = await answer.json(); return [answer.status, outcome, detail]; },
        (error) => error.name)`,
    );
  assert.deepEqual(await ask(page, {}), [200, 'accepted', 'verified']);
  assert.deepEqual(await ask(page, {}, 'omit'), [401, 'unauthenticated', 'token_missing']);
  assert.deepEqual(await ask(page, { Authorization: 'Bearer x' }), [200, 'accepted', 'verified']);
  assert.equal(await ask(page, { 'X-Other': 'x' }), 'TypeError');

  const stranger = await page.context().newPage();
  await stranger.goto(example.url.replace('localhost', '127.0.0.1'));
  for (const headers of [{}, { Authorization: 'Bearer x' }])
    assert.equal(await ask(stranger, headers), 'TypeError');
  await becomes(example, 'natsgate_auth_explanations_total', 'outcome_class', {
    accepted: 2,
    client_fault: 1,
  });
});
