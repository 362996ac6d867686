import { type ReadonlySignal, signal } from '@preact/signals';

const KEY = 'loginNeeded';
const needed = signal(localStorage.getItem(KEY) !== null);

/**
 * Whether this gateway has asked for a login. Remembered beyond this visit: scripts cannot see the cookie of a login,
 * and with it the API never says that it needs one.
 */
export const loginNeeded: ReadonlySignal<boolean> = needed;

/** To be called when the API has refused a request that had no login. */
export function rememberLoginNeeded(): void {
  localStorage.setItem(KEY, 'yes');
  needed.value = true;
}

/** The next refusal tells again. */
export const forgetLoginNeeded = (): void => localStorage.removeItem(KEY);
