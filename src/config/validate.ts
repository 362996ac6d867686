/** The tree against the schema: every misfit with its place, and values for the rules even where some failed. */
import { parseOriginEntry } from '../net/origin-entry.ts';
import { otherWays } from './overlay.ts';
import { AFTER_FILE, type Place, type Report } from './report.ts';
import { type Misfit, readValues, type Values } from './schema.ts';
import { strangeCharacter } from './strange-character.ts';
import { quote } from './text.ts';
import { type Located, locate, type Node, plainValue } from './tree.ts';

export type Path = readonly (string | number)[];

export type Validated = {
  /** Complete; where something failed, a default or stand-in that must not be used or spoken of. */
  readonly values: Values;
  /** Whether anything at, below or above this path failed. */
  readonly failed: (path: Path) => boolean;
};

/** What takes the place of required values that failed, so that the others can still be compared. */
const STAND_INS = {
  origins: { allow: ['self'] },
  upstream: { servers: ['nats://stand-in.invalid'] },
} as const;

/** Longer entries are not repeated in messages, and no origin of theirs is either. */
const MAX_REPEATED_BYTES = 128;

/**
 * Checks all values of `root`, which is in long form. `gaps` says that keys may only seem to be missing, since
 * the arrangement of the file was already reported; gaps are then not reported again.
 */
export function validate(root: Node, gaps: boolean, report: Report): Validated {
  const failures: Path[] = brokenPaths(root, []);
  const failed = (path: Path): boolean => failures.some((failure) => overlaps(failure, path));
  const written = plainValue(root);
  let result = readValues(written);
  if (!result.ok) {
    for (const misfit of result.misfits) {
      const located = locate(root, misfit.path);
      const silent =
        located.inherited || located.node?.kind === 'broken' || (located.node === undefined && gaps);
      if (!silent) report.problem(placeOf(located, misfit), located.key, textOf(located, misfit));
      failures.push(located.node === undefined ? gapAt(misfit.path) : misfit.path);
    }
    for (const failure of failures) putAside(written, failure);
    result = readValues(withStandIns(written));
    if (!result.ok) throw new Error('the schema refuses its own defaults');
  }
  const { values } = result;
  const lists = [
    { allow: values.origins.allow, below: [] },
    ...values.routes.map(({ origins }, index) => ({ allow: origins.allow, below: ['routes', index] })),
  ];
  for (const { allow, below } of lists) {
    for (const [index, entry] of allow.entries()) {
      const path = [...below, 'origins', 'allow', index];
      const located = locate(root, path);
      if (!failed(path) && !located.inherited) checkOrigin(entry, located, report);
    }
  }
  return { values: result.values, failed };
}

function placeOf({ node, place }: Located, { path: [section] }: Misfit): Place {
  const flag = otherWays(section)?.flag;
  // Without a file there is no better place for what is missing than the flag that could give it.
  return node === undefined && place.where === '' && flag !== undefined
    ? { where: flag, order: AFTER_FILE }
    : place;
}

function textOf({ node }: Located, { path, expected, detail }: Misfit): string {
  if (node === undefined) {
    const ways = path.length === 1 ? otherWays(path[0]) : undefined;
    const others = ways === undefined ? '' : `, or give ${ways.flag} or ${ways.variable}`;
    return `the key is missing; write ${expected}${others}`;
  }
  if (detail !== undefined) {
    const names = node.kind === 'text' ? node.names : undefined;
    const cause = node.kind === 'text' ? causeIn(node) : undefined;
    if (cause !== undefined) return cause;
    return names === undefined
      ? `${detail.what}; write ${detail.write}`
      : `the value of ${names} does not fit; write ${expected}`;
  }
  switch (node.kind) {
    case 'list':
      return `${node.items.length === 0 ? 'the list is empty' : 'a list stands here'}; write ${expected}`;
    case 'map':
      return `keys stand here; write ${expected}`;
    case 'text':
      return `a single value stands here; write ${expected}`;
    case 'empty':
    case 'broken':
      return `no value stands here; write ${expected}`;
  }
}

