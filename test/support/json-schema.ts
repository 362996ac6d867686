import type { Schema } from '../../src/admin/openapi/schema.ts';

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Where `value` is not as `schema` says, each with its path; `components` are what references name. */
export function differences(
  value: unknown,
  schema: Schema,
  components: Readonly<Record<string, Schema>>,
  path = '',
): readonly string[] {
  const { $ref, anyOf, enum: words, format, type } = schema;
  const inner = (one: unknown, its: Schema, key: string | number): readonly string[] =>
    differences(one, its, components, `${path}/${key}`);
  if ($ref !== undefined) {
    const named = components[$ref.replace('#/components/schemas/', '')];
    return named === undefined ? [`${path}: no ${$ref}`] : differences(value, named, components, path);
  }
  if (anyOf !== undefined) {
    const all = anyOf.map((one) => differences(value, one, components, path));
    return all.some((found) => found.length === 0) ? [] : all.flat();
  }
  if (words !== undefined && !words.includes(value as string))
    return [`${path}: ${value} is none of ${words}`];
  if (format === 'date-time' && !ISO.test(String(value))) return [`${path}: ${value} is no time`];
  if (type !== undefined && typeOf(value) !== type && !(type === 'number' && typeOf(value) === 'integer'))
    return [`${path}: ${typeOf(value)} in place of ${type}`];
  if (schema.minimum !== undefined && (value as number) < schema.minimum)
    return [`${path}: ${value} is too small`];
  if (type === 'array')
    return (value as unknown[]).flatMap((one, index) => inner(one, schema.items ?? {}, index));
  if (type !== 'object') return [];
  const { additionalProperties = true, properties = {}, required = [] } = schema;
  const map = value as Record<string, unknown>;
  return [
    ...required.filter((key) => !Object.hasOwn(map, key)).map((key) => `${path}/${key} is missing`),
    ...Object.entries(map).flatMap(([key, one]) => {
      const its = properties[key] ?? additionalProperties;
      if (its === false) return [`${path}/${key} is not in the schema`];
      return its === true ? [] : inner(one, its, key);
    }),
  ];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
