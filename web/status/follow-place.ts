import { place, placeOf } from './place.ts';

/** Follows the address, so that Back works and a place can be sent to somebody. */
export function followPlace(): void {
  const read = (): void => {
    place.value = placeOf(location.hash);
  };
  addEventListener('hashchange', read);
  read();
}
