/**
 * What a section file is made of: keys with a parser, a default and one sentence each. The only file besides schema.ts
 * that knows zod.
 */
import * as z from 'zod';
import { listenAddress } from './urls.ts';
import { choice, count, duration, isOff, perSecond, size, type ValueParser } from './values.ts';
import { isMap } from './written.ts';

/** Lets editors accept a variable, whose value they cannot know. */
const VARIABLE = '\\$\\{';
const OFF = '[Oo][Ff][Ff]|[Ff]alse|[Nn]o';
const SIZE = '^(0|[1-9][0-9]*)([.][0-9]+)?(B|KiB|MiB|GiB)$';
/** What else may be written for the two words. */
const SWITCHES: readonly { readonly word: string; readonly also: readonly unknown[] }[] = [
  { word: 'off', also: [false, 'false', 'no'] },
  { word: 'on', also: [true, 'true', 'yes'] },
];

/** What a section, or a key, reads as. */
export type ValuesOf<Key extends z.ZodType> = Immutable<z.output<Key>>;
type Immutable<T> = T extends object ? { readonly [Key in keyof T]: Immutable<T[Key]> } : T;

/** A section whose keys all have defaults. `short`: the key that a value in place of the section is for. */
export function section<S extends z.ZodRawShape>(
  description: string,
  expected: string,
  shape: S,
  short?: string,
) {
  return requiredSection(description, expected, shape, short).prefault({}).meta({ description, short });
}

export function requiredSection<S extends z.ZodRawShape>(
  description: string,
  expected: string,
  shape: S,
  short?: string,
) {
  const error = (issue: { readonly code: string }) =>
    issue.code === 'unrecognized_keys' ? undefined : expected;
  const object = z.strictObject(shape, { error });
  return z.preprocess((raw) => longForm(raw, short), object).meta({ description, short });
}

/** A section that may be absent as a whole; with all its keys commented out it is. */
export function optionalSection<S extends z.ZodRawShape>(description: string, expected: string, shape: S) {
  const made = requiredSection(description, expected, shape).optional();
  return z.preprocess((raw) => (raw === null ? undefined : raw), made).meta({ description });
}

/**
 * A section that may be absent, or switched off in words: a route can undo what the top says. With all its keys commented
 * out it is neither, since it is there for protection: its required keys are missing.
 */
export function switchedSection<S extends z.ZodRawShape>(description: string, expected: string, shape: S) {
  const made = requiredSection(description, expected, shape).optional();
  const isNone = (raw: unknown): boolean => typeof raw === 'string' && isOff(raw);
  return z.preprocess((raw) => (isNone(raw) ? undefined : raw), made).meta({ description, switched: true });
}

/** A list of maps, such as the routes: at least one, and written as a list. */
export function mapList<T extends z.ZodType>(description: string, entry: T, expected: string) {
  return z
    .array(entry, { error: () => expected })
    .min(1, { error: () => expected })
    .meta({ description });
}

/** Names with a text each, all of them the choice of the operator. */
export function texts(description: string, expected: string) {
  const text = z.string({ error: () => 'a text' });
  const map = z.record(z.string(), text, { error: () => expected });
  return z
    .preprocess((raw) => (raw === null ? {} : raw), map)
    .prefault({})
    .meta({ description });
}

/** A section in long form. With all its keys commented out it is empty. */
export function longForm(raw: unknown, short: string | undefined): unknown {
  if (raw === null) return {};
  return raw === undefined || isMap(raw) || short === undefined ? raw : { [short]: raw };
}

/** A key without a default: undefined when it is not written. */
export function optional<T>(description: string, parser: ValueParser<T>) {
  return reading(parser).optional().meta({ description });
}

export function required<T>(description: string, parser: ValueParser<T>) {
  return reading(parser).meta({ description });
}

/** `written`: the default, as it would be written. `json`: what the JSON Schema says of the value. */
export function preset<T>(
  description: string,
  parser: ValueParser<T>,
  written: string | number,
  json: object = {},
) {
  return reading(parser)
    .prefault(String(written))
    .meta({ description, default: written, ...json });
}

/** One value alone is a list of one. `word`: the entry of the default list. */
export function list<T>(description: string, parser: ValueParser<T>, word?: string) {
  const items = z.array(reading(parser), { error: () => `a list with each entry ${parser.expected}` });
  return z
    .preprocess(asList, items)
    .prefault(word === undefined ? [] : [word])
    .meta({ description, default: word ?? [], oneOrMore: true });
}

/** undefined when it is not written, which is not the same as an empty list. */
export function optionalList<T>(description: string, parser: ValueParser<T>) {
  const items = z.array(reading(parser), { error: () => `a list with each entry ${parser.expected}` });
  const made = items.optional();
  return z
    .preprocess((raw) => (raw === undefined ? raw : asList(raw)), made)
    .optional()
    .meta({ description, oneOrMore: true });
}

/** `written`: the entries when it is not there. */
export function presetList<T>(description: string, parser: ValueParser<T>, written: readonly string[]) {
  const items = z.array(reading(parser), { error: () => `a list with each entry ${parser.expected}` });
  return z
    .preprocess(asList, items)
    .prefault([...written])
    .meta({ description, default: written, oneOrMore: true });
}

