import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '../../web/demo/code-text.ts';
import { readPlace, writePlace } from '../../web/demo/place.ts';

test('what is written into the address is read from it', () => {
  for (const place of [
    {
      subject: 'demo.hello',
      payload: '{ "a": 1 & 2 }\n#',
      subscriptions: [{ subject: 'demo.>', queue: '' }],
    },
    { subject: 'a.b', payload: '', subscriptions: [] },
    {
      subject: 'grüße.ö',
      payload: 'x',
      subscriptions: [
        { subject: '*', queue: 'workers' },
        { subject: '>', queue: '' },
      ],
    },
  ])
    assert.deepEqual(readPlace(writePlace(place)), place);
  assert.deepEqual(readPlace(''), { subject: undefined, payload: undefined, subscriptions: undefined });
});

test('an address that somebody wrote puts nothing into the page that its forms refuse', () => {
  const hash = `#subject=a..b&sub=a+b+c&sub=.x&sub=good&payload=${'x'.repeat(5_000)}`;
  const { subject, payload, subscriptions } = readPlace(hash);
  assert.equal(subject, undefined);
  assert.equal(payload?.length, 1_000);
  assert.deepEqual(subscriptions, [{ subject: 'good', queue: '' }]);
  const long = writePlace({ subject: 'a', payload: 'x'.repeat(5_000), subscriptions: undefined });
  assert.equal(long, '#subject=a');
});

test('code says what the forms say, whatever is in them', () => {
  const now = { url: 'ws://a:1', pattern: "it's.>", subject: 'a.b', payload: 'say "it\'s"\n\\ done' };
  assert.ok(codeOf('js', now).includes(`nats.publish('a.b', 'say "it\\'s"\\n\\\\ done');`));
  assert.ok(codeOf('cli', now).includes(`pub 'a.b' 'say "it'\\''s"\n\\ done'`));
  assert.ok(codeOf('js', { ...now, payload: 'x'.repeat(1_100_000) }).length < 2_000, 'a long payload is cut');
  assert.ok(codeOf('react', now).includes(`subject = 'it\\'s.>'`));
});
