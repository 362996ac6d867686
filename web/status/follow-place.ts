import { place, placeOf } from './place.ts';

const read = (): void => {
  place.value = placeOf(location.hash);
};

/** Follows the address, so that Back works and a place can be sent to somebody. */
export function followPlace(): void {
  addEventListener('hashchange', read);
  read();
}

/** What the view shows from now on, in its address; Back leads to the view before. */
export function replacePlace(hash: string): void {
  history.replaceState(null, '', hash);
  read();
}
