import { visible } from './visible.ts';

/** The element of index.html with this id. Throws when page and script do not fit together. */
export function element<T extends Element = HTMLElement>(id: string, type?: new () => T): T {
  const found = document.getElementById(id);
  if (found === null || (type !== undefined && !(found instanceof type)))
    throw new Error(`index.html has no ${id}`);
  return found as unknown as T;
}

/** A new element with visible text, never markup: payloads and log lines are written by strangers. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children.map((child) => (typeof child === 'string' ? visible(child) : child)));
  return made;
}

/** `12:34:56.789`, local time. */
export function clock(at: Date, withMilliseconds = true): string {
  const time = at.toLocaleTimeString('en-GB', { hour12: false });
  return withMilliseconds ? `${time}.${String(at.getMilliseconds()).padStart(3, '0')}` : time;
}
