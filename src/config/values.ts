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
const isOn = (text: string): boolean => /^(on|true|yes)$/i.test(text);

export const wrong = (code: string, what: string, write: string): Reading<never> => ({
  ok: false,
  code,
  what,
  write,
});

/** `what`, after the quoted text; `write` is what fits where nothing better is known. */
type Refuse = (code: string, what: string, write?: string) => Reading<never>;

/** A parser whose refusals quote the text. */
export function parser<T>(
  expected: string,
  read: (text: string, refuse: Refuse) => Reading<T>,
): ValueParser<T> {
  return {
    expected,
    read: (text) =>
      read(text, (code, what, write = expected) => wrong(code, `${quote(text)} ${what}`, write)),
  };
}

export const right = <T>(value: T): Reading<T> => ({ ok: true, value });

/** `500ms`, `10s`, `1m30s`, `2h`, in milliseconds; `off` (and no, false) reads as 0 where it is allowed. */
export function duration(least: string, most: string, example: string, word?: 'off'): ValueParser<number> {
  const range = rangeOf(durationMs(least), durationMs(most));
  const expected = `${word === undefined ? '' : 'off or '}a duration from ${least} to ${most}, such as ${example}`;
  return parser(expected, (text, refuse) => {
    if (word === 'off' && (isOff(text) || text === '0')) return right(0);
    if (/^\d+(\.\d+)?$/.test(text) && text !== '0')
      return refuse('no_unit', 'has no unit', text.length > 12 ? undefined : `${text}s or ${text}ms`);
    const value = text === '0' ? 0 : durationMs(text);
    if (value === undefined) return refuse('not_a_duration', 'is not a duration');
    if (!Number.isSafeInteger(value)) return refuse('not_whole', 'is not a whole number of milliseconds');
    return value === 0 && word === 'off' ? right(0) : range(value, refuse);
  });
}

/** `64KiB`, `8MiB`, `65536B`, or a plain whole number of bytes. Words as for `count`. */
export function size(
  least: string,
  most: string,
  example: string,
  ...words: Word[]
): ValueParser<number | undefined> {
  const range = rangeOf(scale(least, SIZE_UNITS), scale(most, SIZE_UNITS));
  return parser(`${orWords(words)}a size from ${least} to ${most}, such as ${example}`, (text, refuse) => {
    const known = wordAt(text, words);
    if (known !== undefined) return known;
    const [, digits, unit = ''] = /^(\d{1,9})(k|m|g|kb|mb|gb|ki|mi|gi|kib|mib|gib)$/i.exec(text) ?? [];
    if (digits !== undefined && !Object.hasOwn(SIZE_UNITS, unit)) {
      const write = `${digits}${unit.charAt(0).toUpperCase()}iB`;
      return refuse('unknown_unit', 'has a unit that is not known here', write);
    }
    const value = isWhole(text) ? Number(text) : scale(text, SIZE_UNITS);
    if (value === undefined) return refuse('not_a_size', 'is not a size');
    if (!Number.isSafeInteger(value)) return refuse('not_whole', 'is not a whole number of bytes');
    return range(value, refuse);
  });
}

/** Decimal digits and nothing else: no sign, no leading zero, no fraction; or one of the words. */
export function count(least: number, most: number, ...words: Word[]): ValueParser<number | undefined> {
  const range = rangeOf(least, most);
  return parser(`${orWords(words)}a whole number from ${least} to ${most}`, (text, refuse) => {
    const known = wordAt(text, words);
    if (known !== undefined) return known;
    if (words.includes('off') && text === '0') return right(0);
    if (!isWhole(text)) return refuse('not_a_number', 'is not a whole number in plain digits');
    return range(Number(text), refuse);
  });
}

/** `200/s` or `1MiB/s`: what `amount` reads, a second. `off` is 0. */
export function perSecond(amount: ValueParser<number | undefined>, example: string): ValueParser<number> {
  const expected = `off or ${amount.expected.replace(/, such as .*/, '')} a second, such as ${example}/s`;
  return parser(expected, (text, refuse) => {
    if (isOff(text) || text === '0') return right(0);
    const [, number = ''] = /^(.*)\/s$/.exec(text) ?? [];
    if (number === '') return refuse('no_rate', 'is not a rate', `${example}/s`);
    const read = amount.read(number);
    return read.ok ? right(read.value ?? 0) : read;
  });
}

/** One of a few words. Where `off` or `on` is one, no, false, yes and true mean the same. */
export function choice<const T extends string>(words: readonly T[]): ValueParser<T> {
  const expected = words.length === 2 ? words.join(' or ') : `one of ${words.join(', ')}`;
  return parser(expected, (text, refuse) => {
    const meaning = isOff(text) ? 'off' : isOn(text) ? 'on' : text;
    const value = words.find((word) => word === meaning);
    if (value !== undefined) return right(value);
    // warning, 1.3: people write more of the word, or only its end.
    const meant =
      nearest(text, words) ??
      words.find((word) => text.length > 1 && (word.endsWith(text) || text.startsWith(word)));
    return refuse('unknown_word', 'is not known here', meant && `${meant} (${expected})`);
  });
}

/** The name of a file; whether there is one is found out when it is read. */
export const fileName: ValueParser<string> = {
  expected: 'the name of a file',
  read: (text) => (text === '' ? wrong('empty', 'the name is empty', fileName.expected) : right(text)),
};

/** A text that is compared with what clients or servers say. */
export const shortText: ValueParser<string> = {
  expected: 'a text of 1 to 256 characters',
  read: (text) =>
    text !== '' && text.length <= 256
      ? right(text)
      : wrong('not_short', 'the text is empty or long', shortText.expected),
};

const orWords = (words: readonly Word[]): string => words.map((word) => `${word} or `).join('');

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

/** The limits are those that a section itself has written. */
function rangeOf(least: number | undefined, most: number | undefined) {
  if (least === undefined || most === undefined) throw new Error('a limit is not in its own unit');
  return (value: number, refuse: Refuse): Reading<number> => {
    if (value < least) return refuse('too_small', 'is too small');
    return value > most ? refuse('too_large', 'is too large') : right(value);
  };
}
