import { createReadStream } from 'node:fs';
import { CaptureError, readCapture } from '../capture/ndjson.ts';
import type { FileReader } from '../config/files.ts';
import { quote } from '../config/text.ts';
import { DEFAULT_ROLE } from '../policy/roles.ts';
import { patternsFor } from '../policy/suggest.ts';
import type { CheckOutput } from './check.ts';
import { operationOf, refuseHashed } from './policy-captured.ts';

const MAX_FILE_BYTES = 1024 * 1024;
const INBOX = /^_INBOX\./;

type Row = Readonly<Record<'role' | 'rule' | 'operation' | 'subject', string>> & { readonly queue?: string };

/**
 * `natsgate policy suggest`: roles that allow what was seen, as YAML to be read by a person first. `file`: the answer of
 * /api/policy/observed, or a capture.
 */
export async function policySuggest(file: string, reader: FileReader, io: CheckOutput): Promise<number> {
  try {
    const rows = (await rowsOfAnswer(file, reader)) ?? (await rowsOfCapture(file));
    for (const line of suggested(rows)) io.out(line);
    return 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!(error instanceof CaptureError) && code === undefined) throw error;
    const what = error instanceof CaptureError ? error.message : `it cannot be read: ${code}`;
    io.err(`natsgate policy suggest: ${quote(file)}: ${what}`);
    return 1;
  }
}

/** undefined: the text is not an answer of the API. */
async function rowsOfAnswer(file: string, reader: FileReader): Promise<readonly Row[] | undefined> {
  const found = await reader.read(file, MAX_FILE_BYTES);
  if (!found.ok) return undefined;
  try {
    const { refused } = JSON.parse(found.bytes.toString()) as { readonly refused?: unknown };
    return Array.isArray(refused) ? refused.filter(isRow) : undefined;
  } catch {
    return undefined;
  }
}

const isRow = (one: unknown): one is Row =>
  typeof one === 'object' &&
  one !== null &&
  ['role', 'rule', 'operation', 'subject'].every((key) => typeof Reflect.get(one, key) === 'string');

async function rowsOfCapture(file: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for await (const record of readCapture(createReadStream(file))) {
    refuseHashed(record);
    const seen = operationOf(record);
    if (seen === undefined) continue;
    const { verb: operation, subject, second } = seen;
    const rule = operation === 'PUB' ? 'publish_allow' : 'subscribe_allow';
    const queue = operation === 'SUB' && second !== '' ? { queue: second } : {};
    rows.push({ role: DEFAULT_ROLE, rule, operation, subject, ...queue });
  }
  return rows;
}

function* suggested(rows: readonly Row[]): Generator<string> {
  yield 'policy:';
  yield '  mode: observe';
  yield '  roles:';
  for (const [role, ofRole] of Map.groupBy(rows, (row) => row.role)) {
    yield `    - name: ${role}`;
    yield* lists(ofRole);
    for (const [rule, others] of Map.groupBy(ofRole, (row) => row.rule))
      if (!rule.endsWith('_allow'))
        yield `      # refused by ${rule}: ${patternsFor(others.map(({ subject }) => subject))
          .map(plain)
          .join(', ')}`;
  }
}

function* lists(rows: readonly Row[]): Generator<string> {
  for (const key of ['publish', 'subscribe']) {
    const ones = rows.filter(({ rule, subject }) => rule === `${key}_allow` && !INBOX.test(subject));
    const byQueue = Map.groupBy(ones, ({ queue = '' }) => queue);
    const entries = [...byQueue].flatMap(([queue, those]) =>
      patternsFor(those.map(({ subject }) => subject)).map((one) => (queue === '' ? one : `${one} ${queue}`)),
    );
    if (entries.length === 0) continue;
    yield `      ${key}:`;
    yield '        allow:';
    for (const entry of entries) yield `          - ${JSON.stringify(plain(entry))}`;
  }
}

/** Subjects are what clients say. */
const plain = (text: string): string => text.replace(/[\p{C}\p{Z}]/gu, (one) => (one === ' ' ? one : '?'));
