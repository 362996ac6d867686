import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Captures } from '../../src/capture/captures.ts';
import type { SessionFacts } from '../../src/session/session-contract.ts';
import { Inspected } from '../inspect/inspected.ts';

const LIMITS = {
  maxBytes: 64 * 1024,
  maxMs: 600_000,
  concurrent: 4,
  totalBytes: 1024 * 1024,
  directory: undefined,
  ringBytes: 0,
  keep: [],
};

test('a capture that waits for a user of a tenant leaves the same user of another tenant alone', () => {
  const captures = new Captures(LIMITS);
  const waiting = captures.start({ user: 'alice', tenant: 'acme' }, true, undefined, undefined);
  assert.ok(typeof waiting === 'object');
  const began = (id: number, tenant: string | undefined): void => {
    const facts = { id, user: 'alice', tenant, clientAddress: '127.0.0.1' } as SessionFacts;
    captures.sessionBegan(facts, Inspected.connected('observe').inspector);
  };
  began(1, 'other');
  began(2, undefined);
  assert.equal(captures.row(waiting.id)?.state, 'waiting');
  began(3, 'acme');
  assert.equal(captures.row(waiting.id)?.session, 3);
  captures.close();
});
