import { signal } from '@preact/signals';

export const VIEWS = ['overview'] as const;
export type View = (typeof VIEWS)[number];

/** Where the visitor is: `#/overview`. */
export type Place = { readonly view: View };

export const place = signal<Place>(placeOf(''));

/** An address that names no view is the first one. */
export function placeOf(hash: string): Place {
  const [, view = ''] = hash.split('/');
  return { view: VIEWS.find((one) => one === view) ?? 'overview' };
}
