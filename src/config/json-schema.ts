/** The JSON Schema by which editors help; written to docs/config.schema.json by scripts/write-schema.ts. */
import { KEYS, type KeyShape, longFormJsonSchema } from './schema.ts';

type Json = Record<string, unknown>;

/** JSON Schema (draft 2020-12) of the configuration file, with descriptions, defaults, long and short forms. */
export function configJsonSchema(): Json {
  return {
    ...withShortForms(longFormJsonSchema() as Json, KEYS),
    title: 'natsgate configuration',
    description: 'Every key is explained in docs/configuration.md.',
  };
}

/** The text of docs/config.schema.json. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`;
}

/** A list also takes one entry alone; a section with a short form also takes the value of its short key. */
function withShortForms(json: Json, shape: KeyShape): Json {
  if (shape.kind === 'value') return withNumericDefault(json);
  const { description, default: preset, ...long } = json;
  const notes = description === undefined ? {} : { description };
  if (shape.kind === 'list') {
    const note = preset === undefined ? notes : { ...notes, default: preset };
    return { ...note, anyOf: [long['items'], long] };
  }

  const written = long['properties'] as Json;
  const properties: Json = {};
  for (const [key, inner] of shape.keys) properties[key] = withShortForms(written[key] as Json, inner);
  const section = { ...long, properties };
  if (shape.short === undefined) return { ...notes, ...section };
  return { ...notes, anyOf: [properties[shape.short], section] };
}

/** Values are read as text, and so zod has 512 as "512"; a file has the number. */
function withNumericDefault(json: Json): Json {
  const { type, default: preset } = json;
  const isNumber = Array.isArray(type) && typeof preset === 'string' && /^\d+$/.test(preset);
  return isNumber ? { ...json, default: Number(preset) } : json;
}
