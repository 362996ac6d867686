import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choice, count, duration, type Reader, size } from '../../src/config/units.ts';

const time = duration('10ms', '1h', '5s');
const timeOrOff = duration('1s', '12h', '12h', 'off');
const delay = duration('0s', '10m', '5s');
const bytes = size('1KiB', '2147483647B', '8MiB');
const whole = count(1, 1000);
const wholeOrOff = count(1, 1000, 'off');
const wholeOrAuto = count(1, 1000, 'auto');
const level = choice(['debug', 'info', 'warn', 'error']);

test('values in the unit of the code', () => {
  for (const [reader, text, value] of [
    [time, '10s', 10_000],
    [time, '500ms', 500],
    [time, '1.5s', 1500],
    [time, '1.8s', 1800],
    [time, '5m', 300_000],
    // As Go writes it.
    [time, '1m30s', 90_000],
    [time, '1h0m0s', 3_600_000],
    [time, '1.5s5ms', 1505],
    [timeOrOff, 'false', 0],
    [timeOrOff, 'No', 0],
    [wholeOrOff, 'false', 0],
    [time, '1h', 3_600_000],
    [timeOrOff, '12h', 43_200_000],
    [timeOrOff, 'off', 0],
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
    [level, 'warn', 'warn'],
  ] as const) {
    assert.deepEqual(reader.read(text), { ok: true, value }, text);
  }
});

test('what is wrong, and what to write', () => {
  const rows: readonly (readonly [Reader<unknown>, string, RegExp, RegExp])[] = [
    [time, '5', /"5" has no unit/, /^5s or 5ms$/],
    [time, '5 s', /"5 s" is not a duration/, /such as 5s/],
    [time, '05s', /not a duration/, /such as/],
    [time, '-5s', /not a duration/, /such as/],
    [time, '5S', /not a duration/, /such as/],
    [time, '1d', /not a duration/, /such as/],
    [time, '1m30', /not a duration/, /such as/],
    [time, '1m 30s', /not a duration/, /such as/],
    [time, '1m030s', /not a duration/, /such as/],
    [time, '59m61s', /too large/, /from 10ms to 1h/],
    [timeOrOff, 'true', /not a duration/, /such as/],
    [wholeOrOff, 'true', /not a whole number/, /off or/],
    [level, 'off', /not known/, /one of/],
    [level, 'false', /not known/, /one of/],
    [time, '0.5ms', /not a whole number of milliseconds/, /such as/],
    [time, '1ms', /too small/, /from 10ms to 1h/],
    [time, '2h', /too large/, /from 10ms to 1h/],
    [time, '99999999999999999999h', /not a duration/, /such as/],
    [time, '0', /has no unit/, /0s or 0ms/],
    [time, 'off', /not a duration/, /such as/],
    [time, 'constructor', /not a duration/, /such as/],
    [time, '1toString', /not a duration/, /such as/],
    [timeOrOff, '1ms', /too small/, /off or a duration/],
    [bytes, '8MB', /"8MB" has a unit/, /^8MiB$/],
    [bytes, '8M', /has a unit/, /^8MiB$/],
    [bytes, '8mib', /has a unit/, /^8MiB$/],
    [bytes, '8m', /has a unit/, /^8MiB$/],
    [bytes, '2GiB', /too large/, /2147483647B/],
    [bytes, '2147483648', /too large/, /2147483647B/],
    [bytes, '1B', /too small/, /1KiB/],
    [bytes, '0777', /not a size/, /such as/],
    [bytes, '', /not a size/, /such as/],
    [whole, '0777', /plain digits/, /from 1 to 1000/],
    [whole, '1_000', /plain digits/, /from 1 to 1000/],
    [whole, 'no', /plain digits/, /from 1 to 1000/],
    [whole, '1e3', /plain digits/, /from 1 to 1000/],
    [whole, '0x10', /plain digits/, /from 1 to 1000/],
    [whole, '+5', /plain digits/, /from 1 to 1000/],
    [whole, '1.0', /plain digits/, /from 1 to 1000/],
    [whole, '0', /too small/, /from 1 to 1000/],
    [whole, '9007199254740993', /too large/, /from 1 to 1000/],
    [whole, 'off', /plain digits/, /^a whole number/],
    [wholeOrAuto, 'off', /plain digits/, /^auto or a whole number/],
    [level, 'WARN', /"WARN" is not known/, /^warn \(one of/],
    [level, 'warning', /not known/, /^warn/],
    [level, 'quiet', /not known/, /^one of debug, info/],
  ];
  for (const [reader, text, what, write] of rows) {
    const reading = reader.read(text);
    assert.ok(!reading.ok, text);
    assert.match(reading.what, what, text);
    assert.match(reading.write, write, text);
  }
});
