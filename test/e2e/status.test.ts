import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { launchChromium } from '../support/chromium.ts';
import { visit as visitWith } from '../support/demo-visit.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { handshakeRequest, RawClient } from '../support/raw-client.ts';
import { type BuiltStatusPage, builtStatusPage } from '../support/status-page.ts';

const TOKEN = 'canary-of-the-admin-token';

let page: BuiltStatusPage;
let server: RunningNatsServer;
let browser: Browser;
let gateway: TestGateway;

before(async () => {
  page = await builtStatusPage();
  server = await realNatsServer();
  browser = await launchChromium();
  gateway = await startTestGateway(
    server.port,
    { inspect: 'observe' },
    { pageFile: page.pageFile, version: '1.2.3' },
  );
});

after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
});

const visit = (hash = '', options?: BrowserContextOptions) =>
  visitWith(browser, `http://127.0.0.1:${gateway.adminPort}/${hash}`, options);

/** A handshake of a page that the gateway does not let in. */
async function refused(origin = 'https://evil.example'): Promise<void> {
  await using client = await RawClient.connect(gateway.port);
  client.send(handshakeRequest({ headers: { Origin: origin } }));
  assert.equal(await client.status(), 403);
}

test('the overview shows the way, what passes it, and what was refused', async () => {
  const client = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}` });
  await refused();
  await using visitor = await visit();
  const { page: tab, complaints } = visitor;
  const chain = tab.getByRole('region', { name: 'The way from browsers to servers' });
  await chain.getByText('1 session', { exact: true }).waitFor();
  await chain.getByText(/origin_not_listed 1/).waitFor();
  await chain.getByText('● up').waitFor();
  client.publish('busy', 'x'.repeat(100_000));
  await client.flush();
  // The rates are of two readings.
  await tab
    .getByRole('region', { name: 'Bytes' })
    .getByText(/[1-9][\d.]* KiB\/s/)
    .waitFor();
  await client.close();
  await chain.getByText('0 sessions').waitFor();
  assert.deepEqual(complaints, []);
});

test('without script the numbers of the moment are there', async () => {
  await using visitor = await visit('', { javaScriptEnabled: false });
  await visitor.page.getByText('1000').first().waitFor();
  assert.match((await visitor.page.locator('main').textContent()) ?? '', /Stateready/);
});

test('a gateway that is gone is said, and the last numbers stay', async () => {
  await using own = await startTestGateway(server.port, {}, { pageFile: page.pageFile });
  await using visitor = await visitWith(browser, `http://127.0.0.1:${own.adminPort}/`);
  const { page: tab } = visitor;
  await tab.getByText('0 sessions').waitFor();
  await own.gateway.stop();
  await tab.getByRole('alert').getByText('No answer').waitFor();
  await tab.locator('#summary').getByText('no answer').waitFor();
  await tab.getByText('0 sessions').waitFor();
});

test('a page that nobody looks at asks for nothing', async () => {
  await using visitor = await visit();
  const { page: tab } = visitor;
  await tab.clock.install();
  await tab.reload();
  await tab.getByText('0 sessions').waitFor();
  const show = (hidden: boolean) =>
    tab.evaluate(
      `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
       document.dispatchEvent(new Event('visibilitychange'));`,
    );
  await show(true);
  const asked: string[] = [];
  tab.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await tab.clock.runFor(60_000);
  await tab.evaluate("fetch('/livez').then((answer) => answer.text())");
  assert.deepEqual(
    asked.filter((path) => path !== '/livez'),
    [],
  );
  await Promise.all([tab.waitForRequest(/api\/status/), show(false)]);
});

test('where a token is needed the page says so, and shows nothing', async () => {
  await using own = await startTestGateway(
    server.port,
    { admin: { token: TOKEN } },
    { pageFile: page.pageFile },
  );
  await using visitor = await visitWith(browser, `http://127.0.0.1:${own.adminPort}/`);
  const { page: tab } = visitor;
  await tab.getByRole('alert').getByText('A token is needed').waitFor();
  assert.ok(!(await tab.content()).includes('canary'));
  assert.equal(await tab.getByText('sessions').count(), 0);
});

test('nothing is wider than a phone, in any view', async () => {
  await using visitor = await visit('', { viewport: { width: 390, height: 844 } });
  await visitor.page.getByText('0 sessions').waitFor();
  assert.equal(await visitor.page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
});
