import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { dev } from '../../src/dev/dev.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { launchChromium } from '../support/chromium.ts';

const TIMEOUT_MS = 180_000;
const TEXT = 'a text that is worth it, '.repeat(400);

test('nats-core in Chromium with permessage-deflate: what it publishes comes back, and is small on the wire', async () => {
  let gateway: Gateway | undefined;
  const running = await dev({
    root: join(import.meta.dirname, '..', '..'),
    env: process.env,
    say: (line) => console.error(line),
    startGateway: async (config, onLogLine) => {
      const compressing = { ...config, compression: { ...config.compression, enabled: true } };
      const started = await startGateway(compressing, { log: createLog(config.log, { write: onLogLine }) });
      gateway = started;
      return {
        port: started.address.port,
        adminPort: started.adminAddress.port,
        drain: () => started.drain(),
        close: () => started.drain(),
      };
    },
    pagePort: 0,
    gatewayPort: 0,
    adminPort: 0,
  });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    await page.goto(running.url);
    await page.locator('body[data-state=open]').waitFor();
    const metrics = async (series: string): Promise<number> => {
      const { body } = (await gateway?.metrics(false)) ?? { body: '' };
      return Number(
        body
          .split('\n')
          .find((line) => line.startsWith(series))
          ?.split(' ')
          .at(-1),
      );
    };
    assert.equal(await metrics('natsgate_compressed_sessions_active{'), 1);
    const count = async (name: string, direction: string): Promise<number> =>
      metrics(`natsgate_${name}_bytes_total{listener="default",direction="${direction}"}`);
    const before = {
      up: await count('transfer', 'to_upstream'),
      upWire: await count('wire', 'to_upstream'),
      down: await count('transfer', 'to_client'),
      downWire: await count('wire', 'to_client'),
    };
    await page.locator('#publish-payload').fill(JSON.stringify({ text: TEXT }));
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    const message = page.locator('#message-list li').first();
    await message.locator('summary').click();
    assert.equal(JSON.parse((await message.locator('pre').textContent()) ?? '').text, TEXT);
    assert.ok((await count('transfer', 'to_upstream')) - before.up > TEXT.length);
    assert.ok((await count('transfer', 'to_client')) - before.down > TEXT.length);
    assert.ok((await count('wire', 'to_upstream')) - before.upWire < TEXT.length / 5, 'to the gateway');
    assert.ok((await count('wire', 'to_client')) - before.downWire < TEXT.length / 5, 'to the browser');
  } finally {
    await browser.close();
    await running.close();
  }
});
