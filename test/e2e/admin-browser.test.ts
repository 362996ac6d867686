import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { launchChromium } from '../support/chromium.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';

const TOKEN = 'canary-token-of-the-admin-port';

let browser: Browser;
let certificates: TestCertificates;
let upstream: FakeUpstream;
const resources = new AsyncDisposableStack();
before(async () => {
  certificates = resources.use(await makeCertificates());
  upstream = resources.use(await FakeUpstream.start());
  browser = await launchChromium();
  resources.defer(() => browser.close());
});
after(() => resources.disposeAsync());

type Seen = { readonly statuses: readonly number[]; readonly second: string; readonly cookie: string };

/** What a page of the port itself does. */
const LOG_IN = `(async () => {
  const body = JSON.stringify({ token: '${TOKEN}' });
  const statuses = [
    (await fetch('/api/status')).status,
    (await fetch('/api/login', { method: 'POST', body })).status,
    (await fetch('/api/status')).status,
    (await fetch('/api/log', { method: 'PUT', body: '{"level":"info"}' })).status,
  ];
  const second = await new Promise((resolve, reject) => {
    const events = new EventSource('/api/events');
    events.addEventListener('error', () => reject(new Error('no stream')));
    events.addEventListener('second', ({ data, lastEventId }) => {
      events.close();
      resolve(lastEventId + ' ' + data);
    });
  });
  return { statuses, second, cookie: document.cookie };
})()`;

/** What one of another origin tries; each request by its name. */
const RIDE = `async (admin) => {
  const ask = (path, options) => fetch(admin + path, { credentials: 'include', ...options }).catch(() => {});
  await ask('/api/status?read', { mode: 'no-cors' });
  await ask('/api/reload?post', { method: 'POST', mode: 'no-cors' });
  await ask('/api/status?cors', {});
  await new Promise((resolve) => {
    const events = new EventSource(admin + '/api/events?stream', { withCredentials: true });
    events.addEventListener('error', resolve, { once: true });
  });
  await new Promise((resolve) => {
    const image = new Image();
    image.addEventListener('error', resolve, { once: true });
    image.src = admin + '/api/status?image';
  });
}`;

/** A page of another port of this machine, which shares its cookies. */
async function foreignPage(context: BrowserContext): Promise<Page> {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>elsewhere</title>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  resources.defer(async () => void server.close());
  const page = await context.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  return page;
}

for (const isSecure of [false, true]) {
  test(`a browser logs in ${isSecure ? 'by TLS' : 'on loopback'}, and no other page rides on its cookie`, async () => {
    const tls = isSecure ? serverTls(certificates) : undefined;
    const address = { host: '127.0.0.1', port: 0 };
    await using gateway = await startTestGateway(upstream.port, { admin: { address, token: TOKEN, tls } });
    const origin = `${isSecure ? 'https' : 'http'}://localhost:${gateway.adminPort}`;
    // The pages of the port allow no script; what a page of its own could do is asked by one that may.
    const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
    try {
      const page = await context.newPage();
      await page.goto(`${origin}/`);
      const seen = await page.evaluate<Seen>(LOG_IN);
      assert.deepEqual(seen.statuses, [401, 200, 200, 200]);
      assert.match(seen.second, /^\d+ \{"at":"/);
      assert.equal(seen.cookie, '');

      const foreign = await foreignPage(context);
      const answers = new Map<string, number | 'blocked'>();
      const what = (url: string): string => new URL(url).search.slice(1);
      foreign.on('response', (answer) => answers.set(what(answer.url()), answer.status()));
      foreign.on('requestfailed', (request) => {
        const name = what(request.url());
        if (!answers.has(name)) answers.set(name, 'blocked');
      });
      await foreign.evaluate(`(${RIDE})(${JSON.stringify(origin)})`);
      const { read, post, ...others } = Object.fromEntries(answers);
      assert.deepEqual([read, post], [403, 403]);
      // The browser itself shows nothing of these, so it does not say what the port has answered.
      assert.deepEqual(others, { cors: 'blocked', stream: 'blocked', image: 'blocked' });
    } finally {
      await context.close();
    }
  });
}
