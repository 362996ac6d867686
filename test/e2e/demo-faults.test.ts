/** What went wrong on the demo page once: each test is named after it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Dev } from '../../src/dev/dev.ts';
import { launchChromium } from '../support/chromium.ts';
import { connected, startDev, visit as visitWith } from '../support/demo-visit.ts';
import { freePort } from '../support/free-port.ts';

const REORDERS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

let running: Dev;
let browser: Browser;
const visit = async (options?: BrowserContextOptions) => {
  const visitor = await visitWith(browser, running.url, options);
  await connected(visitor.page);
  return visitor;
};

before(async () => {
  running = await startDev();
  browser = await launchChromium();
});

beforeEach(async () => {
  // A test may have left it stopped.
  const { origin } = new URL(running.url);
  const started = await fetch(`${origin}/dev/nats/start`, { method: 'POST', headers: { origin } });
  assert.equal(started.status, 204);
});

after(async () => {
  await browser?.close();
  await running?.close();
});

async function connectTo(page: Page, address: string): Promise<void> {
  const disconnect = page.getByRole('button', { name: 'Disconnect' });
  if (await disconnect.isVisible()) await disconnect.click();
  await page.locator('#url').fill(address);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
}
async function publish(page: Page, subject: string, payload?: string): Promise<void> {
  await page.locator('#publish-subject').fill(subject);
  if (payload !== undefined) await page.locator('#publish-payload').fill(payload);
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
}
/** A thousand messages a second, and the list is full. */
async function flood(page: Page): Promise<void> {
  await page.locator('#publish-rate').selectOption('1000');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.locator('#not-shown', { hasText: 'newest 200 of' }).waitFor();
}
/** As a hand does it: at a place, whatever row is there at that moment. */
async function clickFirstRow(page: Page): Promise<void> {
  const box = await page.locator('#message-list').boundingBox();
  assert.ok(box);
  await page.mouse.click(box.x + 100, box.y + 15);
}
const style = (page: Page, selector: string, property: string, pseudo = ''): Promise<unknown> =>
  page.evaluate(`getComputedStyle(document.querySelector('${selector}'), '${pseudo}').${property}`);

test('two failures of different causes were told as one that came twice', async () => {
  await using visitor = await visit();
  const { page } = visitor;
  await connectTo(page, `ws://127.0.0.1:${await freePort()}`);
  const entries = page.locator('#timeline li.bad');
  await entries.filter({ hasText: 'No connection' }).waitFor();
  await connectTo(page, `${running.gatewayUrl}/nowhere`);
  await entries.filter({ hasText: '404 no_route' }).waitFor();
  assert.equal(await entries.count(), 2);
  assert.equal(await entries.filter({ hasText: 'times' }).count(), 0);
  assert.equal(await entries.first().locator('.entry-title').textContent(), 'Not let in');
  // The same cause at the same address still counts as one.
  await connectTo(page, `${running.gatewayUrl}/nowhere`);
  await entries.filter({ hasText: '2 times' }).waitFor();
  assert.equal(await entries.count(), 2);
});

test('a line about an attempt before this page was there explained a later one', async () => {
  {
    // Gone before the other one comes: its attempts would go on, and be in the log beside those of the other.
    await using earlier = await visit();
    await connectTo(earlier.page, `${running.gatewayUrl}/nowhere`);
    await earlier.page.locator('#timeline li', { hasText: '404 no_route' }).waitFor();
  }
  await using visitor = await visit();
  const { page } = visitor;
  // It gets the last lines again.
  await page.locator('#log li', { hasText: 'no_route' }).first().waitFor();
  await page.getByRole('button', { name: 'Stop nats-server' }).click();
  const refused = page.locator('#timeline li.bad').last();
  await refused.locator('.token', { hasText: '502 upstream_refused' }).waitFor();
});

test('a dead nats-server was told as "Not let in", and its card looked alive', async () => {
  await using visitor = await visit();
  const { page, complaints } = visitor;
  await page.getByRole('button', { name: 'Stop nats-server' }).click();
  const entry = page.locator('#timeline li.bad', { hasText: '502 upstream_refused' });
  await entry.getByText('nats-server not reached').waitFor();
  // Attempts that fail alike are one entry, whose count grows.
  await entry.getByText('2 times').waitFor();
  assert.equal(await page.locator('#timeline li', { hasText: 'Not let in' }).count(), 0);
  await page.locator('#server-stopped').getByText('stopped').waitFor();
  assert.equal(await style(page, '.node-server', 'borderTopStyle'), 'dashed');
  assert.ok(await page.locator('#link-tcp').getByRole('img', { name: 'broken' }).isVisible());
  assert.ok(await page.locator('#link-websocket .link-broken').isHidden());
  await page.getByRole('button', { name: 'Start nats-server' }).click();
  await connected(page);
  await page.locator('#server-stopped').waitFor({ state: 'hidden' });
  await page.locator('#link-tcp .link-broken').waitFor({ state: 'hidden' });
  assert.deepEqual(complaints, []);
});

