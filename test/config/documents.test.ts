import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configurationTypeText } from '../../scripts/configuration-type.ts';
import { configJsonSchemaText } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { load, REQUIRED } from './support.ts';

/** The schema, the JSON Schema, the example and the page must have the same keys with the same defaults. */
const example = read('config.example.yaml');
const page = read('docs/configuration.md');
const jsonSchemaText = read('docs/config.schema.json');

type Json = { readonly [key: string]: unknown };
type Row = { readonly preset: string | undefined; readonly required: boolean };

const NO_DEFAULT = [
  'listen.tls.certFile',
  'listen.tls.keyFile',
  'listen.tls.clientCaFile',
  'listen.health',
  'upstream.tls.caFile',
  'upstream.tls.certFile',
  'upstream.tls.keyFile',
  'upstream.tls.serverName',
  'admin.tokenFile',
  'admin.tls.certFile',
  'admin.tls.keyFile',
  'upstream.proxySeedFile',
  'connect.user',
  'connect.passwordFile',
  'connect.tokenFile',
  'connect.userCookie',
  'connect.passwordCookie',
  'connect.tokenCookie',
  'connect.sentinelFile',
  'connect.jwtCookie',
  'connect.credsFile',
  'connect.seedFile',
  'connect.account',
  'connect.tags',
  'connect.name',
  'connect.stamp',
  'captures.directory',
  'captures.keep',
  'auth.from',
  'auth.jwt',
  'auth.webhook.url',
  'auth.webhook.secretFile',
  'auth.identity.tenant',
  'auth.identity.groups',
  'policy.roles',
];
/** Sections that may be absent: their defaults and required keys only hold where they are there. */
const OPTIONAL = ['listen.tls', 'admin.tls', 'auth.webhook', 'auth', 'policy'];
const AUTH =
  'auth: {from: [{cookie: __Host-a}], jwt: [{issuer: a, audience: b, keys: {url: https://id.example/keys}}]}';
const WEBHOOK = 'auth: {webhook: {url: https://id.example/ask}}';
const REQUIRED_KEYS = ['origins.allow', 'upstream.servers'];

test('docs/config.schema.json is what scripts/write-schema.ts writes', () => {
  assert.equal(jsonSchemaText, configJsonSchemaText());
});

test('the type of a configuration is what scripts/write-schema.ts writes', () => {
  assert.equal(read('src/config/configuration.ts'), configurationTypeText());
});

test('the JSON Schema has the defaults of the schema, and the keys without are known', async () => {
  const rows = fromJsonSchema();
  const lines: string[] = [];
  for (const [key, { preset }] of rows) {
    if (preset !== undefined && !OPTIONAL.some((section) => key.startsWith(`${section}.`)))
      lines.push(nested(key, preset));
  }
  // All defaults written out mean the same as none.
  const written = await load(merged(lines));
  const bare = await load(REQUIRED);
  assert.deepEqual(written.lines, []);
  assert.deepEqual(written.config, bare.config);
  const without = [...rows].filter(([, row]) => row.preset === undefined).map(([key]) => key);
  assert.deepEqual(without.toSorted(), [...NO_DEFAULT, ...REQUIRED_KEYS].toSorted());
});

