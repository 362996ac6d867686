/** A JSON Schema (2020-12), as far as OpenAPI 3.1 documents of ours need it. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'null';
  readonly description?: string;
  readonly format?: 'date-time';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
};

export const TEXT: Schema = { type: 'string' };
export const FLAG: Schema = { type: 'boolean' };
export const NUMBER: Schema = { type: 'number' };
/** Whole, and not below 0. */
export const COUNT: Schema = { type: 'integer', minimum: 0 };
export const TIME: Schema = { type: 'string', format: 'date-time' };
export const COUNTS: Schema = { type: 'object', additionalProperties: COUNT };

export const word = (...words: readonly string[]): Schema => ({ type: 'string', enum: words });
export const list = (items: Schema): Schema => ({ type: 'array', items });
export const either = (...anyOf: readonly Schema[]): Schema => ({ anyOf });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** Nothing but these; `optional` may be absent. */
export const object = (
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
  additionalProperties: false,
});

export const bothWays = (one: Schema): Schema => object({ toUpstream: one, toClient: one });
