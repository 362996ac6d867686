/** What the list of sessions is asked for: the visitor's words as a query of the API. */
export type Search = {
  readonly state: 'open' | 'ended';
  readonly filter: string;
  readonly sort: string | undefined;
  readonly reversed: boolean;
  readonly offset: number;
};

export const ROWS = 50;
export const FILTER_FIELDS = [
  'user',
  'tenant',
  'role',
  'origin',
  'route',
  'client',
  'upstream',
  'reason',
  'name',
  'error',
];

/** The path, or the words of the filter that are none. A word is `field:text`, which may be in any part of the value. */
export function pathOf({ state, filter, sort, reversed, offset }: Search): {
  readonly path: string;
  readonly unknown: readonly string[];
} {
  const query = new URLSearchParams({ state, limit: String(ROWS) });
  const unknown: string[] = [];
  for (const word of filter.split(/\s+/).filter((one) => one !== '')) {
    const colon = word.indexOf(':');
    const field = word.slice(0, Math.max(0, colon));
    const text = word.slice(colon + 1);
    if (!FILTER_FIELDS.includes(field) || query.has(field)) unknown.push(word);
    else query.set(field, text === '' || text.includes('*') ? text : `*${text}*`);
  }
  if (sort !== undefined) query.set('sort', sort);
  if (reversed) query.set('order', 'reversed');
  if (offset > 0) query.set('offset', String(offset));
  return { path: `/api/sessions?${query}`, unknown };
}
