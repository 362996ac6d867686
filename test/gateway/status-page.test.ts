import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { RawClient } from '../support/raw-client.ts';
import { type BuiltStatusPage, builtStatusPage } from '../support/status-page.ts';

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';
const TOKEN = 'canary-of-the-admin-token';
const FILES = ['/status.js', '/status.css', '/early-theme.js', '/icon.svg'];

let page: BuiltStatusPage;
let upstream: FakeUpstream;
before(async () => {
  page = await builtStatusPage();
  upstream = await FakeUpstream.start();
});
after(async () => {
  await upstream[Symbol.asyncDispose]();
  await page[Symbol.asyncDispose]();
});

const started = (admin: { page?: boolean; token?: string } = {}): Promise<TestGateway> =>
  startTestGateway(upstream.port, { admin }, { pageFile: page.pageFile, version: '1.2.3' });

const ask = (gateway: TestGateway, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, { headers });

test('a browser gets the page with the numbers in it, and everybody else the text', async () => {
  await using gateway = await started();
  await using _client = await RawClient.open(gateway.port);
  const answer = await ask(gateway, '/', { Accept: HTML });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(answer.headers.get('vary'), 'Accept');
  const html = await answer.text();
  assert.match(html, /<script type="module" src="status.js">/);
  for (const [name, value] of [
    ['State', 'ready'],
    ['Version', '1.2.3'],
    ['Sessions', '1 of 1000'],
    ['Handshakes', '1 accepted, 0 not'],
    ['Server', `127.0.0.1:${upstream.port}: up, 1 session`],
  ])
    assert.ok(html.includes(`<dt>${name}</dt><dd>${value}</dd>`), `${name}: ${html}`);
  const text = await ask(gateway, '/', { Accept: '*/*' });
  assert.match(await text.text(), /^natsgate admin port\n/);
});

test('what it needs is served, and its policy lets in nothing from elsewhere', async () => {
  await using gateway = await started();
  for (const path of FILES) {
    const answer = await ask(gateway, path);
    assert.equal(answer.status, 200, path);
    assert.ok((await answer.text()).length > 50, path);
  }
  assert.equal((await ask(gateway, '/index.html')).status, 404);
  const policy = (await ask(gateway, '/', { Accept: HTML })).headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  const html = (await page.pageFile('index.html'))?.toString() ?? '';
  assert.doesNotMatch(html, /<script>|<style|\sstyle=|\son\w+=|https?:\/\//);
});

test('with a token configured, the numbers need it, and it is nowhere in the page', async () => {
  await using gateway = await started({ token: TOKEN });
  const answer = await ask(gateway, '/', { Accept: HTML });
  assert.equal(answer.status, 200);
  const html = await answer.text();
  assert.match(html, /<form [^>]*method="post" action="\/api\/login">.*need the admin token/);
  for (const secret of ['canary', '1.2.3', String(upstream.port)]) assert.ok(!html.includes(secret), secret);
  const known = await ask(gateway, '/', { Accept: HTML, Authorization: `Bearer ${TOKEN}` });
  const shown = await known.text();
  assert.match(shown, /<dt>State<\/dt><dd>ready<\/dd>/);
  assert.ok(!shown.includes('canary'));
});

test('names of servers are text, never markup', async () => {
  const name = '<script>"&';
  const servers = [{ host: '127.0.0.1', port: upstream.port, name }];
  await using gateway = await startTestGateway(
    upstream.port,
    { upstream: { servers } },
    { pageFile: page.pageFile },
  );
  const html = await (await ask(gateway, '/', { Accept: HTML })).text();
  assert.ok(html.includes('&lt;script&gt;&quot;&amp;: '));
  assert.ok(!html.includes(name));
});

test('a page that is not built says so, in the log and where it would be', async () => {
  const pageFile = () => Promise.resolve(undefined);
  await using gateway = await startTestGateway(upstream.port, {}, { pageFile });
  const line = await gateway.log.find(({ message }) => message.startsWith('The status page is not built'));
  assert.equal(line['level'], 'warn');
  assert.match(
    await (await ask(gateway, '/', { Accept: HTML })).text(),
    /<p>The status page is not built.*npm run build/,
  );
});

test('admin.page: off leaves the list of links', async () => {
  await using gateway = await started({ page: false });
  assert.match(
    await (await ask(gateway, '/', { Accept: HTML })).text(),
    /<p>The status page is off: admin.page.<\/p>/,
  );
  assert.match(await (await ask(gateway, '/', { Accept: HTML })).text(), /<a href="\/metrics">/);
  for (const path of FILES) assert.equal((await ask(gateway, path)).status, 404, path);
});
