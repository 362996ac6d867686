import type { Entry } from './message-row.ts';

const KEY = 'messages';
const MAX_MESSAGES = 50;
/** What is larger is not worth the browser's storage, which is small. */
const MAX_BYTES = 4 * 1024;

type Kept = {
  readonly at: number;
  readonly subject: string;
  readonly reply?: string | undefined;
  readonly headers: readonly (readonly [string, readonly string[]])[];
  /** Base64. */
  readonly data: string;
};

/** Keeps the first of these entries for this tab, over a reload. */
export function keepMessages(entries: readonly Entry[]): void {
  const kept = entries
    .filter(({ message }) => message.data.length <= MAX_BYTES)
    .slice(0, MAX_MESSAGES)
    .map(({ at, message: { subject, reply, headers, data } }): Kept => {
      const bytes = btoa(String.fromCharCode(...data));
      return { at: at.getTime(), subject, reply, headers: [...(headers ?? [])], data: bytes };
    });
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Storage is full or forbidden: a reload begins with an empty list.
  }
}

/** What the tab had kept, in the same order. */
export function keptMessages(): readonly Entry[] {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as readonly Kept[];
    return kept.map(({ at, data, ...rest }) => ({
      at: new Date(at),
      message: { ...rest, data: Uint8Array.from(atob(data), (character) => character.charCodeAt(0)) },
    }));
  } catch {
    return [];
  }
}
