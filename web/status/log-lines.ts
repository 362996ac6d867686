import type { LogLines } from '../../src/admin/api/log.ts';
import { pairs } from '../../src/log-text.ts';

export type LogLine = LogLines['lines'][number];

/** As many as the gateway keeps, and of those before them the ones that it keeps longer. */
const MOST_LINES = 500;
const MOST_OLDER = 200;

/** What is known after an answer, the newest first. One that knows less than before is of another process. */
export function joined(known: readonly LogLine[], { last, lines }: LogLines): readonly LogLine[] {
  const newest = known[0]?.number ?? 0;
  const fresh = lines.filter(({ number }) => last < newest || number > newest).toReversed();
  if (last < newest) return fresh;
  if (fresh.length === 0) return known;
  const all = [...fresh, ...known];
  return [...all.slice(0, MOST_LINES), ...all.slice(MOST_LINES).filter(isKept).slice(0, MOST_OLDER)];
}

const isKept = ({ line }: LogLine): boolean =>
  line['level'] === 'warn' || line['level'] === 'error' || String(line['message']).endsWith(' by the API');

/** Its fields but those that have a column, as the log's text has them. */
export function fieldsOf({ level: _, time: __, message: ___, ...fields }: LogLine['line']): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => pairs(name, value))
    .join(' ');
}
