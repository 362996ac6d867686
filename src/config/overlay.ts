/** Flags and environment variables, laid over what the file says: flag over environment over file. */
import { AFTER_FILE, type Place } from './report.ts';
import { KEYS } from './schema.ts';
import type { Entry, MapNode, Node } from './tree.ts';

/** What `load.ts` gets of the process; nothing here looks at the process itself. */
export type ConfigSource = {
  /** From --config; otherwise NATSGATE_CONFIG names the file, and without either there is none. */
  readonly file?: string;
  readonly flags: {
    readonly upstream?: readonly string[] | undefined;
    readonly origin?: readonly string[] | undefined;
    readonly listen?: string | undefined;
    readonly admin?: string | undefined;
    readonly 'drain-budget'?: string | undefined;
    readonly 'log-level'?: string | undefined;
    readonly 'log-format'?: string | undefined;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Groups of the process: a secret that one of them may read is not open to others. */
  readonly groups?: readonly number[];
};

/** Where each flag and variable goes. Every one replaces the value under its key and nothing beside it. */
const OVERRIDES = [
  { section: 'upstream', key: 'servers', flag: 'upstream', variable: 'NATSGATE_UPSTREAM', many: true },
  { section: 'origins', key: 'allow', flag: 'origin', variable: 'NATSGATE_ORIGINS', many: true },
  { section: 'listen', key: 'address', flag: 'listen', variable: 'NATSGATE_LISTEN', many: false },
  { section: 'admin', key: 'address', flag: 'admin', variable: 'NATSGATE_ADMIN', many: false },
  // Outlives every reload: the time that a process gets from whoever ends it cannot change while it runs.
  { section: 'drain', key: 'budget', flag: 'drain-budget', variable: 'NATSGATE_DRAIN_BUDGET', many: false },
  { section: 'log', key: 'level', flag: 'log-level', variable: 'NATSGATE_LOG_LEVEL', many: false },
  { section: 'log', key: 'format', flag: 'log-format', variable: 'NATSGATE_LOG_FORMAT', many: false },
] as const;

/** All variables that are ours. */
export const VARIABLES: readonly string[] = ['NATSGATE_CONFIG', ...OVERRIDES.map(({ variable }) => variable)];

/** The flag and the variable by which a section can be given without a file. */
export function otherWays(
  section: unknown,
): { readonly flag: string; readonly variable: string } | undefined {
  const override = OVERRIDES.find((candidate) => candidate.section === section);
  return override && { flag: `--${override.flag}`, variable: override.variable };
}

/** A variable that is set, but to nothing, counts as not set: that is how container manifests switch one off. */
export function setVariable(env: ConfigSource['env'], name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === '' ? undefined : value;
}

/** `root`, which is in long form, with the values of flags and variables in place of its own. */
export function overlaid(root: MapNode, source: ConfigSource): MapNode {
  let result = root;
  for (const [index, { section, key, flag, variable, many }] of OVERRIDES.entries()) {
    const order = AFTER_FILE + index;
    const given = source.flags[flag];
    const set = setVariable(source.env, variable);
    if (given !== undefined) {
      const place = { where: `--${flag}`, order };
      // Commas as nats tools take them; a flag can be repeated as well.
      const texts = typeof given === 'string' ? [given] : given.flatMap((text) => text.split(','));
      result = withValue(result, section, key, valueNode(texts, many, place));
    } else if (set !== undefined) {
      const place = { where: variable, order };
      const texts = many ? set.split(/[,\s]+/).filter((text) => text !== '') : [set];
      result = withValue(result, section, key, valueNode(texts, many, place));
    }
  }
  return result;
}

function valueNode(texts: readonly string[], many: boolean, place: Place): Node {
  const nodes = texts.map((text): Node => ({ kind: 'text', text, names: undefined, place }));
  return many || nodes[0] === undefined ? { kind: 'list', items: nodes, place } : nodes[0];
}

/** Whether a value alone, in the place of the section, would stand for this key. */
function isShort(section: string, key: string): boolean {
  const shape = KEYS.kind === 'section' ? KEYS.keys.get(section) : undefined;
  return shape?.kind === 'section' && shape.short === key;
}

function withValue(root: MapNode, section: string, key: string, value: Node): MapNode {
  const existing = root.entries.find((entry) => entry.key === section);
  const beside = existing?.value.kind === 'map' ? existing.value.entries : [];
  const inner: Entry = {
    key,
    place: value.place,
    value,
    ...(isShort(section, key) ? { implied: true } : {}),
  };
  const outer: Entry = {
    key: section,
    place: existing?.place ?? value.place,
    value: {
      kind: 'map',
      entries: [...beside.filter((entry) => entry.key !== key), inner],
      place: existing?.value.place ?? value.place,
    },
  };
  return { ...root, entries: [...root.entries.filter((entry) => entry.key !== section), outer] };
}
