/** Every value against its key: all that does not fit, with its place. */
import type * as z from 'zod';
import { knownKeys } from './json-schema.ts';
import { otherWays } from './overrides.ts';
import type { Path } from './path.ts';
import { AFTER_FILE, type Place, type Report, WHOLE_FILE } from './problems.ts';
import { isInherited, withInheritance } from './routes.ts';
import { schema, type Values } from './schema.ts';
import { strangeCharacter } from './strange-character.ts';
import { nearest } from './suggest.ts';
import { plain } from './text.ts';
import { isMap, type Located, type Written } from './written.ts';

/** undefined: something does not fit, and the report says what. */
export function readValues(written: Written, report: Report): Values | undefined {
  const result = schema.safeParse(withInheritance(written));
  if (result.success) return result.data;
  // What is broken in itself only seems to be missing.
  const hasGaps = report.failed;
  for (const issue of result.error.issues) {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) reportUnknown([...path, key], written, report);
    } else if (!hasGaps || written.locate(path).exact) reportValue(issue, path, written, report);
  }
  return undefined;
}

function reportUnknown(path: Path, written: Written, report: Report): void {
  if (isInherited(written, path)) return;
  const { place, keyPlace = place, key } = written.locate(path);
  report.problem('unknown_key', keyPlace, plain(key), unknownKey(path));
}

function unknownKey(path: Path): string {
  const typed = String(path.at(-1));
  const above = path.slice(0, -1).filter((step) => typeof step === 'string');
  const known = knownKeys().map(({ path }) => path);
  const below = (prefix: string): string[] =>
    known
      .filter((one) => one.startsWith(prefix) && !one.slice(prefix.length).includes('.'))
      .map((one) => one.slice(prefix.length));
  const here = below(above.map((step) => `${step}.`).join(''));
  const meant = nearest(typed, here);
  if (meant !== undefined) return `not a known key; did you mean ${meant}?`;
  if (above.length > 0 && known.includes(typed))
    return `not a key of ${above.join('.')}, but of the file; write it without indentation`;
  const elsewhere = known.find((one) => one.endsWith(`.${typed}`));
  if (elsewhere !== undefined) return `not a known key here; did you mean ${elsewhere}?`;
  return `not a known key; write one of ${here.join(', ')}${above.length === 0 ? '' : ` in ${above.join('.')}`}, or remove it`;
}

/** In routes only what they wrote themselves is reported, and never that something is missing which the top must have. */
function reportValue(issue: z.core.$ZodIssue, path: Path, written: Written, report: Report): void {
  if (isInherited(written, path)) return;
  const located = written.locate(path);
  const isMissing = !located.exact;
  if (isMissing && path[0] === 'routes' && path.length === 3) return;
  const ways = isMissing && path.length === 1 ? otherWays(path) : undefined;
  // Without a file there is no better place for what is missing than the flag that could give it.
  const place =
    ways !== undefined && located.place.where === ''
      ? { where: ways.flag, order: AFTER_FILE }
      : located.place;
  const others = ways === undefined ? '' : `, or give ${ways.flag} or ${ways.variable}`;
  const { code, what, write } = described(issue, located);
  report.problem(code, place, located.key || WHOLE_FILE, `${what}; write ${write}${others}`);
}

type Described = { readonly code: string; readonly what: string; readonly write: string };

function described(issue: z.core.$ZodIssue, { exact, value, names, place }: Located): Described {
  if (issue.code === 'custom') {
    const hidden = typeof value === 'string' ? causeIn(value, names, place) : undefined;
    if (hidden !== undefined) return hidden;
    const { code, what, write, expected } = issue.params as Described & { readonly expected: string };
    // What came from a variable is not repeated.
    return names === undefined
      ? { code, what, write }
      : { code, what: `the value of ${names} does not fit`, write: expected };
  }
  const write = issue.message;
  if (!exact) return { code: 'missing', what: 'the key is missing', write };
  if (value === null) return { code: 'empty', what: 'the key has no value', write };
  if (Array.isArray(value))
    return value.length === 0
      ? { code: 'empty_list', what: 'the list is empty', write }
      : { code: 'list', what: 'this is a list', write };
  if (isMap(value)) return { code: 'map', what: 'there are keys below it', write };
  return { code: 'single_value', what: 'this is a single value', write };
}

/** Why a value that does not fit may look right. */
function causeIn(text: string, names: string | undefined, { order }: Place): Described | undefined {
  const strange = strangeCharacter(text);
  if (strange !== undefined) {
    const what = names === undefined ? 'the value' : `the value of ${names}`;
    return {
      code: 'strange_character',
      what: `${what} has ${strange.name}`,
      write: `${strange.write} in its place`,
    };
  }
  const [whole, name = ''] = /\$([A-Za-z_][A-Za-z0-9_]*)/.exec(text) ?? [];
  // Nothing is replaced in flags and variables, and part of a value may be part of a password.
  if (whole === undefined || names !== undefined || order >= AFTER_FILE) return undefined;
  return {
    code: 'variable_without_braces',
    what: 'a variable needs braces',
    write: `\${${whole === text ? name : 'NAME'}}`,
  };
}