test('the reason of an end was in the log beside a sentence that nobody told it', async () => {
  await using visitor = await visitWith(browser, 'about:blank');
  const { page } = visitor;
  // The visitor's form takes no such line, so it comes in on the way.
  await page.routeWebSocket(`${running.gatewayUrl}/`, (route) => {
    const server = route.connectToServer();
    let toldInfo = false;
    route.onMessage((message) => server.send(message));
    server.onMessage((message) => {
      route.send(message);
      if (toldInfo) server.send(Buffer.from(`SUB ${'x'.repeat(5_000)} 99\r\n`));
      toldInfo = true;
    });
  });
  await page.goto(running.url);
  const entry = page.locator('#timeline li', { hasText: 'Session ended' }).first();
  await entry.getByText('nats-server ended it: maximum control line exceeded').waitFor();
});

test('an opened message was gone in a flood', async () => {
  await using visitor = await visit();
  const { page, complaints } = visitor;
  await flood(page);
  await clickFirstRow(page);
  const open = page.locator('#message-list details[open]');
  await open.locator('pre').waitFor();
  await page.locator('#not-shown', { hasText: /\d{3} newer/ }).waitFor();
  assert.equal(await open.count(), 1);
  const [row, list] = await Promise.all([open.boundingBox(), page.locator('#message-list').boundingBox()]);
  assert.ok(row && list && row.y >= list.y && row.y < list.y + list.height, 'the open row is out of sight');

  // "Go on" moves the list, and what is open stays in it.
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('#not-shown', { hasText: 'newest 201 of' }).waitFor();
  assert.equal(await open.count(), 1);
  assert.deepEqual(complaints, []);
});

test('the list goes on by itself when the message is closed', async () => {
  await using visitor = await visit();
  const { page } = visitor;
  await publish(page, 'demo.one');
  const row = page.locator('#message-list summary').first();
  await row.click();
  await publish(page, 'demo.two');
  await page.locator('#not-shown', { hasText: '1 newer' }).waitFor();
  await row.click();
  await page.locator('#message-list li', { hasText: 'demo.two' }).waitFor();
  await page.locator('#not-shown', { hasText: /\w/ }).waitFor({ state: 'detached' });
});

test('a character that turns the reading direction reordered the row', async () => {
  await using visitor = await visit();
  const { page, complaints } = visitor;
  await publish(page, 'demo.\u202ebackwards', '13]\u202efed');
  const message = page.locator('#message-list li').first();
  await message.locator('.preview', { hasText: '13]\\u{202e}fed' }).waitFor();
  await message.locator('summary').click();
  await message.locator('pre', { hasText: '13]\\u{202e}fed' }).waitFor();
  await page.locator('#publish-answer', { hasText: 'demo.\\u{202e}backwards' }).waitFor();
  await page.locator('#subscribe-subject').fill('a.\u2067b');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByRole('button', { name: 'Unsubscribe from a.' }).waitFor();
  assert.doesNotMatch((await page.locator('body').textContent()) ?? '', REORDERS);
  assert.deepEqual(complaints, []);
});

for (const width of [1440, 1024, 390]) {
  test(`"Stop publishing" at 1,000 / s ran over its card (${width} px)`, async () => {
    await using visitor = await visit({ viewport: { width, height: 800 } });
    const { page } = visitor;
    await flood(page);
    const wide = await page.evaluate(
      `[...document.querySelectorAll('.card, .card form, .row, .toolbar')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.id || one.className)`,
    );
    assert.deepEqual(wide, []);
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'));
  });
}

test('in forced colours lines, dot, switch and chosen segment were not to be seen', async () => {
  await using visitor = await visit({ forcedColors: 'active', colorScheme: 'dark' });
  const { page } = visitor;
  const canvas = await style(page, 'body', 'backgroundColor');
  assert.equal(await style(page, '#link-tcp .link-line', 'borderTopWidth'), '2px');
  assert.notEqual(await style(page, '#link-tcp .link-line', 'borderTopColor'), canvas);
  assert.notEqual(await style(page, '.dot', 'backgroundColor'), canvas);
  const knob = () => style(page, '#echo', 'backgroundColor', '::after');
  assert.notEqual(await knob(), await style(page, '#echo', 'backgroundColor'));
  await page.locator('#echo').click();
  assert.notEqual(await knob(), await style(page, '#echo', 'backgroundColor'));
  const segment = (name: string) => style(page, `input[value=${name}] + span`, 'backgroundColor');
  assert.notEqual(await segment('json'), await segment('text'));
  await page.getByRole('button', { name: 'Hold' }).click();
  assert.notEqual(
    await style(page, '#hold', 'backgroundColor'),
    await style(page, '#clear', 'backgroundColor'),
  );
  await page.getByRole('button', { name: 'Stop nats-server' }).click();
  await page.locator('body[data-server=stopped]').waitFor();
  assert.equal(await style(page, '#link-tcp .link-line', 'borderTopStyle'), 'dashed');
  await page.getByRole('button', { name: 'Start nats-server' }).click();
  await connected(page);
});

