/** Single values: text from a file, flag or variable becomes a duration, a size, a count or a word. */
import { nearest } from './suggest.ts';
import { quote } from './text.ts';

/** `code` is stable; `what` is wrong, and `write` this in its place. Neither repeats more than `quote` lets through. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: string; readonly what: string; readonly write: string };

export type ValueParser<T> = {
  /** What fits, as the end of a sentence that begins with "write". */
  readonly expected: string;
  read(text: string): Reading<T>;
};

/** A word in place of a number: `off` reads as 0, `auto` as undefined. */
type Word = 'off' | 'auto';

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

export const isOff = (text: string): boolean => /^(off|false|no)$/i.test(text);
export const isOn = (text: string): boolean => /^(on|true|yes)$/i.test(text);

export const wrong = (code: string, what: string, write: string): Reading<never> => ({
  ok: false,
  code,
  what,
  write,
});

/** `500ms`, `10s`, `1m30s`, `2h`, in milliseconds; `off` (and no, false) reads as 0 where it is allowed. */
export function duration(least: string, most: string, example: string, word?: 'off'): ValueParser<number> {
  const [leastMs, mostMs] = [must(durationMs(least)), must(durationMs(most))];
  const expected = `${word === undefined ? '' : 'off or '}a duration from ${least} to ${most}, such as ${example}`;
  return {
    expected,
    read(text) {
      if (word === 'off' && (isOff(text) || text === '0')) return { ok: true, value: 0 };
      if (text === '0') return ranged(text, 0, leastMs, mostMs, expected);
      if (/^\d+(\.\d+)?$/.test(text))
        return wrong(
          'no_unit',
          `${quote(text)} has no unit`,
          text.length > 12 ? expected : `${text}s or ${text}ms`,
        );
      const value = durationMs(text);
      if (value === undefined) return wrong('not_a_duration', `${quote(text)} is not a duration`, expected);
      if (!Number.isSafeInteger(value))
        return wrong('not_whole', `${quote(text)} is not a whole number of milliseconds`, expected);
      if (value === 0 && word === 'off') return { ok: true, value };
      return ranged(text, value, leastMs, mostMs, expected);
    },
  };
}

/** `64KiB`, `8MiB`, `65536B`, or a plain whole number of bytes. Words as for `count`. */
export function size(
  least: string,
  most: string,
  example: string,
  ...words: Word[]
): ValueParser<number | undefined> {
  const [leastBytes, mostBytes] = [must(scale(least, SIZE_UNITS)), must(scale(most, SIZE_UNITS))];
  const expected = `${words.map((word) => `${word} or `).join('')}a size from ${least} to ${most}, such as ${example}`;
  return {
    expected,
    read(text) {
      const known = wordAt(text, words);
      if (known !== undefined) return known;
      const decimal = /^(\d{1,9})(k|m|g|kb|mb|gb|ki|mi|gi|kib|mib|gib)$/i.exec(text);
      if (decimal !== null && !/(Ki|Mi|Gi)B$/.test(text)) {
        const unit = decimal[2]?.[0]?.toUpperCase();
        return wrong(
          'unknown_unit',
          `${quote(text)} has a unit that is not known here`,
          `${decimal[1]}${unit}iB`,
        );
      }
      const value = isWhole(text) ? Number(text) : scale(text, SIZE_UNITS);
      if (value === undefined) return wrong('not_a_size', `${quote(text)} is not a size`, expected);
      if (!Number.isSafeInteger(value))
        return wrong('not_whole', `${quote(text)} is not a whole number of bytes`, expected);
      return ranged(text, value, leastBytes, mostBytes, expected);
    },
  };
}

