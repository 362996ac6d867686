/** The JSON Schema by which editors help; written to docs/config.schema.json by scripts/write-schema.ts. */
import { KEYS, type KeyShape, longFormJsonSchema } from './schema.ts';

type Json = Record<string, unknown>;

/** JSON Schema (draft 2020-12) of the configuration file, with descriptions, defaults, long and short forms. */
export function configJsonSchema(): Json {
  return {
    ...withShortForms(longFormJsonSchema() as Json, KEYS),
    type: 'object',
    patternProperties: { ...IGNORED, '^\\$schema$': {} },
    title: 'natsgate configuration',
    description: 'Every key is explained in docs/configuration.md.',
  };
}

/** The text of docs/config.schema.json. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
}

/** Keys that the gateway passes over, see load.ts. */
const IGNORED = { '^x-': {} };

/** What is empty is absent. A list also takes one entry alone; a section with a short form also takes the value of its short key. */
function withShortForms(json: Json, shape: KeyShape): Json {
  if (shape.kind === 'value') return withNumericDefault(json);
  const { description, default: preset, ...long } = json;
  const notes = description === undefined ? {} : { description };
  if (shape.kind === 'list') {
    const note = preset === undefined ? notes : { ...notes, default: preset };
    const list = { ...long, type: ['array', 'null'] };
    if (shape.item !== undefined)
      return { ...note, ...list, items: asRoute(withShortForms(long['items'] as Json, shape.item)) };
    return { ...note, anyOf: [long['items'], list] };
  }

  const written = long['properties'] as Json;
  const properties: Json = {};
  for (const [key, inner] of shape.keys) properties[key] = withShortForms(written[key] as Json, inner);
  const section = { ...long, type: ['object', 'null'], properties, patternProperties: IGNORED };
  if (shape.short === undefined) return { ...notes, ...section };
  return { ...notes, anyOf: [properties[shape.short], section] };
}

/** What a route does not say it inherits: no key is required, and none has a default of its own but `inherit.ts` names. */
function asRoute(json: Json): Json {
  const { required: _, ...section } = json;
  const properties = Object.entries(section['properties'] as Json).map(([key, one]) => [
    key,
    ['path', 'subprotocols'].includes(key) ? one : withoutDefaults(one),
  ]);
  return { ...section, properties: Object.fromEntries(properties) };
}

/** Also without what a section requires: the keys at the top may have it. */
function withoutDefaults(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutDefaults);
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).filter(([key]) => key !== 'default' && key !== 'required');
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutDefaults(one)]));
}

/** Values are read as text, and so zod has 512 as "512"; a file has the number. */
function withNumericDefault(json: Json): Json {
  const { type, default: preset } = json;
  const isNumber = Array.isArray(type) && typeof preset === 'string' && /^\d+$/.test(preset);
  return isNumber ? { ...json, default: Number(preset) } : json;
}
