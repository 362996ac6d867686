/** Flags and environment variables, laid over the file: flag over environment over file; and variables that are misspelt. */
import type { Path } from './path.ts';
import { AFTER_FILE } from './problems.ts';
import { SHORT_KEYS } from './schema.ts';
import { nearest } from './suggest.ts';
import { isMap, type Written, type WrittenMap } from './written.ts';

type Environment = Readonly<Record<string, string | undefined>>;
export type ConfigFlags = Readonly<
  Partial<Record<'listen' | 'admin' | 'log-level' | 'log-format' | 'drain-budget', string>> &
    Partial<Record<'upstream' | 'origin', readonly string[]>>
>;

/** Each replaces the value of its key and nothing beside it. */
const OVERRIDES = [
  { path: ['upstream', 'servers'], flag: 'upstream', variable: 'NATSGATE_UPSTREAM' },
  { path: ['origins', 'allow'], flag: 'origin', variable: 'NATSGATE_ORIGINS' },
  { path: ['listen', 'address'], flag: 'listen', variable: 'NATSGATE_LISTEN' },
  { path: ['admin', 'address'], flag: 'admin', variable: 'NATSGATE_ADMIN' },
  { path: ['log', 'level'], flag: 'log-level', variable: 'NATSGATE_LOG_LEVEL' },
  { path: ['log', 'format'], flag: 'log-format', variable: 'NATSGATE_LOG_FORMAT' },
  // Outlives every reload: the time that a process gets from its supervisor cannot change while it runs.
  { path: ['drain', 'budget'], flag: 'drain-budget', variable: 'NATSGATE_DRAIN_BUDGET' },
] as const;

/** All variables that configure something. */
const VARIABLES: readonly string[] = ['NATSGATE_CONFIG', ...OVERRIDES.map(({ variable }) => variable)];

/**
 * What Kubernetes and Docker set for a Service called natsgate, or one whose name begins so: NATSGATE_SERVICE_HOST,
 * NATSGATE_PORT=tcp://…, NATSGATE_PORT_8080_TCP_ADDR.
 */
const SERVICE_LINK =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const LINKED_PORT = /^(tcp|udp|sctp):\/\//;

/** The flag and the variable by which a key can be given without a file. */
export function otherWays([section]: Path): { readonly flag: string; readonly variable: string } | undefined {
  const override = OVERRIDES.find(({ path }) => path[0] === section);
  return override && { flag: `--${override.flag}`, variable: override.variable };
}

/** A variable that is set to nothing counts as not set: so container manifests switch one off. */
export function setVariable(env: Environment, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === '' ? undefined : value;
}

export function applyOverrides(written: Written, flags: ConfigFlags, env: Environment): void {
  for (const [index, { path, flag, variable }] of OVERRIDES.entries()) {
    const given = flags[flag];
    const set = setVariable(env, variable);
    const many = flag === 'upstream' || flag === 'origin';
    // Commas as nats tools take them; a flag can be repeated as well.
    if (given !== undefined)
      put(
        written,
        path,
        typeof given === 'string' ? given : given.flatMap((text) => text.split(',')),
        `--${flag}`,
        index,
      );
    else if (set !== undefined)
      put(written, path, many ? set.split(/[,\s]+/).filter((text) => text !== '') : set, variable, index);
  }
}

function put(
  written: Written,
  path: readonly [string, string],
  value: string | string[],
  where: string,
  index: number,
): void {
  const [section, key] = path;
  const { root } = written;
  const before = root[section];
  const short = SHORT_KEYS[section];
  const place = { where, order: AFTER_FILE + index };
  const isShort = short === key && !isMap(before);
  // What a short form in the file said is what this replaces.
  if (isShort) root[section] = value;
  else {
    const map = isMap(before) ? before : (Object.create(null) as WrittenMap);
    root[section] = Object.assign(Object.create(null), map, { [key]: value });
  }
  const at: Path = isShort ? [section] : path;
  written.note(at, { place });
  if (Array.isArray(value)) for (const item of value.keys()) written.note([...at, item], { place });
}

/**
 * Variables that look like ours and are not: a misspelt one would go unnoticed. Name and sentence of each. `referred`: names
 * that the file puts in by itself, which may be any.
 */
export function unknownVariables(
  env: Environment,
  referred: ReadonlySet<string>,
): readonly (readonly [name: string, text: string])[] {
  const names = Object.keys(env).filter(
    (name) =>
      name.startsWith('NATSGATE_') &&
      !VARIABLES.includes(name) &&
      !referred.has(name) &&
      setVariable(env, name) !== undefined &&
      !SERVICE_LINK.test(name) &&
      !(name.endsWith('_PORT') && LINKED_PORT.test(env[name] ?? '')),
  );
  return names.toSorted().map((name) => {
    const meant = nearest(name, VARIABLES);
    const remedy =
      meant === undefined ? `the known ones are ${VARIABLES.join(', ')}` : `did you mean ${meant}?`;
    return [name, `natsgate has no such variable; ${remedy}`] as const;
  });
}