test('the telling end of a long subject was cut', async () => {
  await using visitor = await visit();
  const { page } = visitor;
  const subject = `demo.${'building.'.repeat(12)}sensor3`;
  await publish(page, subject);
  const shown = page.locator('#message-list .subject', { hasText: 'sensor3' });
  await shown.waitFor();
  assert.equal(await shown.getAttribute('title'), subject);
  const tail = shown.locator('.subject-tail');
  assert.equal(await tail.textContent(), 'sensor3');
  const cut = `(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1)(document.querySelector('.subject-tail'))`;
  assert.equal(await page.evaluate(cut), false);
  const [inner, outer] = await Promise.all([tail.boundingBox(), shown.boundingBox()]);
  assert.ok(inner && outer && inner.x + inner.width <= outer.x + outer.width + 1);
});

for (const width of [1440, 390]) {
  test(`a bad subject was told in another column, or nowhere (${width} px)`, async () => {
    await using visitor = await visit({ viewport: { width, height: 800 } });
    const { page, complaints } = visitor;
    const subscribed = page.locator('#subscribe-answer');
    for (const bad of ['foo..bar', '.foo', 'foo.>.bar', 'foo bar']) {
      await page.locator('#subscribe-subject').fill(bad);
      await page.getByRole('button', { name: 'Add' }).click();
      await subscribed.filter({ hasText: /\w/ }).waitFor();
      assert.equal(await page.locator('#subscriptions li').count(), 1, bad);
      assert.equal(await page.locator('#subscribe-subject').getAttribute('aria-invalid'), 'true');
    }
    await page.locator('#subscribe-subject').fill('demo.>');
    // The complaint does not outlive the text that it is about.
    await subscribed.filter({ hasText: /\w/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Add' }).click();
    await subscribed.getByText('there already').waitFor();

    const published = page.locator('#publish-answer');
    for (const bad of ['foo..bar', 'foo.*', '>', 'foo bar', 'x'.repeat(5_005)]) {
      await publish(page, bad);
      await page.locator('#publish-answer.bad').waitFor();
      const box = await published.boundingBox();
      assert.ok(box && box.y + box.height <= 800, `${bad}: below the fold`);
    }
    await publish(page, 'demo.big', 'x'.repeat(1_100_000));
    await published.getByText('this nats-server takes 1.0 MiB at most').waitFor();
    await publish(page, 'orders.new', '1');
    await published.getByText('Sent 1 to orders.new. No subscription of this page gets it.').waitFor();
    await page.locator('#request-subject').fill('a..b');
    await page.getByRole('button', { name: 'Request', exact: true }).click();
    await page.locator('#reply.bad', { hasText: 'A part is empty' }).waitFor();
    assert.equal(await page.locator('#timeline li').count(), 1, 'the session went on, without a note');
    assert.deepEqual(complaints, []);
  });
}

test('an address without a scheme was refused by the browser', async () => {
  await using visitor = await visit();
  const { page } = visitor;
  await connectTo(page, running.gatewayUrl.replace('ws://', ''));
  await connected(page);
  assert.equal(await page.locator('#url').inputValue(), running.gatewayUrl);
  await connectTo(page, 'nats://127.0.0.1:4222');
  const complaint = await page.evaluate(`document.querySelector('#url').validationMessage`);
  assert.match(String(complaint), /such as localhost:8080/);
});

test('an attempt that got no answer could not be ended', async () => {
  const silent = createServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    await using visitor = await visit();
    const { page } = visitor;
    const arrived = once(silent, 'connection');
    await connectTo(page, `127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const [socket] = (await arrived) as [Socket];
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await page.locator('body[data-state=closed]').waitFor();
    await connectTo(page, running.gatewayUrl);
    await connected(page);
    socket.destroy();
  } finally {
    silent.close();
  }
});

test('nothing speaks of a status page, which does not exist', async () => {
  await using visitor = await visit();
  assert.doesNotMatch(await visitor.page.content(), /status page/i);
  assert.equal(await visitor.page.locator('#admin-link').textContent(), 'admin port');
});

test('after the end of natsgate dev the page tried to reconnect for ever', { timeout: 300_000 }, async () => {
  const first = await startDev();
  const pagePort = Number(new URL(first.url).port);
  await using visitor = await visitWith(browser, first.url);
  const { page } = visitor;
  await connected(page);
  await first.close();
  await page.getByText('natsgate dev has ended.').waitFor();
  await page.locator('body[data-state=closed]').waitFor();
  await page.locator('#status').getByText('natsgate dev has ended', { exact: true }).waitFor();
  await page.locator('#server-controls').waitFor({ state: 'hidden' });
  let attempts = 0;
  page.on('websocket', () => attempts++);
  // It looks for the dev server all the while, and for no gateway.
  for (let looked = 0; looked < 2; looked++)
    await page.waitForEvent('requestfailed', (request) => request.url().includes('/dev/log'));
  assert.equal(attempts, 0);
  await using second = await startDev(pagePort);
  assert.equal(second.url, first.url);
  await connected(page);
  await page.locator('#notice').waitFor({ state: 'hidden' });
  assert.equal(await page.locator('#url').inputValue(), second.gatewayUrl);
});
