/** What the list of sessions is asked for: the visitor's words as a query of the API. */
export type Search = {
  readonly state: 'open' | 'ended';
  readonly filter: string;
  readonly sort: string | undefined;
  readonly reversed: boolean;
  readonly offset: number;
};

export const ROWS = 50;
/** As the columns are called, with the names that the API has for them. */
const FIELDS: Readonly<Record<string, string>> = {
  user: 'user',
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

/** The path, and the fields that the filter names twice, of which the first counts. A word is `field:text`, or may be in any field. */
export function pathOf({ state, filter, sort, reversed, offset }: Search): {
  readonly path: string;
  readonly twice: readonly string[];
} {
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
  return { path: `/api/sessions?${query}`, twice };
}

/** Of the address of the page. */
export function searchOf(query: string): Search {
  const given = new URLSearchParams(query);
  return {
    state: given.get('state') === 'ended' ? 'ended' : 'open',
    filter: given.get('filter') ?? '',
    sort: given.get('sort') ?? undefined,
    reversed: given.get('order') === 'reversed',
    offset: Number(/^[1-9]\d{0,8}$/.exec(given.get('offset') ?? '')?.[0] ?? 0),
  };
}

/** The address of this list; what is as usual is not in it. */
export function addressOf({ state, filter, sort, reversed, offset }: Partial<Search>): string {
  const query = new URLSearchParams();
  if (state === 'ended') query.set('state', state);
  if (filter) query.set('filter', filter);
  if (sort !== undefined) query.set('sort', sort);
  if (reversed) query.set('order', 'reversed');
  if (offset) query.set('offset', String(offset));
  return query.size === 0 ? '#/sessions' : `#/sessions?${query}`.replaceAll('%3A', ':');
}
