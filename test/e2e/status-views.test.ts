import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { rulesOf } from '../policy/support.ts';
import { launchChromium } from '../support/chromium.ts';
import { visit as visitWith } from '../support/demo-visit.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { builtStatusPage } from '../support/status-page.ts';

/** Each with the region that it has. */
const VIEWS = {
  overview: 'The way from browsers to servers',
  sessions: 'Sessions',
  'sessions/1': 'Session 1',
  subjects: 'Subjects',
  handshakes: 'Handshakes',
  policy: 'Policy',
  captures: 'Captures',
  log: 'Log',
  config: 'Configuration',
} as const;
const HASHES = Object.keys(VIEWS) as (keyof typeof VIEWS)[];
const WIDTHS = [360, 390, 1440, 3840];

const resources = new AsyncDisposableStack();
let browser: Browser;
let gateway: TestGateway;
let client: RawClient;

before(async () => {
  const page = resources.use(await builtStatusPage());
  const server: RunningNatsServer = resources.use(await realNatsServer());
  browser = await launchChromium();
  resources.defer(() => browser.close());
  gateway = resources.use(
    await startTestGateway(
      server.port,
      {
        inspect: 'observe',
        policy: {
          mode: 'observe',
          roles: [rulesOf({ publish: { allow: ['orders.>'] }, subscribe: { deny: ['long.>'] } })],
          onDeny: 'error',
          denialsBeforeClose: undefined,
        },
      },
      { pageFile: page.pageFile },
    ),
  );
  client = resources.use(
    await RawClient.open(gateway.port, { headers: { Origin: 'https://app.example.com' } }),
  );
  client.send(
    frame(
      Opcode.binary,
      `CONNECT {"verbose":false,"user":"jane","pass":"x"}\r\nSUB ${'long.'.repeat(40)}> 1\r\nPING\r\n`,
    ),
  );
  await client.until(() => client.data.includes('PONG'));
  await using refused = await RawClient.connect(gateway.port);
  refused.send(handshakeRequest({ headers: { Origin: `https://${'long.'.repeat(20)}example` } }));
  assert.equal(await refused.status(), 403);
});
after(() => resources.disposeAsync());

const visit = (hash: string, options?: BrowserContextOptions) =>
  visitWith(browser, `http://127.0.0.1:${gateway.adminPort}/#/${hash}`, options);

/** Goes there and waits until the view has been read. */
async function show(tab: Page, view: keyof typeof VIEWS): Promise<void> {
  await tab.evaluate(`location.hash = '#/${view}'`);
  const region = tab.getByRole('region', { name: VIEWS[view], exact: true });
  await region.locator(':is(table, li, dl, .empty, .notice):visible').first().waitFor();
}

test('no view has a serious fault for who reads it by other means, in light and dark', async () => {
  const axe = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  // Colours on their way to others have any contrast.
  await using visitor = await visit('overview', { bypassCSP: true, reducedMotion: 'reduce' });
  const { page: tab } = visitor;
  await tab.evaluate(axe);
  for (const view of HASHES) {
    await show(tab, view);
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      const { violations } = await tab.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })");
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      assert.deepEqual(
        serious.map(({ id, nodes }) => [view, colorScheme, id, nodes.map(({ html }) => html)]),
        [],
      );
    }
  }
});

test('no view is wider than its window, from a telephone to 4K', async () => {
  await using visitor = await visit('overview');
  const { page: tab } = visitor;
  for (const view of HASHES) {
    await show(tab, view);
    for (const width of WIDTHS) {
      await tab.setViewportSize({ width, height: 900 });
      const excess = await tab.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok(Number(excess) <= 0, `${view} at ${width}: ${excess} too wide`);
    }
  }
});

test('the list of sessions shows all of its last column at 1280, and a name leads to its session', async () => {
  await using visitor = await visit('sessions', { viewport: { width: 1280, height: 900 } });
  const { page: tab } = visitor;
  const cell = tab.locator('td[data-name=Capture]');
  await cell.getByRole('button').waitFor();
  assert.equal(await cell.evaluate((one) => one.scrollWidth <= one.clientWidth), true);
  const list = tab.getByRole('region', { name: 'List of sessions' });
  assert.equal(await list.evaluate((one) => one.scrollWidth <= one.clientWidth), true);
  await list.getByRole('link', { name: 'jane' }).click();
  await tab.getByRole('region', { name: 'Session 1' }).waitFor();
});