/** Decimal digits and nothing else: no sign, no leading zero, no fraction; or one of the words. */
export function count(least: number, most: number, ...words: Word[]): ValueParser<number | undefined> {
  const expected = `${words.map((word) => `${word} or `).join('')}a whole number from ${least} to ${most}`;
  return {
    expected,
    read(text) {
      const known = wordAt(text, words);
      if (known !== undefined) return known;
      if (words.includes('off') && text === '0') return { ok: true, value: 0 };
      if (!isWhole(text))
        return wrong('not_a_number', `${quote(text)} is not a whole number in plain digits`, expected);
      return ranged(text, Number(text), least, most, expected);
    },
  };
}

/** One of a few words. Where `off` or `on` is one, no, false, yes and true mean the same. */
export function choice<const T extends string>(words: readonly T[]): ValueParser<T> {
  const expected = words.length === 2 ? words.join(' or ') : `one of ${words.join(', ')}`;
  return {
    expected,
    read(text) {
      const meaning = isOff(text) ? 'off' : isOn(text) ? 'on' : text;
      const value = words.find((word) => word === meaning);
      if (value !== undefined) return { ok: true, value };
      // warning, 1.3: people write more of the word, or only its end.
      const meant =
        nearest(text, words) ??
        words.find((word) => text.length > 1 && (word.endsWith(text) || text.startsWith(word)));
      return wrong(
        'unknown_word',
        `${quote(text)} is not known here`,
        meant ? `${meant} (${expected})` : expected,
      );
    },
  };
}

/** on, true, yes or off, false, no. */
export const onOff: ValueParser<boolean> = {
  expected: 'on or off',
  read(text) {
    if (isOn(text)) return { ok: true, value: true };
    if (isOff(text)) return { ok: true, value: false };
    return wrong('unknown_word', `${quote(text)} is not known here`, this.expected);
  },
};

/** The name of a file; whether there is one is found out when it is read. */
export const fileName: ValueParser<string> = {
  expected: 'the name of a file',
  read(text) {
    return text === '' ? wrong('empty', 'the name is empty', this.expected) : { ok: true, value: text };
  },
};

function wordAt(text: string, words: readonly Word[]): Reading<number | undefined> | undefined {
  if (words.includes('off') && isOff(text)) return { ok: true, value: 0 };
  return words.includes('auto') && text === 'auto' ? { ok: true, value: undefined } : undefined;
}

const isWhole = (text: string): boolean => /^(0|[1-9]\d*)$/.test(text);

/** Also Go's form of several parts: `1m30s`. */
function durationMs(text: string): number | undefined {
  const parts = /^(?:\d+(?:\.\d+)?[a-z]+)+$/.test(text) ? (text.match(/[\d.]+[a-z]+/g) ?? []) : [];
  if (parts.length === 0 || parts.length > 4) return undefined;
  let sum = 0;
  let before = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    const unit = DURATION_UNITS[part.replace(/^[\d.]+/, '')];
    const value = scale(part, DURATION_UNITS);
    // Largest first, as Go writes them: 30s1m is a mistake.
    if (unit === undefined || value === undefined || unit >= before) return undefined;
    before = unit;
    sum += value;
  }
  return sum;
}

/** Number and unit multiplied, undefined when the text has another form. Digits are bounded, so it is exact. */
function scale(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(0|[1-9]\d{0,11})(?:\.(\d{1,3}))?([A-Za-z]+)$/.exec(text);
  const unit = match?.[3] ?? '';
  if (match === null || !Object.hasOwn(units, unit)) return undefined;
  const thousandths = Number(match[1]) * 1000 + Number((match[2] ?? '').padEnd(3, '0'));
  return (thousandths * (units[unit] ?? Number.NaN)) / 1000;
}

function ranged(text: string, value: number, least: number, most: number, expected: string): Reading<number> {
  if (value < least) return wrong('too_small', `${quote(text)} is too small`, expected);
  if (value > most) return wrong('too_large', `${quote(text)} is too large`, expected);
  return { ok: true, value };
}

/** For the limits that this program itself writes. */
function must(value: number | undefined): number {
  if (value === undefined) throw new Error('a limit in a section is not in its own unit');
  return value;
}
