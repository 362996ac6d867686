import { OPERATIONS, type Operation } from './operations.ts';
import { POLICY_SCHEMAS } from './policy-schemas.ts';
import { COUNT, object, type Schema, TEXT } from './schema.ts';
import { SESSION_SCHEMAS } from './session-schemas.ts';
import { STATUS_SCHEMAS } from './status-schemas.ts';

export type Route = { readonly method: string; readonly path: string };

/** OpenAPI 3.1 of these routes. One that `OPERATIONS` does not have shows without answers. */
export function openApiDocument(routes: readonly Route[]) {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path: pattern } of routes) {
    const path = pattern.replaceAll(/:(\w+)(\{.*?\})?(?=\/|$)/g, '{$1}');
    const operation = OPERATIONS[`${method} ${path}`];
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation ? described(operation, path) : {} };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'natsgate admin API',
      version: '1',
      description:
        'Times are ISO 8601 in UTC. toUpstream is from client to nats-server, toClient the other way. Every error is a problem document (RFC 9457).',
    },
    // Needed with admin.tokenFile.
    security: [{}, { token: [] }, { login: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        login: { type: 'apiKey', in: 'cookie', name: 'natsgate-admin' },
      },
      schemas: { ...STATUS_SCHEMAS, ...POLICY_SCHEMAS, ...SESSION_SCHEMAS, Problem: PROBLEM },
    },
  };
}

const PROBLEM = object({ type: TEXT, title: TEXT, status: COUNT, code: TEXT, detail: TEXT });

function described({ summary, query = {}, body, answers, problems = {} }: Operation, path: string) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  }));
  const inQuery = Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema }));
  const good = Object.entries(answers).map(([status, schema]) => [status, answerOf(schema)]);
  const bad = Object.entries(problems).map(([status, codes]) => [
    status,
    problemOf(`code: ${codes.join(', ')}`),
  ]);
  return {
    summary,
    ...(inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: asJson(body) } }),
    responses: {
      ...Object.fromEntries(good),
      ...Object.fromEntries(bad),
      default: problemOf('Any other error'),
    },
  };
}

function answerOf(answer: Schema | readonly string[] | undefined) {
  if (answer === undefined) return { description: 'Done' };
  const content = isFile(answer)
    ? Object.fromEntries(answer.map((type) => [type, { schema: TEXT }]))
    : asJson(answer);
  return { description: 'The answer', content };
}

const isFile = (answer: Schema | readonly string[]): answer is readonly string[] => Array.isArray(answer);

const problemOf = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

const asJson = (schema: Schema) => ({ 'application/json': { schema } });
