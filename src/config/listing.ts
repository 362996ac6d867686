/** How the API lists the keys of a configuration: what each is, and where it was written. */
import type { Path } from './path.ts';
import { SHORT_KEYS } from './schema.ts';
import { plain } from './text.ts';
import { isMap, type Located, type Written } from './written.ts';

export type Listed = {
  /** As it was written, a list by its entries; a default as it would be written. null: none. */
  readonly value: string | readonly string[] | null;
  readonly isDefault: boolean;
  /** `file:line:column`, a flag or a variable; undefined where nothing was written. */
  readonly at: string | undefined;
};

/** The value under `path`, without anything that came from a variable or is in a file. */
export function listed(value: unknown, path: Path, preset: unknown, written: Written): Listed {
  const { exact, place, value: raw } = keyAt(path, written);
  if (exact && raw !== null) {
    const isList = Array.isArray(value);
    const entries = isList && !Array.isArray(raw) ? [textOf(raw, path, written)] : undefined;
    return {
      value: entries ?? (Array.isArray(raw) ? textsOf(raw, path, written) : textOf(raw, path, written)),
      isDefault: false,
      at: place.where,
    };
  }
  // Of the defaults only auto reads as undefined; any other is of a section that is absent.
  const isNone = preset === undefined || (value === undefined && preset !== 'auto');
  const own = Array.isArray(preset) ? preset.map(String) : String(preset);
  return { value: isNone ? null : own, isDefault: true, at: undefined };
}

/** As written.locate, but for a short form, which is the value of one key of its section and not of the others. */
export function keyAt(path: Path, written: Written): Located {
  const located = written.locate(path);
  const length = path[0] === 'routes' ? 3 : 1;
  const section = path[length - 1];
  const key = path[length];
  if (key === undefined || isMap(written.locate(path.slice(0, length)).value)) return located;
  if (key === SHORT_KEYS[String(section)] && path.length === length + 1) return located;
  return { ...located, exact: false, value: undefined };
}

/** What came from a variable is shown by the name of the variable; of a URL neither password, query nor fragment is. */
export function textAt(path: Path, written: Written): string {
  const { names, value } = written.locate(path);
  // Before plain, for which an @ in the query would end a password.
  return names ?? plain(String(value).replace(/^([a-z]{1,8}:\/\/[^?#]*[?#]).+/is, '$1***'));
}

const textsOf = (raw: readonly unknown[], path: Path, written: Written): string[] =>
  raw.map((entry, index) => textOf(entry, [...path, index], written));

function textOf(raw: unknown, path: Path, written: Written): string {
  if (Array.isArray(raw)) return `[${textsOf(raw, path, written).join(', ')}]`;
  if (!isMap(raw)) return raw === null ? '' : textAt(path, written);
  const inner = Object.keys(raw).map((key) => `${plain(key)}: ${textOf(raw[key], [...path, key], written)}`);
  return `{${inner.join(', ')}}`;
}
