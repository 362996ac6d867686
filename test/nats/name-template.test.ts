import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillNameTemplate, readNameTemplate } from '../../src/nats/name-template.ts';

const filled = (text: string, values: Parameters<typeof fillNameTemplate>[1]): string =>
  fillNameTemplate(readNameTemplate(text) ?? assert.fail(text), values);

test('values are put in place of their words, and what is not known leaves nothing', () => {
  const values = { name: 'page', origin: 'https://a.example', address: '192.0.2.1' };
  assert.equal(filled('{name} [{origin}]', values), 'page [https://a.example]');
  assert.equal(filled('{session}{name}', values), 'page');
  assert.equal(filled('web', values), 'web');
  assert.equal(filled('{name}', { name: '{origin}', origin: 'x' }), '{origin}');
});

test('a word that is not known, and a brace alone, are refused', () => {
  for (const text of ['{user', 'user}', '{}', '{nme}', '{{name}}', '{name} }'])
    assert.equal(readNameTemplate(text), undefined, text);
});

test('what a client calls itself cannot break lines of a log of the server', () => {
  assert.equal(filled('{name}', { name: '\u001b[31ma\r\nb\0c\u202ed\ud800 ' }), '[31mabcd');
  assert.equal(filled('{name}', { name: 'a\u2028b\u2029c\u0085d' }), 'abcd');
});

test('a name has at most 128 bytes, and no half of a character', () => {
  assert.equal(filled('{name}', { name: 'x'.repeat(4000) }), 'x'.repeat(128));
  assert.equal(filled('a{name}', { name: '😀'.repeat(40) }), `a${'😀'.repeat(31)}`);
  assert.equal(filled('{name}', { name: 'é'.repeat(100) }), 'é'.repeat(64));
});

test('what a client writes pushes out nothing that the gateway knows (T99)', () => {
  const name = `shop [bob]${' '.repeat(200)}`;
  const text = filled('{name} [{user}]', { name, user: 'alice' });
  assert.ok(text.startsWith('shop [bob]') && text.endsWith(' [alice]'), text);
  assert.equal(text.length, 128);
  const origin = `https://${'a'.repeat(300)}.example`;
  assert.match(
    filled('{name}{origin} [{user}]', { name, origin, user: 'alice' }),
    /^https:\/\/a+ \[alice\]$/,
  );
  assert.match(filled('{name}{name}@{user}', { name: 'é'.repeat(90), user: 'alice' }), /^é{60}@alice$/);
  assert.equal(filled('{name}-{user}', { name, user: 'ü'.repeat(128) }), `-${'ü'.repeat(63)}`);
});

test('the longest name that limits.controlLineBytes lets in is cut at once', (t) => {
  const measure = t.mock.method(Buffer, 'byteLength');
  assert.equal(filled('{name}', { name: 'x'.repeat(1024 * 1024) }), 'x'.repeat(128));
  assert.equal(filled('{name}', { name: '€'.repeat(300_000) }), '€'.repeat(42));
  assert.ok(measure.mock.callCount() < 1000, String(measure.mock.callCount()));
});

test('who the client is comes from its token, and from nowhere else', () => {
  assert.equal(filled('{user}@{tenant}', { user: 'alice', tenant: 'acme' }), 'alice@acme');
  assert.equal(filled('[{user}]', { name: 'alice' }), '[]');
});
