import { FILTER_FIELDS, type SessionQuery, SORT_KEYS, type SortKey } from '../../status/session-query.ts';

const MOST_ROWS = 500;
/** As many as a user has at most; each session is compared with all of it. */
const MOST_CHARACTERS = 256;
const OTHERS = ['state', 'sort', 'order', 'after', 'offset', 'limit'];
const NAMES = [...OTHERS, ...FILTER_FIELDS];

/** Why a query is refused: a word, and a sentence that quotes nothing of it. */
export type QueryProblem = { readonly code: string; readonly detail: string };

/** What the query of `/api/sessions` asks for. */
export function readSessionQuery(query: Readonly<Record<string, string>>): SessionQuery | QueryProblem {
  // A typo in the name of a filter would show all sessions.
  if (Object.keys(query).some((name) => !NAMES.includes(name)))
    return { code: 'query', detail: `the parameters are ${NAMES.join(', ')}.` };
  const { state = 'open', sort, order = 'usual', after, offset = '0', limit = String(MOST_ROWS) } = query;
  if (state !== 'open' && state !== 'ended') return { code: 'state', detail: 'open or ended.' };
  if (sort !== undefined && !isSortKey(sort))
    return { code: 'sort', detail: `one of ${SORT_KEYS.join(', ')}.` };
  if (order !== 'usual' && order !== 'reversed') return { code: 'order', detail: 'usual or reversed.' };
  const rows = wholeNumber(limit);
  if (rows === undefined || rows < 1 || rows > MOST_ROWS)
    return { code: 'limit', detail: `a whole number from 1 to ${MOST_ROWS}.` };
  const skipped = wholeNumber(offset);
  if (skipped === undefined)
    return { code: 'offset', detail: 'how many rows come before, as a whole number.' };
  const lastSeen = wholeNumber(after ?? '0');
  if (lastSeen === undefined) return { code: 'after', detail: 'the id of a session, as a whole number.' };
  if (after !== undefined && (state === 'ended' || sort !== undefined || order === 'reversed'))
    return { code: 'after', detail: 'only for open sessions in the order of their ids; use offset.' };
  const filters = FILTER_FIELDS.flatMap((field): SessionQuery['filters'] => {
    const pattern = query[field];
    if (field !== 'any' || pattern === undefined) return pattern === undefined ? [] : [{ field, pattern }];
    return pattern
      .toLowerCase()
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => ({ field, pattern: `*${word}*` }));
  });
  const tooLong = filters.find(({ pattern }) => pattern.length > MOST_CHARACTERS);
  if (tooLong !== undefined)
    return { code: tooLong.field, detail: `a text of at most ${MOST_CHARACTERS} characters.` };
  return {
    state,
    filters,
    sort,
    reversed: order === 'reversed',
    after: lastSeen,
    offset: skipped,
    limit: rows,
  };
}

const isSortKey = (text: string): text is SortKey => (SORT_KEYS as readonly string[]).includes(text);

/** undefined: it is not one that a number holds exactly. */
const wholeNumber = (text: string): number | undefined =>
  /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
