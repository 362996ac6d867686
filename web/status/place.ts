import { signal } from '@preact/signals';

export const VIEWS = [
  'overview',
  'sessions',
  'subjects',
  'handshakes',
  'policy',
  'captures',
  'log',
  'config',
] as const;
export type View = (typeof VIEWS)[number];

/** Where the visitor is: `#/overview`, `#/sessions?state=ended`, `#/sessions/17`. */
export type Place = {
  readonly view: View;
  /** One of the view's, as the number of a session. */
  readonly id: number | undefined;
  /** What the view is asked for: `state=ended&sort=age`. */
  readonly query: string;
  /** The address names no view. */
  readonly isUnknown: boolean;
};

export const place = signal<Place>(placeOf(''));

/** An address that names no view is the first one. The slash may be missing: `#policy`. */
export function placeOf(hash: string): Place {
  const [path = '', ...query] = hash.split('?');
  const [name = '', id = ''] = path.replace(/^#?\/?/, '').split('/');
  const view = VIEWS.find((one) => one === name);
  return {
    view: view ?? 'overview',
    id: /^[1-9]\d{0,14}$/.test(id) ? Number(id) : undefined,
    query: query.join('?'),
    isUnknown: view === undefined && name !== '',
  };
}
