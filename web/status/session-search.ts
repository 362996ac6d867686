/** What the list of sessions is asked for: the visitor's words as a query of the API. */
export type Search = {
  readonly state: 'open' | 'ended';
  readonly filter: string;
  readonly sort: string | undefined;
  readonly reversed: boolean;
};

/** So many rows are asked for at a time; a page that is looked at begins in the first third of them. */
const ROWS = 150;
const STEP = 50;
/** As the columns are called, with the names that the API has for them. */
const FIELDS: Readonly<Record<string, string>> = {
  user: 'user',
  natsUser: 'natsUser',
  name: 'name',
  origin: 'origin',
  client: 'client',
  route: 'route',
  server: 'upstream',
  cid: 'cid',
  error: 'error',
  reason: 'reason',
  tenant: 'tenant',
  role: 'role',
  upstream: 'upstream',
};
export const FILTER_FIELDS = Object.keys(FIELDS).filter((name) => name !== 'upstream');

/**
 * The path of the rows from about `first` on, and how many come before them; and the fields that the filter names twice,
 * of which the first counts. A word is `field:text`, or may be in any field.
 */
export function pathOf({ state, filter, sort, reversed }: Search, first = 0) {
  const offset = Math.floor(first / STEP) * STEP;
  const query = new URLSearchParams({ state, limit: String(ROWS) });
  const words: string[] = [];
  const twice: string[] = [];
  for (const word of filter.split(/\s+/).filter((one) => one !== '')) {
    const [name = '', ...rest] = word.split(':');
    const text = rest.join(':');
    const field = rest.length > 0 && Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (field === undefined) words.push(word);
    else if (query.has(field)) twice.push(name);
    else query.set(field, text === '' || text.includes('*') ? text : `*${text}*`);
  }
  if (words.length > 0) query.set('any', words.join(' '));
  if (sort !== undefined) query.set('sort', sort);
  if (reversed) query.set('order', 'reversed');
  if (offset > 0) query.set('offset', String(offset));
  return { path: `/api/sessions?${query}`, offset, twice };
}

/** How many rows come before those of a path. */
export const offsetOf = (path = ''): number =>
  Number(new URLSearchParams(path.split('?')[1] ?? '').get('offset') ?? 0);

/** Of the address of the page. */
export function searchOf(query: string): Search {
  const given = new URLSearchParams(query);
  return {
    state: given.get('state') === 'ended' ? 'ended' : 'open',
    filter: given.get('filter') ?? '',
    sort: given.get('sort') ?? undefined,
    reversed: given.get('order') === 'reversed',
  };
}

/** The address of this list; what is as usual is not in it. */
export function addressOf({ state, filter, sort, reversed }: Partial<Search>): string {
  const query = new URLSearchParams();
  if (state === 'ended') query.set('state', state);
  if (filter) query.set('filter', filter);
  if (sort !== undefined) query.set('sort', sort);
  if (reversed) query.set('order', 'reversed');
  return query.size === 0 ? '#/sessions' : `#/sessions?${query}`.replaceAll('%3A', ':');
}