/** Why a value that does not fit may look right. */
function causeIn({ text, names, place }: Extract<Node, { kind: 'text' }>): string | undefined {
  const strange = strangeCharacter(text);
  if (strange !== undefined) {
    const what = names === undefined ? 'the value' : `the value of ${names}`;
    return `${what} holds ${strange.name}; write ${strange.write} in its place`;
  }
  const [whole, name = ''] = /\$([A-Za-z_][A-Za-z0-9_]*)/.exec(text) ?? [];
  // Nothing is put into flags and variables, and part of a value may be part of a password.
  if (whole === undefined || names !== undefined || place.order >= AFTER_FILE) return undefined;
  return `a variable stands in braces here; write \${${whole === text ? name : 'NAME'}}`;
}

function checkOrigin(entry: string, { node, place, key }: Located, report: Report): void {
  const parsed = parseOriginEntry(entry);
  const names = node?.kind === 'text' ? node.names : undefined;
  // The check may repeat parts of the entry, and some entries must not be repeated.
  const quiet = names !== undefined || entry.includes('@') || Buffer.byteLength(entry) > MAX_REPEATED_BYTES;
  const shown = names === undefined ? quote(entry) : `the value of ${names}`;
  if (parsed.kind === 'problem') {
    const cause = node?.kind === 'text' ? causeIn(node) : undefined;
    report.problem(
      place,
      key,
      cause !== undefined
        ? cause
        : quiet
          ? `${shown} is not an origin that can be allowed; write scheme, host and port, such as https://app.example.com`
          : `${shown}: ${parsed.problem}`,
    );
  } else if (parsed.warning !== undefined) {
    const text = quiet
      ? 'it lets in more than one site over https; write exact https origins'
      : parsed.warning;
    report.warning(place, key, `${shown}: ${text}`);
  }
}

function brokenPaths(node: Node, path: Path): Path[] {
  if (node.kind === 'broken') return [path];
  if (node.kind === 'list') return node.items.flatMap((item, index) => brokenPaths(item, [...path, index]));
  if (node.kind !== 'map') return [];
  return node.entries.flatMap(({ key, value }) => brokenPaths(value, [...path, key]));
}

/** A required section that is missing lacks one key; its others are at their defaults and can be compared. */
function gapAt(path: Path): Path {
  const section = path.at(-1);
  const isSection = path.length === 1 || (path.length === 3 && path[0] === 'routes');
  if (!isSection || (section !== 'origins' && section !== 'upstream')) return path;
  return [...path, ...Object.keys(STAND_INS[section])];
}

function overlaps(one: Path, other: Path): boolean {
  const common = Math.min(one.length, other.length);
  return one.slice(0, common).every((step, index) => step === other[index]);
}

/** Removes the key that the path leads to; of a list, of a route that is none or of the TLS files, the whole. */
function putAside(written: unknown, path: Path): void {
  const whole = path.slice(0, path.indexOf('tls') + 1 || path.length);
  let inside = written;
  for (const [index, step] of whole.entries()) {
    if (typeof inside !== 'object' || inside === null) return;
    const object = inside as Record<string, unknown>;
    const isEntry = index === whole.length - 2 && typeof whole[index + 1] === 'number';
    if (index === whole.length - 1 || isEntry) delete object[step];
    inside = object[step];
  }
}

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

function withStandIns(written: unknown): unknown {
  const { routes, ...others } = written as Sections & { readonly routes?: readonly Sections[] };
  return { ...others, ...standIns(others), ...(routes && { routes: routes.map(withSectionStandIns) }) };
}

const withSectionStandIns = (sections: Sections): object => ({ ...sections, ...standIns(sections) });

const standIns = ({ origins, upstream }: Sections): object => ({
  origins: { ...STAND_INS.origins, ...origins },
  upstream: { ...STAND_INS.upstream, ...upstream },
});
