import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayAddress, isSameGateway } from '../../web/demo/address.ts';
import { roundTripText } from '../../web/demo/round-trip.ts';
import { subjectEnds, subjectMatches, subjectProblem } from '../../web/demo/subject.ts';
import { visible } from '../../web/shared/visible.ts';

test('a subject that nats-server does not take is refused in the form, every other one is not', () => {
  for (const bad of ['', 'foo..bar', '.foo', 'foo.', 'foo bar', 'foo\tbar', 'x'.repeat(5_005)])
    for (const use of ['publish', 'subscribe'] as const) assert.ok(subjectProblem(bad, use), `${use} ${bad}`);
  for (const bad of ['foo.>.bar', '>.foo']) assert.ok(subjectProblem(bad, 'subscribe'), bad);
  for (const bad of ['foo.*', '>', '*.foo']) assert.ok(subjectProblem(bad, 'publish'), bad);
  for (const good of ['foo.*', '>', '*.foo', 'foo.*.>', '>x', 'a*b'])
    assert.equal(subjectProblem(good, 'subscribe'), undefined, good);
  for (const good of ['foo', 'foo.bar', '>x', 'a*b', '$KV.a', 'grüße.ö'])
    assert.equal(subjectProblem(good, 'publish'), undefined, good);
});

test('which subscription gets what', () => {
  const rows: readonly (readonly [pattern: string, subject: string, expected: boolean])[] = [
    ['demo.>', 'demo.hello', true],
    ['demo.>', 'demo', false],
    ['>', 'a.b', true],
    ['a.*.c', 'a.b.c', true],
    ['a.*', 'a.b.c', false],
    ['a.b', 'a.b', true],
    ['a.b.c', 'a.b', false],
  ];
  for (const [pattern, subject, expected] of rows)
    assert.equal(subjectMatches(pattern, subject), expected, `${pattern} ${subject}`);
});

test('a subject keeps its telling end', () => {
  assert.deepEqual(subjectEnds('demo.flood.sensor3'), ['demo.flood.', 'sensor3']);
  assert.deepEqual(subjectEnds('demo'), ['', 'demo']);
  assert.deepEqual(subjectEnds('demo.'), ['', 'demo.']);
  assert.deepEqual(subjectEnds(`a.${'b'.repeat(30)}`), [`a.${'b'.repeat(10)}`, 'b'.repeat(20)]);
  for (const subject of ['a', 'a.b', `x.${'y'.repeat(100)}`])
    assert.equal(subjectEnds(subject).join(''), subject);
});

test('an address without a scheme is one, and so is what was copied from an address bar', () => {
  const rows: readonly (readonly [typed: string, address: string | undefined, page?: string])[] = [
    ['localhost:8080', 'ws://localhost:8080'],
    [' 127.0.0.1:8080 ', 'ws://127.0.0.1:8080'],
    ['[::1]:8080/nats', 'ws://[::1]:8080/nats'],
    ['gateway.example.com', 'wss://gateway.example.com', 'https:'],
    ['ws://a:1', 'ws://a:1', 'https:'],
    ['WSS://a', 'wss://a'],
    ['http://a:1/b', 'ws://a:1/b'],
    ['https://a', 'wss://a'],
    ['nats://a:4222', undefined],
    ['a b', undefined],
    ['', undefined],
    ['ws://', undefined],
    ['ws://user:secret@a', undefined],
    ['a:port', undefined],
  ];
  for (const [typed, address, page = 'http:'] of rows)
    assert.equal(gatewayAddress(typed, page), address, typed);
  assert.ok(isSameGateway('ws://a:1', 'ws://a:1/path'));
  assert.ok(!isSameGateway('ws://a:1', 'ws://a:2'));
});

test('a round trip of less than a millisecond is not told as one', () => {
  assert.deepEqual([0, 0.4, 3.21, 14.4].map(roundTripText), ['< 1 ms', '0.4 ms', '3.2 ms', '14 ms']);
});

test('what turns the reading direction, or shows nothing, is written out', () => {
  assert.equal(visible('abc\u202edef'), 'abc\\u{202e}def');
  assert.equal(visible('\u2066a\u2069\u200b\u0007'), '\\u{2066}a\\u{2069}\\u{200b}\\u{7}');
  // Lines and tabs of a payload, right-to-left letters, and what joins an emoji stay.
  for (const text of ['a\n\tb', 'שלום', '👩‍🚀', 'می‌خواهم']) assert.equal(visible(text), text);
});