/** Must have an entry. `fits`: a regular expression that each entry fits, for editors and the chart. */
export function requiredList<T>(
  description: string,
  parser: ValueParser<T>,
  expected: string,
  fits?: RegExp,
) {
  const json = fits === undefined ? {} : { pattern: `${fits.source}|${VARIABLE}` };
  const items = z
    .array(reading(parser).meta(json), { error: () => expected })
    .min(1, { error: () => expected });
  return z.preprocess(asList, items).meta({ description, oneOrMore: true });
}

export function address(description: string, host: string, written: string) {
  const json = { type: ['string', 'integer'], minimum: 0, maximum: 65_535 };
  return preset(description, listenAddress(host), written, json);
}

export function words<const T extends string>(description: string, written: NoInfer<T>, known: readonly T[]) {
  const switches = SWITCHES.filter(({ word }) => known.some((one) => one === word));
  return preset(description, choice(known), written, {
    type: switches.length > 0 ? ['string', 'boolean'] : 'string',
    anyOf: [
      { enum: known },
      ...switches.map(({ also }) => ({ enum: also })),
      { type: 'string', pattern: VARIABLE },
    ],
  });
}

export function time(description: string, written: string, least: string, most: string, word?: 'off') {
  const example = written === 'off' ? '12h' : written;
  const zero = word === 'off' || least === '0s';
  return preset(description, duration(least, most, example, word), written, {
    type: ['string', ...(zero ? ['integer'] : []), ...(word === 'off' ? ['boolean'] : [])],
    ...(zero ? { minimum: 0, maximum: 0 } : {}),
    ...(word === 'off' ? { not: { const: true } } : {}),
    pattern: `^((0|[1-9][0-9]*)([.][0-9]+)?(ms|s|m|h))+$${zero ? '|^0$' : ''}${word === undefined ? '' : `|^(${OFF})$`}|${VARIABLE}`,
  });
}

export function bytes(description: string, written: string, least: string, most: string) {
  return preset(description, size(least, most, written) as ValueParser<number>, written, {
    type: ['string', 'integer'],
    pattern: `${SIZE}|${VARIABLE}`,
  });
}

/** `auto` is undefined, `off` is 0. */
export function autoBytes(description: string, least: string, most: string, example: string) {
  return preset(description, size(least, most, example, 'auto', 'off'), 'auto', {
    type: ['string', 'integer', 'boolean'],
    not: { const: true },
    pattern: `${SIZE}|^(auto|${OFF})$|${VARIABLE}`,
  });
}

/** `off`, the default, is 0. */
export function bytesOrOff(description: string, least: string, most: string, example: string) {
  return preset(description, size(least, most, example, 'off') as ValueParser<number>, 'off', {
    type: ['string', 'integer', 'boolean'],
    not: { const: true },
    pattern: `${SIZE}|^(${OFF})$|${VARIABLE}`,
  });
}

export function number(description: string, written: number, most: number, least = 1) {
  return preset(description, count(least, most) as ValueParser<number>, written, {
    type: ['integer', 'string'],
    ...integers(least, most),
  });
}

/** `off`, the default, is 0. */
export function numberOrOff(description: string, most: number) {
  return preset(description, count(1, most, 'off') as ValueParser<number>, 'off', {
    type: ['integer', 'string', 'boolean'],
    not: { const: true },
    ...integers(0, most, OFF),
  });
}

/** `auto`, the default, is undefined. */
export function numberOrAuto(description: string, most: number) {
  return preset(description, count(1, most, 'auto'), 'auto', {
    type: ['integer', 'string'],
    ...integers(1, most, 'auto'),
  });
}

/** Things or bytes a second; `off`, the default, is 0. */
export function rate(description: string, of: 'count' | 'bytes') {
  const amount = of === 'count' ? count(1, 1e9) : size('1B', '1024GiB', '1MiB');
  const number = of === 'count' ? '[1-9][0-9]*' : '(0|[1-9][0-9]*)([.][0-9]+)?(B|KiB|MiB|GiB)';
  return preset(description, perSecond(amount, of === 'count' ? '200' : '1MiB'), 'off', {
    type: ['string', 'integer', 'boolean'],
    minimum: 0,
    maximum: 0,
    not: { const: true },
    pattern: `^${number}/s$|^(${OFF})$|${VARIABLE}`,
  });
}

const integers = (minimum: number, maximum: number, word?: string) => ({
  minimum,
  maximum,
  pattern: `^[0-9]+$|${word === undefined ? '' : `^(${word})$|`}${VARIABLE}`,
});

const asList = (raw: unknown): unknown =>
  raw === null ? [] : raw === undefined || Array.isArray(raw) || isMap(raw) ? raw : [raw];

/** A value read from its text. Without any text, or with a list or map in its place, zod asks `error`. */
function reading<T>(parser: ValueParser<T>) {
  return z.string({ error: () => parser.expected }).transform((text, context): T => {
    const result = parser.read(text);
    if (result.ok) return result.value;
    const { code, what, write } = result;
    const params = { code, what, write, expected: parser.expected };
    context.issues.push({ code: 'custom', message: what, params, input: text });
    return z.NEVER;
  });
}