test('what a policy refuses is on the overview, and leads to who did it and since when', async () => {
  await using visitor = await visit('overview');
  const { page: tab, complaints } = visitor;
  const tile = tab.getByRole('region', { name: 'Policy' });
  await tile.getByText('1 would be, with mode: enforce').waitFor();
  await tile.getByRole('link', { name: 'Which, and whose?' }).click();
  const row = tab.locator('tbody tr', { hasText: 'subscribe_deny' });
  assert.match(String(await row.locator('td[data-name=Since]').textContent()), /UTC$/);
  await row.getByRole('link', { name: '1' }).click();
  await tab.getByRole('region', { name: 'Session 1' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('a server in lame duck mode is said to be that, since when, and what becomes of sessions', async () => {
  await using visitor = await visit('overview');
  const { page: tab } = visitor;
  await tab.route('**/api/status', async (route) => {
    const response = await route.fetch();
    const status = await response.json();
    const [server] = status.upstreamServers;
    Object.assign(server, { state: 'lame_duck', lameDuckSince: '2026-01-01T00:00:00.000Z', lastError: 'x' });
    await route.fulfill({ response, json: status });
  });
  await tab.reload();
  await tab.getByRole('link', { name: '1 of 1 server in lame duck mode' }).waitFor();
  await tab.getByText('since 2026-01-01 00:00:00 UTC: it is about to shut down').waitFor();
});

test('by keyboard alone: a session is found, recorded, and its capture stopped and deleted', async () => {
  await using visitor = await visit('overview');
  const { page: tab, complaints } = visitor;
  const press = async (wanted: string): Promise<void> => {
    for (let presses = 0; presses < 60; presses++) {
      await tab.keyboard.press('Tab');
      const focused = await tab.evaluate('document.activeElement?.textContent.trim() ?? ""');
      if (focused === wanted) return tab.keyboard.press('Enter');
    }
    assert.fail(`${wanted} was not reached`);
  };
  await tab.getByRole('link', { name: 'Sessions' }).waitFor();
  await press('Sessions');
  await tab.locator('tbody a', { hasText: '1' }).waitFor();
  await press('1');
  await tab.getByRole('button', { name: 'Record session 1' }).waitFor();
  await press('Record');
  await tab.getByRole('link', { name: 'recording' }).waitFor();
  await press('● recording');
  const row = tab.locator('tbody tr', { hasText: 'session 1' });
  await row.getByText('recording').waitFor();
  await press('Stop');
  await row.getByText('stopped').waitFor();
  await press('Delete');
  await press('Yes, delete it');
  await tab.getByText('Nothing was recorded yet.').waitFor();
  assert.deepEqual(complaints, []);
});

test('the next session that fits is recorded, and the file is there for Wireshark and as lines', async () => {
  await using visitor = await visit('captures');
  const { page: tab, complaints } = visitor;
  const form = tab.getByRole('form', { name: 'Record the next session that fits' });
  await form.getByText('each 4.0 MiB and 10 min long').waitFor();
  await form.getByRole('button').click();
  await form.getByText('Name a user, a tenant, an origin or an address.').waitFor();
  await form.getByLabel('User').fill('jane');
  await form.getByRole('button').click();
  await form.getByText('no route with inspection has auth').waitFor();
  await form.getByLabel('User').fill('');
  await form.getByLabel('Origin').fill('https://app.example.com');
  await form.getByRole('button').click();
  const row = tab.locator('tbody tr', { hasText: 'origin:https://app.example.com' });
  await row.getByText('waiting').waitFor();
  const next = await RawClient.open(gateway.port, { headers: { Origin: 'https://app.example.com' } });
  next.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\nPING\r\n'));
  await next.until(() => next.data.includes('PONG'));
  await row.getByText('recording').waitFor();
  await next[Symbol.asyncDispose]();
  await row.getByText(/ended/).waitFor();
  for (const [name, first] of [
    ['pcapng', Buffer.from([0x0a, 0x0d, 0x0d, 0x0a])],
    ['NDJSON', Buffer.from('{"v":1,"kind":"natsgate-capture"')],
  ] as const) {
    const [download] = await Promise.all([
      tab.waitForEvent('download'),
      row.getByRole('link', { name }).click(),
    ]);
    assert.match(download.suggestedFilename(), /^natsgate-\w+-\d+\.(pcapng|ndjson)$/);
    const bytes = await readFile(await download.path());
    assert.deepEqual(bytes.subarray(0, first.length), first);
  }
  // The user that no session can have.
  assert.equal(complaints.join('').replace(/.*409.*/, ''), '');
});

test('the log is there as it is written, by level and by text, and its level can be set', async () => {
  await using visitor = await visit('log');
  const { page: tab, complaints } = visitor;
  const lines = tab.locator('.log li');
  await lines.filter({ hasText: 'ready' }).first().waitFor();
  await tab.getByLabel('Log level of the process').selectOption('warn');
  await lines.first().getByText('log level set by the API').waitFor();
  await lines.first().getByText('from=debug to=warn').waitFor();
  await tab.getByText('configured: debug').waitFor();
  await tab.getByLabel('Text in the line').fill('to=warn');
  await lines.nth(1).waitFor({ state: 'detached' });
  assert.equal(await lines.count(), 1);
  await tab.getByLabel('Show level').selectOption('error');
  await tab.getByText('No line to show.').waitFor();
  await tab.getByLabel('Log level of the process').selectOption('debug');
  await tab.getByText('configured: debug').waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
});
