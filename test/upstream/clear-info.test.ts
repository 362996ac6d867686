import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_INFO } from '../../src/nats/info.ts';
import { checkClearInfo } from '../../src/upstream/clear-info.ts';

const NOTHING_CLAIMED = { address: undefined, ours: undefined };

test('TLS must be wanted where the server requires it, and offered where we want it', () => {
  for (const [tlsRequired, tlsAvailable, wantTls, outcome] of [
    [false, false, false, undefined],
    [false, true, false, undefined],
    [true, false, false, 'upstream_tls_required'],
    [true, true, false, 'upstream_tls_required'],
    [false, false, true, 'upstream_tls_unavailable'],
    [false, true, true, undefined],
    [true, false, true, undefined],
  ] as const)
    assert.equal(
      checkClearInfo({ ...NO_INFO, tlsRequired, tlsAvailable }, 0, wantTls, NOTHING_CLAIMED)?.[0],
      outcome,
      `${tlsRequired} ${tlsAvailable} ${wantTls}`,
    );
});

test('bytes after the INFO are the session without TLS, and somebody in between with it', () => {
  const info = { ...NO_INFO, tlsRequired: true };
  assert.equal(checkClearInfo(info, 0, true, NOTHING_CLAIMED), undefined);
  assert.equal(checkClearInfo(info, 1, true, NOTHING_CLAIMED)?.[0], 'upstream_tls_failed');
  assert.equal(checkClearInfo(NO_INFO, 1, false, NOTHING_CLAIMED), undefined);
});

test('a server that names us as the client, and not the one in our PROXY header, did not read it', () => {
  for (const [address, ours, clientIp, outcome] of [
    ['192.0.2.1', '10.0.0.1', '10.0.0.1', 'upstream_proxy_ignored'],
    ['192.0.2.1', '10.0.0.1', '192.0.2.1', undefined],
    ['192.0.2.1', '10.0.0.1', undefined, undefined],
    // A client on the gateway's own machine.
    ['10.0.0.1', '10.0.0.1', '10.0.0.1', undefined],
    // No header was sent.
    [undefined, '10.0.0.1', '10.0.0.1', undefined],
  ] as const)
    assert.equal(
      checkClearInfo({ ...NO_INFO, clientIp }, 0, false, { address, ours })?.[0],
      outcome,
      `${address} ${ours} ${clientIp}`,
    );
});
