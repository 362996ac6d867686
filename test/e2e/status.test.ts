import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { rulesOf } from '../policy/support.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { launchChromium } from '../support/chromium.ts';
import { visit as visitWith } from '../support/demo-visit.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
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
  await chain.getByText('0 sessions', { exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test('lines are drawn, with their scales, and said in words', async () => {
  await using visitor = await visit('', { forcedColors: 'active' });
  const { page: tab, complaints } = visitor;
  const chart = tab.getByRole('img', { name: /^Open sessions: open \d+, at most \d+, in the last [1-9]/ });
  await chart.waitFor();
  await tab.waitForFunction(
    `(() => {
      const canvas = document.querySelector('.chart canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value) => value > 0);
    })()`,
  );
  await chart.page().emulateMedia({ forcedColors: 'none', colorScheme: 'dark' });
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
  await tab.getByText('0 sessions', { exact: true }).waitFor();
  await own.gateway.stop();
  await tab.getByRole('alert').getByText('No answer').waitFor();
  await tab.locator('#summary').getByText('no answer').waitFor();
  await tab.getByText('0 sessions', { exact: true }).waitFor();
});

test('a page follows one stream and asks for little, and for nothing when nobody looks', async () => {
  await using visitor = await visit();
  const { page: tab } = visitor;
  const chart = tab.getByRole('img', { name: /^Open sessions: open \d+, at most \d+, in the last/ });
  // The first visit may ask for its stream late, and that request is not one of the second visit.
  await chart.waitFor();
  await tab.clock.install();
  const asked: string[] = [];
  tab.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await tab.reload();
  await chart.waitFor();
  const sent = asked.filter((path) => path.startsWith('/api/'));
  assert.deepEqual(sent, ['/api/status', '/api/events']);
  const show = (hidden: boolean) =>
    tab.evaluate(
      `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
       document.dispatchEvent(new Event('visibilitychange'));`,
    );
  await show(true);
  asked.length = 0;
  await tab.clock.runFor(60_000);
  await tab.evaluate("fetch('/livez').then((answer) => answer.text())");
  assert.deepEqual(
    asked.filter((path) => path !== '/livez'),
    [],
  );
  await Promise.all([tab.waitForRequest(/api\/status/), show(false)]);
});

test('where a token is needed the page shows nothing until it has been given, and never has it', async () => {
  await using own = await startTestGateway(
    server.port,
    { admin: { token: TOKEN } },
    { pageFile: page.pageFile },
  );
  const url = `http://127.0.0.1:${own.adminPort}/`;
  await using visitor = await visitWith(browser, url);
  const { page: tab } = visitor;
  await tab.getByRole('alert').getByText('A token is needed').waitFor();
  assert.equal(await tab.getByText('sessions').count(), 0);
  await tab.getByLabel('Admin token').fill('a wrong one');
  await tab.getByRole('button', { name: 'Log in' }).click();
  await tab.getByText('this is not the admin token.').waitFor();
  await tab.getByLabel('Admin token').fill(TOKEN);
  await tab.getByLabel('Admin token').press('Enter');
  await tab.getByText('0 sessions', { exact: true }).waitFor();
  for (const name of ['Sessions', 'Handshakes', 'Captures', 'Log', 'Configuration']) {
    await tab.getByRole('link', { name, exact: true }).click();
    await tab.getByText(`curl -s -H "Authorization: Bearer $TOKEN" '${url}api/`).waitFor();
    assert.ok(!(await tab.content()).includes('canary'), name);
  }
  await tab.reload();
  await tab.getByText('The same with curl: curl -s -H "Authorization: Bearer $TOKEN"').waitFor();
  await tab.getByRole('button', { name: 'Log out' }).click();
  await tab.getByRole('alert').getByText('A token is needed').waitFor();
  assert.equal(await tab.getByRole('link', { name: 'Sessions' }).count(), 0);
});

test('without script a login works, too', async () => {
  await using own = await startTestGateway(
    server.port,
    { admin: { token: TOKEN } },
    { pageFile: page.pageFile },
  );
  await using visitor = await visitWith(browser, `http://127.0.0.1:${own.adminPort}/`, {
    javaScriptEnabled: false,
  });
  await visitor.page.getByLabel('The numbers need the admin token').fill(TOKEN);
  await visitor.page.getByRole('button', { name: 'Log in' }).click();
  await visitor.page.getByText('0 of 1000').waitFor();
});

test('"why was this handshake refused?" in two clicks, and what would be answered now in a third', async () => {
  for (let time = 0; time < 3; time++) await refused('https://forgotten.example');
  await using visitor = await visit();
  const { page: tab, complaints } = visitor;
  await tab.getByRole('link', { name: 'Handshakes' }).click();
  await tab.getByText('https://forgotten.example').first().click();
  const row = tab.locator('.handshakes li', { hasText: 'https://forgotten.example' }).first();
  await row.getByText('Add it to origins in the configuration.').waitFor();
  await row.getByText('request read').waitFor();
  await row.getByText('3 ×').waitFor();
  // The third click: is it still so?
  await row.getByRole('button', { name: 'What would it be answered now?' }).click();
  const trial = tab.locator('#try');
  await trial.getByText('It would be refused: 403 origin_not_listed').waitFor();
  await trial.getByText('✕ refused here').waitFor();
  const verdict = trial.locator('[role=status]:focus');
  await verdict.waitFor();
  const box = await verdict.boundingBox();
  assert.ok(box !== null && box.y >= 0 && box.y < 600, 'in sight');
  assert.equal(await trial.getByLabel('Origin', { exact: true }).inputValue(), 'https://forgotten.example');
  assert.equal(await trial.getByLabel('Address').inputValue(), '127.0.0.1');
  await tab.getByRole('searchbox').fill('forgotten');
  await tab.locator('.handshakes li', { hasText: 'https://evil.example' }).waitFor({ state: 'detached' });
  assert.match(tab.url(), /#\/handshakes\?filter=forgotten$/);
  await trial.getByLabel('Origin', { exact: true }).fill('https://app.example.com');
  await trial.getByLabel('More header lines').fill('X-Any: thing\nno line');
  await trial.getByRole('button', { name: 'Try it' }).click();
  await trial.getByText('Write each header line as Name: value.').waitFor();
  await trial.getByLabel('More header lines').fill('X-Any: thing');
  await trial.getByLabel('More header lines').press('Tab');
  await trial.getByLabel('Address').press('Enter');
  await trial.getByText('Nothing refuses it before a server is dialled: 101 accepted').waitFor();
  assert.deepEqual(complaints, []);
});

test('"who is slow?" in two clicks, and it can be ended', async () => {
  const quick = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}` });
  const name = '<b>slow</b> tab';
  const slow = await RawClient.open(gateway.port);
  slow.send(frame(Opcode.binary, `CONNECT {"name":"${name}","verbose":false}\r\nSUB flood.> 1\r\nPING\r\n`));
  await slow.until(() => slow.data.includes('PONG'));
  slow.socket.pause();
  const waiting = (): boolean =>
    gateway.gateway.status.openSessions().some(({ buffered }) => buffered.toClient > 0);
  while (!waiting()) {
    for (let message = 0; message < 20; message++) quick.publish('flood.x', 'x'.repeat(50_000));
    await quick.flush();
  }
  await using visitor = await visit();
  const { page: tab, complaints } = visitor;
  await tab.getByRole('link', { name: 'Who is slow?' }).click();
  await tab.locator('th[aria-sort=descending]', { hasText: 'Waiting' }).waitFor();
  await tab.locator('tbody tr').first().getByRole('link').click();
  await tab.getByText('waiting for the client').waitFor();
  await tab.getByRole('region', { name: 'NATS' }).getByText(name, { exact: true }).waitFor();
  const subscriptions = tab.getByRole('region', { name: 'Subscriptions' });
  await subscriptions.getByText('flood.>').waitFor();
  await subscriptions.getByText('the server may have refused some').waitFor();
  await tab.getByRole('button', { name: 'End this session' }).click();
  await tab.getByRole('button', { name: 'Yes, end it' }).click();
  await tab.getByRole('region', { name: 'Who' }).getByText('killed').waitFor();
  await slow[Symbol.asyncDispose]();
  await tab.locator('.end').getByText('killed').waitFor();
  await quick.close();
  assert.deepEqual(complaints, []);
});

test('"who gets -ERR?" in one click, and nobody is called slow when nobody waits', async () => {
  const client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, 'CONNECT {"name":"wrong tab","verbose":false}\r\nSUB a..b 1\r\nPING\r\n'));
  await client.until(() => client.data.includes('Invalid Subject'));
  await using visitor = await visit();
  const { page: tab, complaints } = visitor;
  const tile = tab.getByRole('region', { name: 'Server errors' });
  await tile.getByText('1 -ERR of nats-server').waitFor();
  await tile.getByRole('link', { name: 'Who gets them?' }).click();
  await tab.locator('tbody tr', { hasText: 'wrong tab' }).getByText('✕ 1').waitFor();
  assert.equal(await tab.locator('tbody tr').count(), 1);
  await client[Symbol.asyncDispose]();
  await tab.getByText('No open session has got an -ERR').waitFor();
  await tab.getByRole('link', { name: 'Ended ones' }).click();
  await tab.locator('tbody tr', { hasText: 'wrong tab' }).waitFor();
  await tab.getByRole('link', { name: 'Overview' }).click();
  await tab.getByRole('link', { name: 'Who is slow?' }).click();
  await tab.getByText('Nobody waits at this moment.').waitFor();
  await tab.getByRole('link', { name: 'Overview' }).click();
  await tab.getByRole('region', { name: 'Sessions' }).getByRole('link', { name: 'client_closed' }).click();
  await tab.locator('td[data-name=Reason]', { hasText: 'client_closed' }).first().waitFor();
  assert.deepEqual(complaints, []);
});

test('"who is this user?" in two clicks', async () => {
  await using issuer = await Issuer.start(signingKey('one'));
  const auth = testAuth(testIssuer(keysAt(issuer.url)), { from: [{ kind: 'header' }] });
  await using own = await startTestGateway(server.port, { auth }, { pageFile: page.pageFile });
  const headers = { Authorization: `Bearer ${issuer.token({ exp: seconds(7200) })}` };
  await using _client = await RawClient.open(own.port, { headers });
  await using visitor = await visitWith(browser, `http://127.0.0.1:${own.adminPort}/`);
  const { page: tab, complaints } = visitor;
  await tab.getByRole('link', { name: 'Sessions' }).click();
  await tab.getByRole('searchbox').fill('user:alice');
  await tab.locator('tbody tr', { hasText: 'alice' }).getByRole('link', { name: 'alice' }).click();
  const who = tab.getByRole('region', { name: 'Who' });
  await who.getByText('alice', { exact: true }).waitFor();
  await who.getByText('login until').waitFor();
  assert.deepEqual(complaints, []);
});

test('who may say what: what was refused, who is limited, and what would be answered', async () => {
  const roles = [
    rulesOf({
      name: 'trader',
      match: { user: [], tenant: [], groups: ['traders'] },
      publish: { allow: ['orders.{tenant}.>'] },
    }),
    rulesOf({
      publish: { allow: ['public.>'], deny: ['public.secret'] },
      subscribe: { allow: ['public.>'] },
    }),
  ];
  await using own = await startTestGateway(
    server.port,
    {
      inspect: 'enforce',
      policy: { mode: 'enforce', roles, onDeny: 'error', denialsBeforeClose: undefined },
      rates: {
        maxDelayMs: 60_000,
        limits: [{ per: 'session', kind: 'bytes', perSecond: 1000, burstMs: 1000, exceeded: 'delay' }],
      },
    },
    { pageFile: page.pageFile },
  );
  await using client = await RawClient.open(own.port);
  client.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\nPUB public.secret 1\r\nx\r\nPING\r\n'));
  await client.until(() => client.data.includes('Publish to "public.secret"'));
  client.send(frame(Opcode.binary, `PUB public.a 5000\r\n${'x'.repeat(5000)}\r\n`));
  await using visitor = await visitWith(browser, `http://127.0.0.1:${own.adminPort}/`);
  const { page: tab, complaints } = visitor;
  await tab.getByRole('link', { name: 'Policy' }).click();
  await tab.getByRole('region', { name: 'Verdicts' }).getByText('default: publish_deny').waitFor();
  await tab.locator('tbody tr', { hasText: 'PUB public.secret' }).getByText('publish_deny').waitFor();
  await tab
    .locator('tbody tr', { hasText: 'rates.session.bytes' })
    .getByRole('link', { name: '1' })
    .waitFor();
  await tab.getByRole('region', { name: 'Role trader' }).getByText('orders.{tenant}.>').waitFor();
  const trial = tab.getByRole('region', { name: 'Test' });
  await trial.getByLabel('Subject').fill('public.secret');
  await trial.getByRole('button').click();
  await trial.getByText('deny: publish.deny has the subject').waitFor();
  await trial.getByText('publish.deny: public.secret').waitFor();
  await trial.getByLabel('User').fill('jane');
  await trial.getByLabel('Groups').fill('traders');
  await trial.getByLabel('Subject').fill('orders.acme.new');
  await trial.getByRole('button').click();
  await trial.getByText('role trader needs tenant=…').waitFor();
  await trial.getByLabel('Tenant').fill('acme');
  await trial.getByLabel('Tenant').press('Enter');
  await trial.getByText('publish.allow: orders.{tenant}.>').waitFor();
  await trial
    .getByText(`-d '{"user":"jane","tenant":"acme","groups":["traders"],"operation":"PUB orders.acme.new"}'`)
    .waitFor();
  assert.equal(complaints.join('').replace(/.*409.*/, ''), '');
});

test('which subjects are busy, and who uses them', async () => {
  const client = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}`, name: 'busy tab' });
  client.subscribe('orders.>');
  await using visitor = await visit('#/subjects');
  const { page: tab, complaints } = visitor;
  await tab.getByText('No message was seen yet.').waitFor();
  for (let order = 1; order <= 50; order++) client.publish(`orders.${order}.new`, 'x'.repeat(100));
  client.publish('other', 'x');
  await client.flush();
  const row = tab.locator('tbody tr', { hasText: 'orders.*.new' });
  await row.waitFor();
  await tab.getByRole('button', { name: 'Subject', exact: true }).click();
  await tab.locator('th[aria-sort=ascending]').waitFor();
  await row.getByRole('link').click();
  await tab.getByRole('region', { name: 'NATS' }).getByText('busy tab').waitFor();
  await client.close();
  assert.deepEqual(complaints, []);
});

test('the list is filtered, and knows those that ended', async () => {
  const client = await RawClient.open(gateway.port, { headers: { Origin: 'https://app.example.com' } });
  await using visitor = await visit('#/sessions');
  const { page: tab } = visitor;
  await tab.getByRole('searchbox').fill('origin:app.example');
  await tab.getByText('1 session', { exact: true }).waitFor();
  await tab.getByRole('button', { name: 'Age' }).click();
  await tab.locator('th[aria-sort=descending]', { hasText: 'Age' }).waitFor();
  await tab.getByRole('searchbox').fill('APP.example');
  await tab.getByText('1 session', { exact: true }).waitFor();
  await tab.getByRole('searchbox').fill('origin:app origin:nonsense');
  await tab.getByText('origin is there twice; the first one counts.').waitFor();
  await tab.getByText('1 session', { exact: true }).waitFor();
  // The address has all of it, for a colleague.
  await tab.reload();
  assert.equal(await tab.getByRole('searchbox').inputValue(), 'origin:app origin:nonsense');
  await tab.locator('th[aria-sort=descending]', { hasText: 'Age' }).waitFor();
  await client[Symbol.asyncDispose]();
  await tab.getByRole('searchbox').fill('origin:app');
  await tab.getByText('No session to show.').waitFor();
  await tab.getByRole('searchbox').fill('reason:client_');
  await tab.getByText('Open sessions have no reason.').waitFor();
  await tab.getByRole('link', { name: 'Ended ones' }).click();
  await tab.getByLabel('ended').and(tab.locator(':checked')).waitFor();
  await tab
    .locator('td[data-name=Reason]', { hasText: /client_\w+/ })
    .first()
    .waitFor();
});

test('of 9,000 sessions, or 100,000 that ended, the page has a screenful, and leads to the last one', async () => {
  await using visitor = await visit();
  const { page: tab, complaints } = visitor;
  const totals = { open: 9000, ended: 100_000 };
  const asked: number[] = [];
  await tab.route(/api\/sessions\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    const state = query.get('state') as keyof typeof totals;
    const offset = Number(query.get('offset'));
    asked.push(offset);
    const length = Math.min(Number(query.get('limit')), totals[state] - offset);
    const sessions = Array.from({ length }, (_, index) => fakeSession(state, offset + index + 1));
    return route.fulfill({ json: { active: 0, kept: 0, matched: totals[state], sessions } });
  });
  await tab.evaluate("location.hash = '#/sessions'");
  const list = tab.getByRole('region', { name: 'List of sessions' });
  const link = (id: number) => tab.getByRole('link', { name: String(id), exact: true });
  for (const state of ['open', 'ended'] as const) {
    const last = totals[state];
    await tab.getByLabel(state, { exact: true }).check();
    await tab.getByText(`${last.toLocaleString('en')} sessions`).waitFor();
    await link(1).focus();
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('End');
    await link(last).waitFor();
    assert.ok((await tab.locator('tbody tr').count()) < 60);
    assert.equal(await tab.locator('table').getAttribute('aria-rowcount'), String(last + 1));
    const row = tab.locator('tbody tr', { has: link(last) });
    assert.equal(await row.getAttribute('aria-rowindex'), String(last + 1));
    assert.equal(await row.evaluate((one) => one.getBoundingClientRect().bottom <= innerHeight), true);
    // Who came by keyboard goes on by keyboard, though the row with the focus is gone.
    assert.equal(await list.evaluate((one) => one.contains(document.activeElement)), true);
    await tab.keyboard.press('Home');
    await link(1).waitFor();
    await tab.keyboard.press('End');
    await link(last).waitFor();
  }
  assert.ok(asked.length < 200, `${asked.length} requests`);
  // The way back from a session leads to where it was.
  await tab.getByRole('link', { name: 'Log' }).click();
  await tab.goBack();
  await link(totals.ended).waitFor();
  assert.deepEqual(complaints, []);
});

/** As the API has it. */
const fakeSession = (state: 'open' | 'ended', id: number) => ({
  id,
  state,
  startedAt: '2026-11-30T12:00:00.000Z',
  endedAt: '2026-11-30T12:00:00.000Z',
  seconds: id,
  client: '127.0.0.1',
  origin: 'https://app.example.com',
  route: 'default',
  upstream: '127.0.0.1:4222',
  serverErrors: 0,
  bytes: { toUpstream: id, toClient: id },
  frames: { toUpstream: 1, toClient: 1 },
  buffered: { toUpstream: 0, toClient: 0 },
  waitingSeconds: { toUpstream: 0, toClient: 0 },
  slowSeconds: 0,
  reason: 'client_closed',
  code: 1000,
});

test('the configuration is shown with the line of each key, and without secrets', async () => {
  const settings = { limits: { sessions: 77 }, admin: { address: '127.0.0.1:0', tokenFile: 'token' } };
  await using own = await ReloadableGateway.start(
    server.port,
    settings,
    { token: TOKEN },
    { pageFile: page.pageFile },
  );
  await using visitor = await visitWith(browser, `http://127.0.0.1:${own.adminPort}/#/config`);
  const { page: tab } = visitor;
  await tab.getByLabel('Admin token').fill(TOKEN);
  await tab.getByLabel('Admin token').press('Enter');
  const row = (key: string) => tab.locator('tbody tr', { has: tab.getByText(key, { exact: true }) });
  await row('limits.sessions').getByText('77', { exact: true }).waitFor();
  await row('limits.sessions').getByText('natsgate.yaml:').waitFor();
  assert.equal(await row('listen.hosts').count(), 0);
  await tab.getByLabel('Key').fill('hosts');
  await tab.getByText(/^No key that is written fits; \d at their defaults do\.$/).waitFor();
  await tab.getByLabel('defaults, too').check();
  await row('listen.hosts').getByText('none').waitFor();
  assert.ok(!(await tab.content()).includes('canary'));
});
