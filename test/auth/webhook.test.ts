import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotGranted } from '../../src/auth/details.ts';
import { Webhook } from '../../src/auth/webhook.ts';
import { ALICE, answering, TestWebhook } from '../support/webhook.ts';

test('a page about an error that never ends holds up no question after it', async () => {
  await using service = await TestWebhook.start();
  const webhook = new Webhook(service.config({ inFlight: 1, timeoutMs: 3000 }), true, () => {});
  const ask = async (): Promise<string | undefined> => {
    try {
      const { answer } = await webhook.ask({ text: '{"host":"a"}' }, AbortSignal.timeout(30_000));
      return answer?.identity?.user;
    } catch (error) {
      return error instanceof NotGranted ? error.detail : String(error);
    }
  };
  service.answer = (response) => {
    response.writeHead(500);
    const drip = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(drip));
  };
  assert.equal(await ask(), 'webhook_error');
  service.answer = answering(200, ALICE);
  // The first of them may wait for the connection in vain.
  await ask();
  assert.equal(await ask(), 'alice');
  webhook.close();
});

test('a long answer is not remembered: 10,000 of them would be 160 MB', async () => {
  await using service = await TestWebhook.start();
  const webhook = new Webhook(service.config({ cacheMs: 60_000 }), true, () => {});
  const isCached = async (): Promise<boolean> =>
    (await webhook.ask({ text: '{"host":"a"}' }, AbortSignal.timeout(30_000))).isCached;
  const groups = Array.from({ length: 20 }, (_, index) => `${index}${'x'.repeat(200)}`);
  service.answer = answering(200, { identity: { user: 'alice', groups } });
  assert.deepEqual([await isCached(), await isCached()], [false, false]);
  service.answer = answering(200, ALICE);
  assert.deepEqual([await isCached(), await isCached()], [false, true]);
  webhook.close();
});
