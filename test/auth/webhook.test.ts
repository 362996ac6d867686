import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotGranted } from '../../src/auth/details.ts';
import { Webhook } from '../../src/auth/webhook.ts';
import { ALICE, answering, TestWebhook } from '../support/webhook.ts';

test('a page about an error that never ends holds up no question after it', async () => {
  await using service = await TestWebhook.start();
  const webhook = new Webhook(service.config({ inFlight: 1, timeoutMs: 2000 }), true, () => {});
  const ask = async (): Promise<string | undefined> => {
    try {
      const { answer } = await webhook.ask({ text: '{"host":"a"}' }, AbortSignal.timeout(10_000));
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
