import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Causes } from '../../src/live/causes.ts';
import { VERB } from '../../src/nats/operations.ts';

const publish = (subject: string): string => `'Permissions Violation for Publish to "${subject}"'`;
const subscribe = (subject: string): string => `'Permissions Violation for Subscription to "${subject}"'`;

function said(): Causes {
  const causes = new Causes();
  causes.said(1, VERB.CONNECT, '');
  causes.said(2, VERB.PUB, 'a');
  causes.said(3, VERB.SUB, 'a');
  causes.said(4, VERB.HPUB, 'a');
  causes.said(5, VERB.UNSUB, '');
  return causes;
}

test('an -ERR that names its subject names its operation, of equal ones each once, and not surely', () => {
  const causes = said();
  assert.deepEqual(causes.of(publish('a')), { cause: 2, guess: true });
  assert.deepEqual(causes.of(publish('a')), { cause: 4 });
  assert.equal(causes.of(publish('a')), undefined);
  assert.equal(causes.of(publish('b')), undefined);
  assert.deepEqual(causes.of(subscribe('a')), { cause: 3 });
  causes.said(6, VERB.SUB, 'q');
  assert.deepEqual(causes.of(`'Permissions Violation for Subscription to "q" using queue "w"'`), {
    cause: 6,
  });
});

test('a refused login was the CONNECT', () => {
  assert.deepEqual(said().of("'Authorization Violation'"), { cause: 1 });
});

test('any other text leaves a guess, and says so', () => {
  assert.deepEqual(said().of("'Unknown Protocol Operation'"), { cause: 5, guess: true });
  assert.deepEqual(said().of("'Invalid Subject'"), { cause: 3, guess: true });
  assert.equal(new Causes().of("'Unknown Protocol Operation'"), undefined);
});

test('what no operation has caused has no cause', () => {
  for (const text of ["'Stale Connection'", "'Slow Consumer Detected'", "'User Authentication Expired'"])
    assert.equal(said().of(text), undefined, text);
});

test('lines of natsgate are about what it has refused, in order', () => {
  const causes = said();
  causes.refused(7);
  causes.refused(9);
  assert.deepEqual([causes.ofOwn(), causes.ofOwn(), causes.ofOwn()], [{ cause: 7 }, { cause: 9 }, undefined]);
});

test('what it remembers is bounded', () => {
  const causes = new Causes();
  for (let id = 1; id <= 10_000; id++) causes.said(id, VERB.PUB, `s.${id}`);
  assert.equal(causes.of(publish('s.1')), undefined);
  assert.deepEqual(causes.of(publish('s.10000')), { cause: 10_000, guess: true });
});

test('a publish that went through is not blamed for a later one', () => {
  const causes = new Causes();
  causes.said(1, VERB.PUB, 'a');
  causes.passedOver(2);
  causes.answered(3);
  causes.said(4, VERB.PUB, 'a');
  assert.deepEqual(causes.of(publish('a')), { cause: 4 });
  causes.said(5, VERB.PUB, 'a');
  causes.passedOver(6);
  causes.answered(5);
  causes.said(7, VERB.PUB, 'a');
  assert.deepEqual(causes.of(publish('a')), { cause: 7, guess: true });
});
