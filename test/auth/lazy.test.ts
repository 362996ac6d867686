import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';

/** Packages that were asked for by name. */
const asked = new Set<string>();
registerHooks({
  resolve(specifier, context, next) {
    if (!/^[./]|^(file|node):/.test(specifier)) asked.add(specifier);
    return next(specifier, context);
  },
});
const { startTestGateway } = await import('../support/gateway.ts');
const { FakeUpstream } = await import('../support/fake-upstream.ts');
const { RawClient } = await import('../support/raw-client.ts');
const { Issuer, signingKey } = await import('../support/issuer.ts');
const { keysAt, testAuth, testIssuer } = await import('../support/auth-config.ts');

test('undici is loaded by a gateway that fetches keys, and by no other', async () => {
  await using upstream = await FakeUpstream.start();
  await using plain = await startTestGateway(upstream.port);
  await using _ = await RawClient.open(plain.port);
  assert.ok(asked.has('ws'), 'the hook sees packages');
  assert.ok(!asked.has('undici'));

  await using issuer = await Issuer.start(signingKey('one'));
  const auth = testAuth(testIssuer(keysAt(issuer.url)));
  await using gateway = await startTestGateway(upstream.port, { auth });
  const headers = { Authorization: `Bearer ${issuer.token()}` };
  await using __ = await RawClient.open(gateway.port, { headers });
  assert.ok(asked.has('undici'));
});
