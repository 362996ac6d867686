import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type Dev, dev } from '../../src/dev/dev.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';

const TIMEOUT_MS = 180_000;

/** `natsgate dev` in this process, on ports of its own. */
export function startDev(pagePort = 0): Promise<Dev> {
  return dev({
    root: join(import.meta.dirname, '..', '..'),
    env: process.env,
    say: (line) => console.error(line),
    startGateway: async (config, onLogLine) => {
      const gateway = await startGateway(config, { log: createLog(config.log, { write: onLogLine }) });
      return {
        port: gateway.address.port,
        adminPort: gateway.adminAddress.port,
        drain: () => gateway.drain(),
        close: () => gateway.drain(),
      };
    },
    pagePort,
    gatewayPort: 0,
    adminPort: 0,
  });
}

export type Visit = { readonly page: Page; readonly complaints: readonly string[] } & AsyncDisposable;

/**
 * A visitor's page. Whatever the browser complains of, a policy violation above all, is kept for the test to look at.
 * Where `options` do not say otherwise, the visitor wants little motion: drawing what moves keeps half a processor busy.
 */
export async function visit(browser: Browser, url: string, options?: BrowserContextOptions): Promise<Visit> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A refused handshake is told in the console; the tests that provoke one look at it elsewhere.
    if (message.type() === 'error' && !message.text().includes('WebSocket')) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

export const connected = (page: Page): Promise<void> => page.locator('body[data-state=open]').waitFor();
