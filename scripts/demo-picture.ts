/** Makes docs/images/demo.webp, the moving picture of README: one of two tabs of the demo page, and what is broken in it. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { launchChromium } from '../test/support/chromium.ts';
import { connected, startDev, visit } from '../test/support/demo-visit.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';

const TARGET = fileURLToPath(new URL('../docs/images/demo.webp', import.meta.url));
const SIZE = { width: 1200, height: 780 };
const FRAME_MS = 200;
const LAST_FRAME_MS = 2_000;
const QUALITY = '60';

const frames: string[] = [];

async function record(page: Page, folder: string, count: number): Promise<void> {
  for (let left = count; left > 0; left--) {
    const file = join(folder, `${frames.length}.png`);
    const wait = page.waitForTimeout(FRAME_MS);
    await page.screenshot({ path: file });
    frames.push(file);
    await wait;
  }
}

await using folder = await temporaryFolder();
await using running = await startDev(4280);
await using browser = await launchChromium();
await using first = await visit(browser, running.url, { viewport: SIZE });
await using second = await visit(browser, running.url, { viewport: SIZE });
for (const { page } of [first, second]) await connected(page);
const { page } = second;
await page.locator('#live-said', { hasText: '2 tabs' }).waitFor();
await record(page, folder.path, 10);
for (let sent = 0; sent < 4; sent++) {
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await record(page, folder.path, 2);
}
for (const button of ['Restart the server', 'Send a text frame', 'Come from another site']) {
  await page.getByRole('button', { name: button }).click();
  await record(page, folder.path, 6);
}
await mkdir(join(TARGET, '..'), { recursive: true });
// Of Debian's package webp.
const timed = frames.flatMap((file, index) => [
  '-d',
  String(index === frames.length - 1 ? LAST_FRAME_MS : FRAME_MS),
  file,
]);
await promisify(execFile)('img2webp', [
  '-loop',
  '0',
  '-lossy',
  '-q',
  QUALITY,
  '-m',
  '6',
  ...timed,
  '-o',
  TARGET,
]);
