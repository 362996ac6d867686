import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Dev } from '../../src/dev/dev.ts';
import { launchChromium } from '../support/chromium.ts';
import { connected, startDev, visit as visitWith } from '../support/demo-visit.ts';

let running: Dev;
let browser: Browser;
const visit = (url: string) => visitWith(browser, url);
const visitMoving = (url: string) => visitWith(browser, url, { reducedMotion: 'no-preference' });

before(async () => {
  running = await startDev();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await running?.close();
});

test('the page connects by itself and publishes to itself with one click', async () => {
  await using visitor = await visitMoving(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const message = page.locator('#message-list li').first();
  await message.getByText('demo.hello').waitFor();
  await message.locator('summary').click();
  assert.equal(await message.locator('pre').textContent(), '{\n  "text": "Hello from a browser"\n}');
  await page.getByText('Hex', { exact: true }).click();
  assert.match((await message.locator('pre').textContent()) ?? '', /^0000 {2}7b 20 22 74/);
  assert.match((await page.locator('#server-version').textContent()) ?? '', /^\d+\.\d+\.\d+$/);
  assert.match((await page.locator('#client-id').textContent()) ?? '', /^\d+$/);
  await page.locator('#round-trip', { hasText: 'ms' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('it moves without a click, a second tab joins in, and a hidden one sends nothing', async () => {
  await using first = await visitMoving(running.url);
  await first.page.locator('.cursor', { hasText: 'this tab' }).waitFor();
  const cursors = first.page.locator('.cursor');
  const place = await cursors.getAttribute('style');
  await first.page.locator(`.cursor:not([style="${place}"])`).waitFor();
  await using second = await visitMoving(running.url);
  for (const { page } of [first, second]) {
    await page.locator('.cursor', { hasText: /tab \d+/ }).waitFor();
    await page.locator('#live-said', { hasText: '2 tabs' }).waitFor();
  }
  await second.page.evaluate(`Object.defineProperty(document, 'hidden', { value: true })`);
  await first.page.locator('#live-said', { hasText: 'one tab' }).waitFor();
  assert.deepEqual([...first.complaints, ...second.complaints], []);
});

test('the wire shows frames with their operations, both ways, and its end', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.locator('#wire .up', { hasText: 'SUB demo.>' }).waitFor();
  await page.locator('#wire .down', { hasText: 'INFO {' }).first().waitFor();
  await page.locator('#publish-payload').fill('<b>\u0000</b>');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  for (const [direction, line] of [
    ['up', 'PUB demo.hello 8'],
    ['down', 'MSG demo.hello'],
  ] as const) {
    const frame = page.locator(`#wire .${direction}`, { hasText: line });
    await frame.locator('i', { hasText: 'hex 3c 62 3e 00 3c 2f 62 3e' }).waitFor();
  }
  // Cursors go all the while, and are shown when they are asked for.
  await page.locator('#wire-cursors').click();
  await page.locator('#wire .up', { hasText: 'PUB cursors.' }).first().waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.locator('#wire li', { hasText: 'WebSocket closed: ' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('a request is answered by the page, and by nobody when it does not answer', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.getByRole('button', { name: 'Request' }).click();
  await page.locator('#reply', { hasText: 'ping' }).waitFor();
  await page.locator('#request-subject').fill('nobody.there');
  await page.getByRole('button', { name: 'Request' }).click();
  await page.locator('#reply', { hasText: 'Nobody answers on nobody.there.' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('a flood stays bounded on the page', async () => {
  await using visitor = await visitMoving(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.locator('#publish-rate').selectOption('1000');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.locator('#total-messages', { hasText: /\d,\d{3}/ }).waitFor();
  await page.getByRole('button', { name: 'Stop publishing' }).click();
  assert.equal(await page.locator('#message-list li').count(), 200);
  assert.ok((await page.locator('#wire li').count()) <= 60);
  assert.deepEqual(complaints, []);
});

test('subscriptions can be added, with queue and wildcards, and removed', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.locator('#subscribe-subject').fill('orders.*.new');
  await page.locator('#subscribe-queue').fill('workers');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.locator('#publish-subject').fill('orders.7.new');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.locator('#message-list li', { hasText: 'orders.7.new' }).first().waitFor();
  await page.getByRole('button', { name: 'Unsubscribe from orders.*.new' }).click();
  await page.locator('#subscriptions li', { hasText: 'orders' }).waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
});

test('a stopped nats-server: the end and the refusals are told with code, word and sentence; then it comes back', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.getByRole('button', { name: 'Stop nats-server' }).click();
  const end = page.locator('#timeline li', { hasText: 'Session ended' });
  await end.getByText('1001 upstream_closed').waitFor();
  await end.getByText('nats-server closed its connection normally').waitFor();
  const refused = page.locator('#timeline li', { hasText: 'nats-server not reached' });
  await refused.getByText('502 upstream_refused').waitFor();
  await page.locator('#log li', { hasText: 'upstream_refused:' }).first().waitFor();

  await page.getByRole('button', { name: 'Start nats-server' }).click();
  await connected(page);
  const back = page.locator('#timeline li').first().filter({ hasText: 'Session open' });
  await back.getByText(/Back after \d+\.\d s, with 1 subscription\.$/).waitFor();
  assert.equal(
    await page.locator('#timeline li', { hasText: 'Session open' }).count(),
    2,
    'one line for each session',
  );
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.locator('#message-list li', { hasText: 'demo.hello' }).first().waitFor();
  assert.deepEqual(complaints, []);
});

test('a disconnect is told as the client’s own doing, and Connect works again', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.locator('#timeline li', { hasText: 'client_closed' }).waitFor();
  assert.equal(await page.locator('#publish').isDisabled(), true);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await connected(page);
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.locator('#message-list li', { hasText: 'demo.hello' }).first().waitFor();
  assert.deepEqual(complaints, []);
});

test('the same page under another origin is refused, and the refusal explained', async () => {
  await using visitor = await visit(running.url);
  const link = visitor.page.getByRole('link', { name: 'Open this page under another origin' });
  await link.waitFor();
  await using stranger = await visit((await link.getAttribute('href')) ?? '');
  const { page, complaints } = stranger;
  await page.locator('#notice').getByText('403 origin_not_listed').waitFor();
  await page.locator('#timeline li').getByText('403 origin_not_listed').waitFor();
  await page
    .locator('#log li', { hasText: 'origin_not_listed: This Origin is not allowed' })
    .first()
    .waitFor();
  assert.equal(await page.locator('body').getAttribute('data-state'), 'closed');
  assert.deepEqual(complaints, []);
});

test('what is broken is told by both sides, and the page goes on', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  for (const [button, saw, knew] of [
    ['Send a text frame', '1003 not_binary', 'not_binary'],
    ['Send a frame of 9 MiB', '1009 message_too_big', 'message_too_big'],
    ['Come from another site', '1006, no reason', '403 origin_not_listed'],
    ['Restart the server', /1001 upstream_closed\. Connected again/, 'upstream_closed'],
    ['Drain the gateway', /1001 draining\. Connected again/, 'draining'],
    ['Freeze this tab', /slow_consumer|1006/, 'slow_consumer'],
    [
      'Let a login expire',
      /^-ERR 'User Authentication Expired', then 1008 auth_expired after \d/,
      'auth_expired',
    ],
    [
      'Publish what a policy denies',
      /^-ERR 'Permissions Violation for Publish to "secret\.\d+"'\. The session goes on\.$/,
      'publish_allow',
    ],
    ['Freeze the server', /1006.*The open one goes on/, '504 upstream_timeout'],
  ] as const) {
    await page.getByRole('button', { name: button }).click();
    const row = page.locator('#break-results tr', { hasText: button });
    await row.locator('td').first().filter({ hasText: saw }).waitFor();
    await row.locator('.token').getByText(knew, { exact: true }).waitFor();
  }
  assert.equal(await page.locator('#break-results tr').count(), 5);
  await connected(page);
  assert.deepEqual(complaints, []);
});

test('latency is measured both ways', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await page.getByRole('button', { name: 'Measure' }).click();
  for (const way of ['direct', 'gateway']) {
    await page.locator(`#latency-${way}`, { hasText: /^p50 [\d.]+ (µs|ms) · p99 [\d.]+ (µs|ms)$/ }).waitFor();
    await page.locator(`#latency-${way}-chart path[d^=M]`).waitFor({ state: 'attached' });
  }
  assert.deepEqual(complaints, []);
});

test('a reload keeps what the forms say, and the code says it too', async () => {
  await using visitor = await visit(running.url);
  const { page, complaints } = visitor;
  await connected(page);
  await page.locator('#subscribe-subject').fill('orders.*');
  await page.locator('#subscribe-queue').fill('workers');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByRole('button', { name: 'Unsubscribe from demo.>' }).click();
  await page.locator('#publish-subject').fill('orders.7');
  await page.locator('#publish-payload').fill('{ "text": "&#?" }');
  await page.locator('#code-text', { hasText: `nats.publish('orders.7', '{ "text": "&#?" }');` }).waitFor();
  await page.getByText('CLI', { exact: true }).click();
  await page.locator('#code-text', { hasText: `${running.gatewayUrl}' sub 'orders.*'` }).waitFor();
  await page.waitForURL(/#subject=orders\.7&.*sub=orders/);
  await page.reload();
  await connected(page);
  assert.equal(await page.locator('#publish-subject').inputValue(), 'orders.7');
  assert.equal(await page.locator('#publish-payload').inputValue(), '{ "text": "&#?" }');
  assert.equal(await page.locator('#subscriptions li .mono').textContent(), 'orders.* queue workers');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.locator('#message-list li', { hasText: 'orders.7' }).waitFor();
  await page.reload();
  const kept = page.locator('#message-list li', { hasText: 'orders.7' });
  await kept.locator('summary').click();
  await kept.locator('pre', { hasText: '"text": "&#?"' }).waitFor();
  await page.locator('#clear').click();
  await page.reload();
  await connected(page);
  await page.locator('#message-empty').waitFor();
  assert.deepEqual(complaints, []);
});

test('the theme follows the system until the visitor chooses, and the choice stays', async () => {
  await using visitor = await visit(running.url);
  const { page } = visitor;
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await background();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await background();
  assert.notEqual(light, dark);
  await page.getByRole('button', { name: 'Switch to the light theme' }).click();
  assert.equal(await background(), light);
  await page.reload();
  assert.equal(await background(), light);
});
