import { configJsonSchema } from '../src/config/json-schema.ts';

type Schema = {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly pattern?: string;
};

/** src/config/configuration.ts: the configuration file as a type, for those who use natsgate as a library. */
export function configurationTypeText(): string {
  const type = objectType(configJsonSchema() as Schema, '');
  return `// Written by scripts/write-schema.ts.\n\n/** The keys of the configuration file; docs/configuration.md explains them. */\nexport type Configuration = ${type};\n`;
}

/** `\${NAME}` may take the place of any word; an editor that offers the words is worth more than that. */
const isVariable = ({ pattern = '' }: Schema): boolean => pattern.startsWith('\\$\\{');

function typeOf(schema: Schema, indent: string): string {
  if (schema.anyOf !== undefined) {
    const members = schema.anyOf.filter((one) => !isVariable(one)).map((one) => typeOf(one, indent));
    return [...new Set(members)].join(' | ');
  }
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ');
  if (schema.const !== undefined) return literal(schema.const);
  const types = [schema.type ?? []].flat().map((type) => {
    if (type === 'array') return `readonly ${inParentheses(typeOf(schema.items ?? {}, indent))}[]`;
    if (type === 'object') return objectType(schema, indent);
    return type === 'integer' ? 'number' : type;
  });
  return types.length === 0 ? 'unknown' : [...new Set(types)].join(' | ');
}

const inParentheses = (type: string): string => (/[|\s]/.test(type) ? `(${type})` : type);
const literal = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

function objectType({ properties, required = [], additionalProperties }: Schema, indent: string): string {
  if (properties === undefined) {
    const values =
      typeof additionalProperties === 'object' ? typeOf(additionalProperties, indent) : 'unknown';
    return `{ readonly [name: string]: ${values} }`;
  }
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([key, schema]) => {
    const preset = schema.default === undefined ? '' : ` Default: \`${JSON.stringify(schema.default)}\`.`;
    const about = schema.description === undefined ? '' : `${inner}/** ${schema.description}${preset} */\n`;
    return `${about}${inner}readonly ${key}${required.includes(key) ? '' : '?'}: ${typeOf(schema, inner)};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}
