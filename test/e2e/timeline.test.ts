import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { launchChromium } from '../support/chromium.ts';
import { visit } from '../support/demo-visit.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { builtStatusPage } from '../support/status-page.ts';

const PASSWORD = 'canary-of-a-password';
/** Screenshots go there, for who looks at the page. */
const SHOTS = process.env['SCREENSHOTS'];

const resources = new AsyncDisposableStack();
let browser: Awaited<ReturnType<typeof launchChromium>>;
let origin: string;
let servers: string;
let unread: string;
before(async () => {
  const page = resources.use(await builtStatusPage());
  const server = resources.use(
    await realNatsServer({
      config: `authorization { users: [{ user: u, password: "${PASSWORD}", permissions: { publish: { deny: "secret.>" } } }] }`,
    }),
  );
  browser = await launchChromium();
  resources.defer(() => browser.close());
  const options = { pageFile: page.pageFile };
  const read = resources.use(await startTestGateway(server.port, { inspect: 'observe' }, options));
  const off = resources.use(await startTestGateway(server.port, { inspect: 'off' }, options));
  origin = `http://127.0.0.1:${read.adminPort}`;
  servers = `ws://127.0.0.1:${read.port}`;
  unread = `http://127.0.0.1:${off.adminPort}`;
  resources.use(await sessionOf(`ws://127.0.0.1:${off.port}`));
});
after(() => resources.disposeAsync());

async function sessionOf(address: string) {
  const client = await wsconnect({ servers: address, user: 'u', pass: PASSWORD, reconnect: false });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

test('which operation caused this -ERR: three clicks', async () => {
  await using client = await sessionOf(servers);
  await using visitor = await visit(browser, `${origin}/`);
  const { page: tab, complaints } = visitor;
  await tab.getByRole('link', { name: 'Sessions', exact: true }).click();
  await tab.locator('tbody a').first().click();
  await tab.getByRole('button', { name: 'Watch operations' }).click();
  await tab.getByText('Watching.').waitFor();

  const timeline = tab.getByRole('region', { name: 'Timeline' });
  client.subscribe('orders.*', { callback: (_error, message) => void message.respond('done') });
  await client.request('orders.new', 'x'.repeat(2000));
  client.publish('secret.plan', 'payload');
  client.publish('orders.later');
  await client.flush();
  const error = timeline.locator('li.error');
  await error.getByText(/^'Permissions Violation for Publish/).waitFor();
  // Without another click it says what it was.
  const cause = error.getByRole('button', { name: 'PUB secret.plan' });
  await cause.waitFor();
  assert.match((await error.textContent()) ?? '', /✕.*caused by PUB secret\.plan/);
  await timeline.getByText('▲ caused an -ERR').waitFor();
  await tab
    .getByRole('region', { name: 'Subscriptions' })
    .getByText(/^[1-9]\d* ↓ /)
    .first()
    .waitFor();
  await tab.getByRole('region', { name: 'INFO' }).getByText('as the server has sent it').waitFor();
  await tab
    .getByRole('region', { name: 'Who' })
    .getByText(/in \d+ frames/)
    .first()
    .waitFor();
  assert.match((await timeline.textContent()) ?? '', /answers PUB orders\.new after [\d.]+ ms/);
  assert.doesNotMatch(await tab.content(), /canary|payload"|xxxx/);

  await cause.click();
  const focused = tab.locator('li.blamed:focus');
  await focused.getByText('secret.plan').waitFor();
  await timeline.getByRole('button', { name: 'Go on' }).waitFor();
  await timeline.getByRole('button', { name: /^Next -ERR/ }).click();
  await tab.locator('li.error:focus').waitFor();
  if (SHOTS !== undefined) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      await tab.screenshot({ path: `${SHOTS}/timeline-${colorScheme}.png`, fullPage: true });
    }
    await tab.emulateMedia({ forcedColors: 'active' });
    await tab.screenshot({ path: `${SHOTS}/timeline-forced.png`, fullPage: true });
    await tab.setViewportSize({ width: 390, height: 844 });
    await tab.emulateMedia({ colorScheme: 'light', forcedColors: 'none' });
    await tab.screenshot({ path: `${SHOTS}/timeline-390.png`, fullPage: true });
  }

  await timeline.getByLabel('Filter by verb or subject').fill('msg orders');
  assert.equal(await timeline.getByRole('button', { name: 'Go on' }).count(), 1, 'still paused');
  await timeline.locator('li', { hasText: 'PING' }).first().waitFor({ state: 'detached' });
  assert.match((await timeline.locator('li').first().textContent()) ?? '', /MSG.*orders/);
  await timeline.getByLabel('Filter by verb or subject').fill('');
  await tab.setViewportSize({ width: 360, height: 700 });
  assert.equal(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);

  await client.close();
  await timeline.getByText(/The session has ended\. \d+ client_closed/).waitFor();
  // The rest of the page learns of it on another way. What was said stays all the same.
  await tab.getByRole('heading', { name: /Session \d+ ended/ }).waitFor();
  await timeline.getByText(/The session has ended\. \d+ client_closed/).waitFor();
  assert.notEqual(await timeline.locator('li').count(), 0);
  assert.deepEqual(complaints, []);
});

test('a list that is long has a bounded number of rows, and says what it has not shown', async () => {
  await using client = await sessionOf(servers);
  await using visitor = await visit(browser, `${origin}/#/sessions`);
  const { page: tab } = visitor;
  await tab.locator('tbody a').first().click();
  await tab.getByRole('button', { name: 'Watch operations' }).click();
  await tab.getByText('Watching.').waitFor();
  for (let burst = 0; burst < 12; burst++) {
    for (let n = 0; n < 300; n++) client.publish('flood');
    await client.flush();
    await tab.waitForTimeout(0);
  }
  await tab.getByText(/[\d,]+ operations are not shown: there were too many\./).waitFor();
  assert.ok((await tab.locator('.operations li').count()) <= 300);
});

test('a session that is not read: the page says why, and what to do', async () => {
  await using visitor = await visit(browser, `${unread}/#/sessions/1`);
  const { page: tab } = visitor;
  await tab.getByText(/Operations are not known: .* inspect: off/).waitFor();
  assert.equal(await tab.getByRole('button', { name: 'Watch operations' }).count(), 0);
});
