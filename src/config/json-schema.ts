/** The JSON Schema by which editors and the chart help; scripts/write-schema.ts writes it to docs/config.schema.json. */
import * as z from 'zod';
import { schema } from './schema.ts';

type Json = Record<string, unknown>;

/** JSON Schema (draft 2020-12) of the configuration file, with descriptions, defaults, long and short forms. */
export function configJsonSchema(): Json {
  const { $schema, properties, ...json } = z.toJSONSchema(schema, { io: 'input' }) as Json;
  const { routes, ...sections } = withShortForms(properties) as Record<string, Json>;
  return {
    $schema,
    ...json,
    properties: { ...sections, routes: asRoutes(routes ?? {}) },
    patternProperties: { '^(x-|\\$schema$)': {} },
    title: 'natsgate configuration',
    description: 'Every key is explained in docs/configuration.md.',
  };
}

/** The text of docs/config.schema.json. */
export const configJsonSchemaText = (): string => `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;

export type KnownKey = {
  readonly path: string;
  readonly isSection: boolean;
  /** The key of an entry in a list of maps, which is one value as a whole; routes are no such list. */
  readonly inList: boolean;
  readonly preset: unknown;
};

/** Every key by its path, such as `upstream.tls.mode`, with its default where it has one. */
export function knownKeys(): readonly KnownKey[] {
  known ??= keysIn(configJsonSchema(), '', false);
  return known;
}

/** Made when it is first asked for. */
let known: readonly KnownKey[] | undefined;

function keysIn(json: Json, path: string, inList: boolean): readonly KnownKey[] {
  const forms = (json['anyOf'] as Json[] | undefined) ?? [json];
  const long = forms.find((form) => form['properties'] !== undefined) ?? (json['items'] as Json | undefined);
  const properties = Object.entries((long?.['properties'] ?? {}) as Record<string, Json>);
  return properties.flatMap(([key, inner]) => {
    const here = path === '' ? key : `${path}.${key}`;
    const isList = inner['items'] !== undefined && inner['properties'] === undefined && here !== 'routes';
    const below = keysIn(inner, here, inList || isList);
    return [
      { path: here, isSection: !isList && below.length > 0, inList, preset: inner['default'] },
      ...below,
    ];
  });
}

const withShortForms = (properties: unknown): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(properties as Json).map(([key, one]) => [key, withShortForm(one as Json)]),
  );

/**
 * A list also takes one entry alone, and a section with a short form the value of its short key; both may be empty. The
 * forms are types of one schema where they can be: of several schemas a validator says how each of them failed.
 */
function withShortForm(json: Json): Json {
  const { description, default: preset, short, oneOrMore, switched, ...long } = json;
  const note = { ...(description === undefined ? {} : { description }) };
  const noted = preset === undefined ? note : { ...note, default: numeric(preset, long['type']) };
  if (oneOrMore === true) {
    const entry = Array.isArray(preset) && preset.length === 1 ? { default: preset[0] } : {};
    const item = long['items'] as Json;
    return { ...noted, ...entry, ...long, ...item, type: [item['type'], 'array', 'null'] };
  }
  if (long['type'] === 'array') {
    const item = long['items'] as Json;
    if (item['properties'] === undefined) return { ...noted, ...long };
    const items = { ...item, properties: withShortForms(item['properties']) };
    return { ...noted, ...long, type: long['minItems'] === undefined ? ['array', 'null'] : 'array', items };
  }
  if (long['type'] !== 'object') return { ...noted, ...long };
  if (long['properties'] === undefined) return { ...note, ...long, type: ['object', 'null'] };
  const properties = withShortForms(long['properties']);
  const object = { ...long, properties };
  if (switched === true)
    return { ...note, anyOf: [{ enum: [false, 'off', 'no', 'false'] }, object, { type: 'null' }] };
  const alone = (typeof short === 'string' ? properties[short] : undefined) ?? {};
  if (alone['anyOf'] !== undefined) return { ...note, anyOf: [alone, object, { type: 'null' }] };
  const { description: _, default: __, type = [], ...form } = alone;
  const types = [type].flat().filter((one) => one !== 'null');
  return { ...note, ...form, ...object, type: [...types, 'object', 'null'] };
}

/** Values are read as text, and so zod has 512 as "512"; a file has the number. */
function numeric(preset: unknown, type: unknown): unknown {
  const isNumber = Array.isArray(type) && type.includes('integer');
  return isNumber && typeof preset === 'string' && /^\d+$/.test(preset) ? Number(preset) : preset;
}

/** What a route does not say it inherits: nothing is required, and nothing has a default but path and subprotocols. */
function asRoutes(json: Json): Json {
  const { required: _, ...item } = json['items'] as Json;
  const properties = Object.entries(item['properties'] as Json).map(([key, one]) => [
    key,
    ['path', 'subprotocols'].includes(key) ? one : withoutDefaults(one),
  ]);
  return { ...json, items: { ...item, properties: Object.fromEntries(properties) } };
}

/** Also without what a section requires: the keys at the top may have it. */
function withoutDefaults(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutDefaults);
  if (typeof json !== 'object' || json === null) return json;
  // There is a key that is named like the keyword, too.
  const isDropped = (key: string, one: unknown): boolean =>
    key === 'default' || (key === 'required' && Array.isArray(one));
  const entries = Object.entries(json).filter(([key, one]) => !isDropped(key, one));
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutDefaults(one)]));
}
