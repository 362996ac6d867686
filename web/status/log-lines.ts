import type { LogLines } from '../../src/admin/api/log.ts';

export type LogLine = LogLines['lines'][number];

/** As many as the gateway keeps. */
const MOST_LINES = 500;

/** What is known after an answer, the newest first. One that knows less than before is of another process. */
export function joined(known: readonly LogLine[], { last, lines }: LogLines): readonly LogLine[] {
  const newest = known[0]?.number ?? 0;
  const fresh = lines.filter(({ number }) => last < newest || number > newest).toReversed();
  if (last < newest) return fresh;
  return fresh.length === 0 ? known : [...fresh, ...known].slice(0, MOST_LINES);
}

/** Its fields but those that have a column, as the log's text has them. */
export function fieldsOf({ level: _, time: __, message: ___, ...fields }: LogLine['line']): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
