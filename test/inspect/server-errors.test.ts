import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeCodeOf, type ServerErrorKind, serverErrorKind } from '../../src/inspect/server-errors.ts';
import { Inspected } from './inspected.ts';

const TEXTS: readonly (readonly [string, ServerErrorKind, number | undefined])[] = [
  ['Unknown Protocol Operation', 'parser', 1002],
  ['Authorization Violation', 'authorization', 1008],
  ['Authentication Timeout', 'auth_timeout', 1008],
  ['User Authentication Expired', 'auth_expired', 1008],
  ['Account Authentication Expired', 'auth_expired', 1008],
  ['User Authentication Revoked', 'auth_expired', 1008],
  ['maximum control line exceeded', 'parser', 1002],
  ['Maximum Payload Violation', 'max_payload', 1009],
  ['Stale Connection', 'stale', undefined],
  ['maximum connections exceeded', 'max_connections', 1008],
  ['maximum account active connections exceeded', 'max_connections', 1008],
  ['Failed Account Registration', 'authorization', 1008],
  ['invalid client protocol', 'parser', 1002],
  ['maximum subscriptions exceeded', 'max_subscriptions', undefined],
  ['Slow Consumer', 'slow_consumer', 1008],
  ['Invalid Subject', 'other', undefined],
  ['Invalid Publish Subject', 'other', undefined],
  ['Secure Connection - TLS Required', 'other', undefined],
  ['no responders requires headers support', 'other', undefined],
  ['Permissions Violation for Publish to "a.b"', 'permissions', undefined],
  // A subject may be called anything.
  ['Permissions Violation for Subscription to "authorization violation"', 'permissions', undefined],
];

for (const [text, kind, code] of TEXTS) {
  test(`${text}: ${kind}, ${code ?? 'no close code'}`, () => {
    assert.equal(serverErrorKind(text), kind);
    assert.equal(serverErrorKind(text.toUpperCase()), kind);
    assert.equal(closeCodeOf(kind), code);
    for (const cuts of [[], [1], [4], [9], [1, 2, 3, 4, 5, 6]]) {
      for (const level of ['observe', 'enforce'] as const) {
        const line = `-ERR '${text}'\r\n`;
        const inspected = Inspected.connected(level).toClient(Buffer.from(line), cuts);
        assert.equal(inspected.down, line);
        assert.deepEqual(inspected.serverErrors, [kind]);
        assert.equal(inspected.inspector.lastError, text);
        assert.equal(inspected.inspector.closeCode, code);
      }
    }
  });
}

test('a long text is kept in part', () => {
  const inspected = Inspected.connected('observe').toClient(Buffer.from(`-ERR '${'x'.repeat(5000)}'\r\n`));
  assert.equal(inspected.inspector.lastError?.length, 256);
});
