import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShownSubjects } from '../../src/nats/shown-subjects.ts';

const hashed = new ShownSubjects(true);

/** A hash is `#`. */
const shape = (text: string): string => text.replaceAll(/(?<=\.)[0-9a-f]{6}(?=\.|"|$)/g, '#');

test('tokens after the second are hashes; wildcards and the words of JetStream stay', () => {
  for (const [subject, expected] of [
    ['orders', 'orders'],
    ['orders.jane', 'orders.jane'],
    ['orders.eu.jane', 'orders.eu.#'],
    ['orders.eu.jane.*.>', 'orders.eu.#.*.>'],
    ['a..b', 'a..#'],
    ['a.b.', 'a.b.'],
    ['$KV.users.jane', '$KV.users.#'],
    ['$JS.API.STREAM.INFO.JANE', '$JS.API.STREAM.INFO.#'],
    ['$JS.hub.API.CONSUMER.MSG.NEXT.JANE.c', '$JS.hub.API.CONSUMER.MSG.NEXT.#.#'],
    ['x.y.STREAM', 'x.y.#'],
    ['_INBOX.abcdefghijklmn.0123456789', '_INBOX.ghijklmn.#'],
    ['_INBOX.abcdefghijklmn', '_INBOX.ghijklmn'],
    ['_INBOX.acme.jane.*', '_INBOX.acme.#.*'],
  ] as const)
    assert.equal(shape(hashed.subject(subject)), expected, subject);
  assert.equal(new ShownSubjects(false).subject('orders.eu.jane'), 'orders.eu.jane');
});

test('equal tokens are equal, and another process has other hashes', () => {
  const [one, same] = [hashed.subject('a.b.jane.x'), hashed.subject('c.d.e.jane')];
  assert.equal(one.split('.')[2], same.split('.')[3]);
  assert.notEqual(one, hashed.subject('a.b.june.x'));
  assert.notEqual(one, new ShownSubjects(true).subject('a.b.jane.x'));
});

test('subjects in a sentence, as the server quotes them, cut or with quotes inside', () => {
  const said = (subject: string): string => `'Permissions Violation for Publish to "${subject}"'`;
  assert.equal(shape(hashed.sentence(said('a.b.jane'))), said('a.b.#'));
  assert.doesNotMatch(hashed.sentence(said('a.b.ja\\"ne.d')), /ja|ne\./);
  assert.doesNotMatch(hashed.sentence('Permissions Violation for Publish to "a.b.jane'), /jane/);
  for (const cut of ['\\', 'x\\', '\\\\', '\\\u2028'])
    assert.doesNotMatch(hashed.sentence(`for Publish to "a.b.jane.${cut}`), /jane/);
  assert.equal(shape(hashed.sentence(said('_INBOX.abcdefghijklmn.0123456789'))), said('_INBOX.ghijklmn.#'));
  assert.equal(
    shape(hashed.sentence('for Subscription to "a.b.c" using queue "q"')),
    'for Subscription to "a.b.#" using queue "q"',
  );
});

test('new tokens are hashed at a bounded rate, and a subject of a thousand tokens costs no more than one of 17', () => {
  const clock = { nowMs: 0 };
  const subjects = new ShownSubjects(true, () => clock.nowMs);
  const shownOf = (from: number): number => {
    let count = 0;
    for (let token = from; token < from + 3000; token++)
      if (!subjects.subject(`a.b.${token}`).endsWith('******')) count++;
    return count;
  };
  assert.equal(shownOf(0), 2000);
  assert.equal(shownOf(0), 2000, 'those that are known stay');
  clock.nowMs = 100;
  assert.equal(shownOf(3000), 2000);
  assert.equal(
    hashed.subject(Array.from({ length: 1000 }, (_, index) => index).join('.')).split('.').length,
    17,
  );
});
