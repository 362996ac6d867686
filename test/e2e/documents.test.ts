import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';

/** What the documents say of a browser, in a browser. */
const ROOT = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(ROOT, 'docs', file), 'utf8');
const TIMEOUT_MS = 180_000;

const resources = new AsyncDisposableStack();
let browser: Browser;
let certificates: TestCertificates;
before(async () => {
  certificates = resources.use(await makeCertificates());
  browser = await launchChromium();
  resources.defer(() => browser.close());
});
after(() => resources.disposeAsync());

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  resources.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('docs/quick-start.md: what one window writes is shown in the other', async () => {
  const block = (language: string): string =>
    new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(read('quick-start.md'))?.[1] ?? '';
  await using nats = await realNatsServer();
  const origins = { allow: ['localhost'], missing: 'deny' } as const;
  await using gateway = await startTestGateway(nats.port, { origins });
  const app = block('js').replace('ws://127.0.0.1:8080', `ws://127.0.0.1:${gateway.port}`);
  const bundle = { bundle: true, format: 'esm', write: false } as const;
  const { outputFiles } = await build({ ...bundle, stdin: { contents: app, resolveDir: ROOT } });
  const files: Readonly<Record<string, readonly [string, string]>> = {
    '/': ['text/html', block('html')],
    '/app.js': ['text/javascript', outputFiles[0]?.text ?? ''],
  };
  const port = await listening(
    createServer(({ url = '' }, response) => {
      const [type = 'text/plain', text = ''] = files[url] ?? [];
      response.setHeader('content-type', type).end(text);
    }),
  );
  const [one, other] = await Promise.all(
    ['localhost', '127.0.0.1'].map(async (host) => {
      const page = await browser.newPage();
      page.setDefaultTimeout(TIMEOUT_MS);
      await page.goto(`http://${host}:${port}/`);
      return page;
    }),
  );
  assert.ok(one !== undefined && other !== undefined);
  // A message that nobody has subscribed to yet is lost, so it is written until it is seen.
  const seen = other.locator('li').first().waitFor();
  const written = Promise.race([seen, once(AbortSignal.timeout(TIMEOUT_MS), 'abort')]);
  for (let isSeen = false; !isSeen; ) {
    await one.fill('input', 'hello');
    await one.press('input', 'Enter');
    isSeen = await Promise.race([written.then(() => true), one.waitForTimeout(50).then(() => false)]);
  }
  assert.equal(await other.locator('li').first().textContent(), 'hello');
});

test('docs/troubleshooting.md: the console shows what the page says', async () => {
  const [, table = ''] = /^## The console shows an error\n(.*?)^## /ms.exec(read('troubleshooting.md')) ?? [];
  const said = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text);

  await using nats = await realNatsServer();
  const answer: RequestListener = ({ url }, response) => {
    if (url === '/policy') response.setHeader('content-security-policy', "connect-src 'self'");
    response.setHeader('content-type', 'text/html').end('<!doctype html>');
  };
  const web = createServer(answer);
  // A path such as /401 is the status with which an upgrade is refused, with the header that natsgate sends with it.
  web.on('upgrade', ({ url = '' }, socket) =>
    socket.end(`HTTP/1.1 ${url.slice(1)} No\r\nWWW-Authenticate: Bearer\r\n\r\n`),
  );
  const port = await listening(web);
  const cert = readFileSync(certificates.serverCertFile);
  const key = readFileSync(certificates.serverKeyFile);
  const tlsPort = await listening(createTlsServer({ cert, key }, answer));
  const origins = { allow: [`http://localhost:${port}`], missing: 'deny' } as const;
  await using clear = await startTestGateway(nats.port, { origins });
  await using encrypted = await startTestGateway(nats.port, {
    origins,
    listen: { tls: serverTls(certificates) },
  });

  const PAGE = `http://localhost:${port}/`;
  /** By a part of the text: what the page dials, and from where. */
  const dials: Readonly<Record<string, readonly [url: string, page?: string, protocol?: string]>> = {
    ERR_CONNECTION_REFUSED: [`ws://127.0.0.1:${await freePort()}`],
    ERR_NAME_NOT_RESOLVED: ['ws://gateway.invalid'],
    ERR_CERT_AUTHORITY_INVALID: [`wss://127.0.0.1:${encrypted.port}`],
    // A page without an address of its own counts as public.
    ERR_BLOCKED_BY_LOCAL_NETWORK: [`ws://127.0.0.1:${clear.port}`, 'about:blank'],
    ERR_SSL_PROTOCOL_ERROR: [`wss://127.0.0.1:${clear.port}`],
    'Connection closed before': [`ws://127.0.0.1:${encrypted.port}`],
    'HTTP Authentication failed': [`ws://127.0.0.1:${port}/401`],
    ERR_INVALID_HTTP_RESPONSE: [`ws://127.0.0.1:${nats.port}`],
    'Sent non-empty': [`ws://127.0.0.1:${clear.port}`, PAGE, 'nats'],
    'Mixed Content': ['ws://gateway.example.com', `https://localhost:${tlsPort}/`],
    'Content Security Policy': [`ws://127.0.0.1:${clear.port}`, `${PAGE}policy`],
  };
  const pages = new Map<string, Page>();
  const pageAt = async (url: string): Promise<Page> => {
    const known = pages.get(url);
    if (known !== undefined) return known;
    // Elsewhere a certificate must be refused.
    const page = await browser.newPage({ ignoreHTTPSErrors: url.startsWith('https:') });
    await page.goto(url);
    pages.set(url, page);
    return page;
  };
  for (const text of said) {
    const [, status] = /response code: (\d+)$/.exec(text) ?? [];
    const dial =
      status === undefined
        ? Object.entries(dials).find(([part]) => text.includes(part))?.[1]
        : ([`ws://127.0.0.1:${port}/${status}`] as const);
    assert.ok(dial !== undefined, text);
    const [url, from = PAGE, protocol] = dial;
    const page = await pageAt(from);
    const shown = page.waitForEvent('console', {
      predicate: (message) => message.type() === 'error',
      timeout: TIMEOUT_MS,
    });
    const args = [url, ...(protocol === undefined ? [] : [protocol])].map((one) => JSON.stringify(one));
    await page.evaluate(`try { void new WebSocket(${args}); } catch {}`);
    const parts = text.split('…').map((part) => RegExp.escape(part));
    assert.match((await shown).text(), new RegExp(parts.join('.*')));
  }
  assert.ok(said.length >= Object.keys(dials).length + 8);
});
