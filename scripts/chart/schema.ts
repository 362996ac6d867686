import { configJsonSchema } from '../../src/config/json-schema.ts';
import { type Json, KINDS } from './kinds.ts';
import { leaves, readValues, type ValueKey } from './values.ts';

/** Sections that are one value to the schema and to the README: a Kubernetes object, or the gateway's configuration. */
export const isWhole = (path: string): boolean => path in KINDS;

/**
 * The text of values.schema.json: closed at each depth, with the gateway's own schema inside, so that both refuse
 * the same. `global` may hold what other charts of an umbrella read, and `enabled` is its condition for this one.
 */
export function valuesSchemaText(chart: string): string {
  const keys = readValues(chart);
  const properties = { enabled: { type: 'boolean' }, ...propertiesOf(keys) };
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the natsgate chart',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...properties,
      global: { ...((properties as Json)['global'] as Json), additionalProperties: true },
    },
    definitions: { config: gatewaySchema() },
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** The table of all values in README.md. */
export function valuesTable(chart: string): string {
  const rows = leaves(readValues(chart), isWhole).map(({ path, value, comment }) => {
    const shown =
      typeof value === 'object' && value !== null && Object.keys(value).length > 1
        ? 'see values.yaml'
        : `\`${JSON.stringify(value)}\``;
    return `| \`${path}\` | ${shown} | ${comment.replaceAll('|', '\\|')} |`;
  });
  return ['| key | default | meaning and reason |', '|---|---|---|', ...rows].join('\n');
}

/** README.md with the table between its marks renewed. */
export function readmeText(chart: string, readme: string): string {
  const [before, rest] = readme.split('<!-- values -->');
  const after = rest?.split('<!-- /values -->')[1];
  if (before === undefined || after === undefined) throw new Error('README.md has no marks for the values');
  return `${before}<!-- values -->\n${valuesTable(chart)}\n<!-- /values -->${after}`;
}

function propertiesOf(keys: readonly ValueKey[]): Record<string, Json> {
  return Object.fromEntries(
    keys.map((key) => {
      const name = key.path.slice(key.path.lastIndexOf('.') + 1);
      const description = key.comment === '' ? {} : { description: key.comment };
      return [name, { ...description, ...schemaOf(key) }];
    }),
  );
}

function schemaOf({ path, value, children }: ValueKey): Json {
  const kind = KINDS[path];
  if (kind !== undefined) return kind;
  if (children !== undefined)
    return { type: 'object', additionalProperties: false, properties: propertiesOf(children) };
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return { type: typeof value };
    case 'object':
      if (value !== null && !Array.isArray(value))
        return /(^|\.)(labels|annotations|podLabels|podAnnotations|deploymentAnnotations|alertLabels|nodeSelector)$/i.test(
          path,
        )
          ? { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } }
          : { type: 'object' };
  }
  throw new Error(`scripts/chart/kinds.ts does not say what ${path} may be`);
}

/** The gateway's schema in draft-07, of which it uses no newer keyword. Nothing is required: the chart has defaults. */
export function gatewaySchema(): Json {
  const { $schema: _, required: __, ...schema } = configJsonSchema() as Json;
  return schema;
}
