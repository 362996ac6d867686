import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endHint } from '../../src/session/end-hint.ts';

const SIGNS = { isLameDuck: false, clientSlowMs: 0, waitingBytes: 65_536 };

test('a slow client that nats-server cuts is named, and no other end is', () => {
  assert.match(
    endHint('upstream_closed', { ...SIGNS, clientSlowMs: 11_800 }) ?? '',
    /^the client was slow: for 12 s bytes waited for it \(65536 at the end\)/,
  );
  assert.match(endHint('upstream_reset', { ...SIGNS, clientSlowMs: 2000 }) ?? '', /for 2 s/);
  assert.equal(endHint('upstream_closed', { ...SIGNS, clientSlowMs: 1900 }), undefined);
  assert.equal(endHint('client_closed', { ...SIGNS, clientSlowMs: 60_000, isLameDuck: true }), undefined);
});