test('the table of the page has the same keys and defaults', () => {
  const table = new Map<string, string>();
  const allKeys = page.slice(page.indexOf('## All keys'), page.indexOf('## Short forms'));
  for (const [, key = '', preset = ''] of allKeys.matchAll(
    /^\| `([a-zA-Z.]+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$/gm,
  )) {
    table.set(key, preset.trim());
  }
  const expected = new Map<string, string>();
  for (const [key, { preset, required }] of fromJsonSchema()) {
    const within = OPTIONAL.find((section) => key.startsWith(`${section}.`));
    const needed = within === undefined ? 'required' : `required in \`${within}\``;
    expected.set(key, preset === undefined ? (required ? needed : 'none') : `\`${preset}\``);
  }
  assert.deepEqual([...table], [...expected]);
});

test('the page has a table for each section, in the order of the schema, and links to each of them', () => {
  const allKeys = page.slice(page.indexOf('## All keys'), page.indexOf('## Short forms'));
  const sections = [...new Set([...fromJsonSchema().keys()].map((key) => key.replace(/\..*/, '')))];
  const headings = [...allKeys.matchAll(/^### Keys? (?:of )?`(\w+)`$/gm)].map(([, name]) => name);
  assert.deepEqual(headings, sections);
  for (const [heading = '', ...rows] of allKeys
    .split(/^(?=### )/m)
    .slice(1)
    .map((part) => part.split('\n'))) {
    const name = /`(\w+)`/.exec(heading)?.[1] ?? '';
    const keys = rows.flatMap((row) => /^\| `(\w+)/.exec(row)?.[1] ?? []);
    assert.deepEqual([...new Set(keys)], [name]);
    const anchor = heading.replace('### ', '').replaceAll('`', '').replaceAll(' ', '-').toLowerCase();
    assert.ok(allKeys.includes(`[\`${name}\`](#${anchor})`), name);
  }
});

test('ranges and words of the page are those of the schema', async () => {
  for (const [, key = '', type = ''] of page.matchAll(/^\| `([a-zA-Z]+\.[a-zA-Z.]+)` \| ([^|]+) \|/gm)) {
    const range = /, (\S+) to ([^\s,]+)(?:, or `(\w+)`(?: or `\w+`)?)?$/.exec(type.trim());
    if (range === null) continue;
    const beside = key.startsWith('auth.') ? [AUTH] : [];
    if (key.startsWith('auth.webhook.')) beside.push(WEBHOOK);
    const { lines } = await load(merged([...beside, nested(key, '"nonsense"')]));
    const [, least, most, word] = range;
    assert.equal(lines.length, 1);
    assert.ok(lines[0]?.includes(`from ${least} to ${most}`), `${key}: ${lines[0]}`);
    if (word !== undefined) assert.ok(lines[0]?.includes(`write ${word} or`), `${key}: ${lines[0]}`);
  }
});

test('the example has every key, at its default', () => {
  const { keys, values } = fromExample();
  const rows = fromJsonSchema();
  assert.deepEqual(keys.toSorted(), [...rows.keys()].toSorted());
  for (const [key, { preset }] of rows) {
    if (preset !== undefined) assert.equal(values.get(key), preset, key);
  }
});

test('every key of the example has a comment', () => {
  const lines = example.split('\n');
  for (const [index, line] of lines.entries()) {
    if (!/^ +#?[a-zA-Z]+:/.test(line)) continue;
    assert.match(lines[index - 1] ?? '', /^ +# \S/, line);
  }
});

test('the example passes as it is, without a warning', async () => {
  const file = new URL('../../config.example.yaml', import.meta.url).pathname;
  const loaded = await loadConfig({ file, flags: {}, env: {} });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(loaded.config, (await load(REQUIRED)).config);
});

test('what the page shows as YAML passes', async () => {
  const [, first = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  const loaded = await load(first);
  assert.deepEqual(loaded.lines, []);
  for (const [, short = '', long = ''] of page.matchAll(/^\| `(\w+: [^|]*)` \| `(\w+: \{.*\})` \|$/gm)) {
    const rest = REQUIRED.split('\n')
      .filter((line) => !line.startsWith(short.slice(0, short.indexOf(':'))))
      .join('\n');
    const [one, other] = [await load(`${short}\n${rest}`), await load(`${long}\n${rest}`)];
    assert.ok(one.config !== undefined, one.lines.join());
    assert.deepEqual(one.config, other.config);
  }
});

function read(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

/** Every value key in the order of the schema. A section is what has properties, in long form where there are two. */
function fromJsonSchema(): Map<string, Row> {
  const rows = new Map<string, Row>();
  const walk = (json: Json, path: string, required: boolean): void => {
    const forms = (json['anyOf'] ?? [json]) as Json[];
    const section = forms.find((form) => form['properties'] !== undefined);
    if (section === undefined) {
      assert.equal(typeof json['description'], 'string', path);
      const preset = json['default'];
      const text =
        preset === undefined ? undefined : Array.isArray(preset) ? JSON.stringify(preset) : String(preset);
      rows.set(path, { preset: text, required });
      return;
    }
    assert.equal(section['additionalProperties'], false, path);
    const needed = (section['required'] ?? []) as string[];
    for (const [key, inner] of Object.entries(section['properties'] as Json)) {
      walk(inner as Json, path === '' ? key : `${path}.${key}`, needed.includes(key));
    }
  };
  walk(JSON.parse(jsonSchemaText) as Json, '', true);
  return rows;
}

/** Keys by indentation; a key switched off has a # right in front of it. */
function fromExample(): { keys: string[]; values: Map<string, string> } {
  const keys: string[] = [];
  const values = new Map<string, string>();
  const path: string[] = [];
  for (const line of example.split('\n')) {
    const match = /^( *)#?([a-zA-Z]+):(?: (.*))?$/.exec(line);
    if (match === null) continue;
    const [, indent = '', key = '', value] = match;
    path.length = indent.length / 2;
    path.push(key);
    values.set(path.join('.'), value ?? '');
  }
  for (const key of values.keys()) {
    if (![...values.keys()].some((other) => other.startsWith(`${key}.`))) keys.push(key);
  }
  return { keys, values };
}

/** `a.b.c`, value → `a: {b: {c: value}}`. */
function nested(key: string, value: string): string {
  const steps = key.split('.');
  return `${steps.join(': {')}: ${value}${'}'.repeat(steps.length - 1)}\n`;
}

type Tree = Map<string, Tree | string>;

/** A whole file from lines of `nested`, with what is required beside them. */
function merged(lines: readonly string[]): string {
  const tree: Tree = new Map();
  const required = ['origins: {allow: https://app.example.com}', 'upstream: {servers: nats://nats:4222}'];
  for (const line of [...required, ...lines]) {
    insert(tree, line.trim());
  }
  return [...tree].map(([key, value]) => `${key}: ${flow(value)}\n`).join('');
}

function insert(tree: Tree, line: string): void {
  const [, key = '', value = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
  const inner = /^\{(.*)\}$/.exec(value)?.[1];
  if (inner === undefined) tree.set(key, value);
  else {
    const known = tree.get(key);
    const section = known instanceof Map ? known : new Map();
    tree.set(key, section);
    insert(section, inner);
  }
}

function flow(value: Tree | string): string {
  if (typeof value === 'string') return value;
  return `{${[...value].map(([key, inner]) => `${key}: ${flow(inner)}`).join(', ')}}`;
}
