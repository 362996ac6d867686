import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInfo } from '../../src/nats/info.ts';
import { isNonce, unsignable } from '../../src/nats/proxy-signature.ts';

const NONCE = 'eyJ0eXAiOiJKV1Q';

const verdict = (info: Readonly<Record<string, unknown>>): string | undefined => {
  const read = readInfo(Buffer.from(`INFO ${JSON.stringify(info)}\r\n`));
  assert.ok(read !== undefined);
  return unsignable(read);
};

test('api_lvl 2 or version 2.12 is enough, either alone', () => {
  for (const info of [
    { version: '2.12.0' },
    { version: '2.12.0-RC.1' },
    { version: '2.15.1' },
    { version: '3.0.0' },
    { api_lvl: 2 },
    { api_lvl: 3, version: 'dev' },
  ])
    assert.equal(verdict({ nonce: NONCE, ...info }), undefined, JSON.stringify(info));
  for (const info of [
    {},
    { version: '2.11.17' },
    { version: '1.99.0' },
    { version: '2.12' },
    { version: 'x2.12.0' },
    { api_lvl: 1 },
    { api_lvl: '2' },
  ])
    assert.match(verdict({ nonce: NONCE, ...info }) ?? '', /^is too old for proxy_sig/, JSON.stringify(info));
});

test('a server without nonce trusts no proxy', () => {
  for (const nonce of [undefined, 7, null])
    assert.match(verdict({ version: '2.15.1', nonce }) ?? '', /no nonce.*proxies\.trusted/);
});

test('nothing is signed that could be a token', () => {
  assert.equal(isNonce(NONCE), true);
  for (const text of ['', 'short', 'header.claims', `${NONCE}\n`, `${NONCE} `, `${NONCE}ß`, 'A'.repeat(65)]) {
    assert.equal(isNonce(text), false, text);
    assert.match(verdict({ version: '2.15.1', nonce: text }) ?? '', /not that of a nats-server/);
  }
});
