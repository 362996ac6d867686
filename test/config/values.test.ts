import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choice, count, duration, size, type ValueParser } from '../../src/config/values.ts';

const time = duration('10ms', '1h', '5s');
const timeOrOff = duration('1s', '12h', '12h', 'off');
const delay = duration('0s', '10m', '5s');
const bytes = size('1KiB', '2147483647B', '8MiB');
const whole = count(1, 1000);
const wholeOrOff = count(1, 1000, 'off');
const wholeOrAuto = count(1, 1000, 'auto');
const onOff = choice(['on', 'off']);
const switched = choice(['off', 'on', 'auto']);
const level = choice(['debug', 'info', 'warn', 'error']);

test('values in the unit of the code', () => {
  for (const [reader, text, value] of [
    [time, '10s', 10_000],
    [time, '500ms', 500],
    [time, '1.5s', 1500],
    [time, '1.8s', 1800],
    [time, '5m', 300_000],
    [time, '1h', 3_600_000],
    [time, '1m30s', 90_000],
    [time, '1.5m500ms', 90_500],
    [timeOrOff, '12h', 43_200_000],
    [timeOrOff, 'off', 0],
    [timeOrOff, 'false', 0],
    [timeOrOff, 'no', 0],
    [timeOrOff, '0', 0],
    [timeOrOff, '0s', 0],
    [delay, '0', 0],
    [delay, '0s', 0],
    [bytes, '64KiB', 65_536],
    [bytes, '8MiB', 8_388_608],
    [bytes, '1.5MiB', 1_572_864],
    [bytes, '1GiB', 1_073_741_824],
    [bytes, '2147483647', 2_147_483_647],
    [bytes, '4096B', 4096],
    [whole, '1', 1],
    [whole, '1000', 1000],
    [wholeOrOff, 'off', 0],
    [wholeOrOff, '0', 0],
    [wholeOrAuto, 'auto', undefined],
    [wholeOrOff, 'no', 0],
    [switched, 'no', 'off'],
    [switched, 'TRUE', 'on'],
    [onOff, 'yes', 'on'],
    [level, 'warn', 'warn'],
  ] as const) {
    assert.deepEqual(reader.read(text), { ok: true, value }, text);
  }
});

test('what does not fit has a code, and says what to write', () => {
  const rows: readonly (readonly [ValueParser<unknown>, string, string, string])[] = [
    [time, '5', 'no_unit', '5s or 5ms'],
    [time, '5 s', 'not_a_duration', time.expected],
    [time, '05s', 'not_a_duration', time.expected],
    [time, '-5s', 'not_a_duration', time.expected],
    [time, '5S', 'not_a_duration', time.expected],
    [time, '1d', 'not_a_duration', time.expected],
    [time, '30s1m', 'not_a_duration', time.expected],
    [time, '1m1m', 'not_a_duration', time.expected],
    [time, '0.5ms', 'not_whole', time.expected],
    [time, '1ms', 'too_small', time.expected],
    [time, '2h', 'too_large', time.expected],
    [time, '59m90s', 'too_large', time.expected],
    [time, '99999999999999999999h', 'not_a_duration', time.expected],
    [time, '0', 'too_small', time.expected],
    [time, 'off', 'not_a_duration', time.expected],
    [time, 'constructor', 'not_a_duration', time.expected],
    [time, '1toString', 'not_a_duration', time.expected],
    [timeOrOff, '1ms', 'too_small', timeOrOff.expected],
    [timeOrOff, 'on', 'not_a_duration', timeOrOff.expected],
    [bytes, '8MB', 'unknown_unit', '8MiB'],
    [bytes, '8M', 'unknown_unit', '8MiB'],
    [bytes, '8mib', 'unknown_unit', '8MiB'],
    [bytes, '8m', 'unknown_unit', '8MiB'],
    [bytes, '2GiB', 'too_large', bytes.expected],
    [bytes, '2147483648', 'too_large', bytes.expected],
    [bytes, '1B', 'too_small', bytes.expected],
    [bytes, '0777', 'not_a_size', bytes.expected],
    [bytes, '', 'not_a_size', bytes.expected],
    [whole, '0777', 'not_a_number', whole.expected],
    [whole, '1_000', 'not_a_number', whole.expected],
    [whole, 'no', 'not_a_number', whole.expected],
    [whole, '1e3', 'not_a_number', whole.expected],
    [whole, '0x10', 'not_a_number', whole.expected],
    [whole, '+5', 'not_a_number', whole.expected],
    [whole, '1.0', 'not_a_number', whole.expected],
    [whole, '0', 'too_small', whole.expected],
    [whole, '9007199254740993', 'too_large', whole.expected],
    [whole, 'off', 'not_a_number', whole.expected],
    [wholeOrAuto, 'off', 'not_a_number', wholeOrAuto.expected],
    [level, 'WARN', 'unknown_word', `warn (${level.expected})`],
    [level, 'warning', 'unknown_word', `warn (${level.expected})`],
    [level, 'quiet', 'unknown_word', level.expected],
    [onOff, 'maybe', 'unknown_word', onOff.expected],
  ];
  for (const [parser, text, code, write] of rows) {
    const reading = parser.read(text);
    assert.ok(!reading.ok, text);
    assert.deepEqual([reading.code, reading.write], [code, write], text);
  }
});
