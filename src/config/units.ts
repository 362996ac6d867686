/**
 * Readers of single values. Each takes the text as written and answers with the value in the unit of the code
 * (milliseconds, bytes, a count) or with what is wrong and what to write.
 */
import { nearest } from './suggest.ts';
import { quote } from './text.ts';

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly what: string; readonly write: string };

/** A reader together with the phrase that names what it accepts ("write <expected>"). */
export type Reader<T> = { readonly expected: string; read(text: string): Reading<T> };

/** `off` says in words what 0 says in code. `auto` leaves the choice to the gateway. */
export type Word = 'off' | 'auto' | undefined;

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
/** 1024-based names only: with MB and kB nobody knows which thousand is meant. */
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/**
 * The text of a switch in the gateway's words: a YAML 1.1 reader, Helm and JSON make booleans of `on` and `off`. Any
 * other text is returned as it is.
 */
function switchWord(text: string): string {
  if (/^(on|true|yes)$/i.test(text)) return 'on';
  return /^(off|false|no)$/i.test(text) ? 'off' : text;
}

/** `10s`, `500ms`, `1.5s`, `5m`, `1m30s`: milliseconds. With `word` off, `off` and `0` read as 0. */
export function duration(least: string, most: string, example: string, word?: 'off'): Reader<number> {
  const [leastMs, mostMs] = [must(scale(least, DURATION_UNITS)), must(scale(most, DURATION_UNITS))];
  const expected = `${word === 'off' ? 'off or ' : ''}a duration from ${least} to ${most}, such as ${example}`;
  return {
    expected,
    read(text) {
      if (text === '0' && (word === 'off' || leastMs === 0)) return { ok: true, value: 0 };
      if (word === 'off' && switchWord(text) === 'off') return { ok: true, value: 0 };
      if (/^\d+(\.\d+)?$/.test(text)) {
        return wrong(`${quote(text)} has no unit`, text.length > 12 ? expected : `${text}s or ${text}ms`);
      }
      const value = sumOf(text, DURATION_UNITS);
      if (value === undefined) return wrong(`${quote(text)} is not a duration`, expected);
      if (!Number.isSafeInteger(value))
        return wrong(`${quote(text)} is not a whole number of milliseconds`, expected);
      if (value === 0 && word === 'off') return { ok: true, value };
      return ranged(text, value, leastMs, mostMs, expected);
    },
  };
}

/** `64KiB`, `8MiB`, `65536B`, or a plain whole number of bytes. */
export function size(least: string, most: string, example: string): Reader<number> {
  const [leastBytes, mostBytes] = [must(scale(least, SIZE_UNITS)), must(scale(most, SIZE_UNITS))];
  const expected = `a size from ${least} to ${most}, such as ${example}`;
  return {
    expected,
    read(text) {
      const decimal = /^(\d{1,9})(k|m|g|kb|mb|gb|ki|mi|gi|kib|mib|gib)$/i.exec(text);
      const unit = decimal?.[2]?.[0]?.toUpperCase();
      if (decimal && !/(Ki|Mi|Gi)B$/.test(text)) {
        return wrong(`${quote(text)} has a unit that is not known here`, `${decimal[1]}${unit}iB`);
      }
      const value = isWhole(text) ? Number(text) : scale(text, SIZE_UNITS);
      if (value === undefined) return wrong(`${quote(text)} is not a size`, expected);
      if (!Number.isSafeInteger(value))
        return wrong(`${quote(text)} is not a whole number of bytes`, expected);
      return ranged(text, value, leastBytes, mostBytes, expected);
    },
  };
}

/** Decimal digits and nothing else: no sign, no leading zero, no fraction. `off` reads as 0, `auto` as undefined. */
export function count(least: number, most: number, word?: Word): Reader<number | undefined> {
  const expected = `${word === undefined ? '' : `${word} or `}a whole number from ${least} to ${most}`;
  return {
    expected,
    read(text) {
      if (word === 'off' && (text === '0' || switchWord(text) === 'off')) return { ok: true, value: 0 };
      if (word === 'auto' && text === 'auto') return { ok: true, value: undefined };
      if (!isWhole(text)) return wrong(`${quote(text)} is not a whole number in plain digits`, expected);
      return ranged(text, Number(text), least, most, expected);
    },
  };
}

/** One of a few words, in exactly this spelling; `on` and `off` also as booleans are written. */
export function choice<const T extends string>(words: readonly T[]): Reader<T> {
  const expected = words.length === 2 ? words.join(' or ') : `one of ${words.join(', ')}`;
  return {
    expected,
    read(text) {
      const value = words.find((word) => word === text) ?? words.find((word) => word === switchWord(text));
      if (value !== undefined) return { ok: true, value };
      // warning, 1.3: people write more of the word, or only its end.
      const meant =
        nearest(text, words) ??
        words.find((word) => text.length > 1 && (word.endsWith(text) || text.startsWith(word)));
      return wrong(`${quote(text)} is not known here`, meant ? `${meant} (${expected})` : expected);
    },
  };
}

/** The name of a file; whether there is one is looked up later (`files.ts`). */
export const fileName: Reader<string> = {
  expected: 'the name of a file',
  read(text) {
    return text === '' ? wrong('the name is empty', this.expected) : { ok: true, value: text };
  },
};

export function wrong(what: string, write: string): { ok: false; what: string; write: string } {
  return { ok: false, what, write };
}

function isWhole(text: string): boolean {
  return /^(0|[1-9]\d*)$/.test(text);
}

/** Numbers with units one after the other, as Go writes durations. */
function sumOf(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const parts = text.match(/[\d.]+[A-Za-z]+/g) ?? [];
  if (parts.length === 0 || parts.join('') !== text) return undefined;
  return parts.reduce<number | undefined>((sum, part) => {
    const value = scale(part, units);
    return sum === undefined || value === undefined ? undefined : sum + value;
  }, 0);
}

/** Number and unit multiplied, undefined when the text has another form. Digits are bounded, so it is exact. */
function scale(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(0|[1-9]\d{0,11})(?:\.(\d{1,3}))?([A-Za-z]+)$/.exec(text);
  const unit = match?.[3] ?? '';
  if (!match || !Object.hasOwn(units, unit)) return undefined;
  const thousandths = Number(match[1]) * 1000 + Number((match[2] ?? '').padEnd(3, '0'));
  return (thousandths * (units[unit] ?? Number.NaN)) / 1000;
}

function ranged(text: string, value: number, least: number, most: number, expected: string): Reading<number> {
  if (value < least) return wrong(`${quote(text)} is too small`, expected);
  if (value > most) return wrong(`${quote(text)} is too large`, expected);
  return { ok: true, value };
}

/** For the limits written in this program itself. */
function must(value: number | undefined): number {
  if (value === undefined) throw new Error('a limit in the schema is not in its own unit');
  return value;
}
