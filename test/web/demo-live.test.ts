import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drifting, placeText, readCursor } from '../../web/demo/cursor-place.ts';
import { WireReader } from '../../web/demo/wire-reader.ts';

test('a cursor is read as it was written, and a stranger’s message is none', () => {
  for (const seconds of [0, 1.5, 1e6]) {
    const text = placeText(drifting(7, seconds));
    assert.match(text, /^0\.\d{3} 0\.\d{3}$/);
    assert.equal(placeText(readCursor('cursors.7', text)?.place ?? { x: -1, y: -1 }), text);
  }
  assert.deepEqual(readCursor('cursors.7', '1.000 0.000'), { id: 7, place: { x: 1, y: 0 } });
  for (const [subject, payload] of [
    ['cursors.x', '0.500 0.500'],
    ['cursors.7.8', '0.500 0.500'],
    ['cursors.7', '9.000 0.500'],
    ['cursors.7', 'NaN 0.500'],
    ['cursors.7', '0.500 0.500 '],
    ['cursors.7', ''],
  ] as const)
    assert.equal(readCursor(subject, payload), undefined, `${subject} ${payload}`);
});

const STREAM = 'INFO {"a":1}\r\nMSG demo.a 1 5\r\nhello\r\nMSG demo.b 1 0\r\n\r\nPING\r\n';
const bytes = (text: string) => new TextEncoder().encode(text);

test('frames have lines and payloads of their own, one operation or several', () => {
  assert.deepEqual(new WireReader().frame(bytes(STREAM)), [
    { line: 'INFO {"a":1}', payload: '', subject: undefined },
    { line: 'MSG demo.a 1 5', payload: 'hello', subject: 'demo.a' },
    { line: 'MSG demo.b 1 0', payload: 'empty', subject: 'demo.b' },
    { line: 'PING', payload: '', subject: undefined },
  ]);
});

test('the border of a frame may be anywhere', () => {
  for (let at = 1; at < STREAM.length; at++) {
    const reader = new WireReader();
    const pieces = [...reader.frame(bytes(STREAM.slice(0, at))), ...reader.frame(bytes(STREAM.slice(at)))];
    const whole = pieces.filter(({ line }) => !line.endsWith('…')).map(({ line }) => line);
    assert.deepEqual(whole, ['INFO {"a":1}', 'MSG demo.a 1 5', 'MSG demo.b 1 0', 'PING'], `border at ${at}`);
  }
  const reader = new WireReader();
  reader.frame(bytes('PUB demo.a 10\r\nhello'));
  assert.deepEqual(reader.frame(bytes('world\r\nPING\r\n')), [
    { line: '…', payload: '7 B more of the payload', subject: 'demo.a' },
    { line: 'PING', payload: '', subject: undefined },
  ]);
});

test('payloads are cut, and what is no text is hex', () => {
  const shown = (payload: Uint8Array) => {
    const head = bytes(`HMSG a 1 2 ${payload.length}\r\n`);
    return new WireReader().frame(Uint8Array.from([...head, ...payload, 13, 10]))[0]?.payload;
  };
  assert.equal(shown(Uint8Array.of(0, 255, 16)), 'hex 00 ff 10');
  assert.equal(shown(bytes('ü'.repeat(300))), `${'ü'.repeat(40)} …`);
  assert.equal(shown(bytes(`a${'ü'.repeat(300)}`)), `a${'ü'.repeat(39)} …`);
  assert.match(shown(new Uint8Array(1000)) ?? '', /^hex (00 ){24}…$/);
});

test('a line without end is held to a limit', () => {
  const reader = new WireReader();
  for (let frames = 0; frames < 100; frames++) {
    const [piece] = reader.frame(new Uint8Array(10_000).fill(65));
    assert.ok((piece?.line.length ?? 0) < 400);
  }
});
