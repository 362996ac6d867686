/** What may not begin a value, as a table. */

export type ValueRule = {
  /** Sticky; matches the whole token. */
  readonly pattern: RegExp;
  /** What is wrong; what to write. */
  readonly text: string;
  /** What the token is overwritten with. */
  readonly with: ' ' | '~' | '_' | '#';
  /** `on`: a value still follows. `done`: this was the value. `skip`: so is all that is indented deeper. */
  readonly next: 'on' | 'done' | 'skip';
};

export const VALUE_RULES: readonly ValueRule[] = [
  {
    pattern: /&[^\s,[\]{}]*/y,
    text: '& begins a YAML anchor, which is not supported; remove it, or write the value in quotes',
    with: ' ',
    next: 'on',
  },
  {
    pattern: /![^\s,[\]{}]*/y,
    text: '! begins a YAML tag, which is not supported; remove it, or write the value in quotes',
    with: ' ',
    next: 'on',
  },
  {
    pattern: /\*[^\s,[\]{}]*/y,
    text: "* begins a YAML alias, which is not supported; write '*' in quotes",
    with: '~',
    next: 'done',
  },
  {
    pattern: /[|>]/y,
    text: 'text over many lines is not supported; write the value in one line',
    with: '~',
    next: 'skip',
  },
  {
    pattern: /\?(?=\s|$)/y,
    text: 'a key after ? is not supported; write "key: value"',
    with: '#',
    next: 'skip',
  },
  {
    pattern: /-(?=\s|$)/y,
    text: 'a list entry begins within a line; write "- " at the begin of its own line',
    with: '_',
    next: 'done',
  },
  {
    pattern: /[%@`]/y,
    text: 'no value begins with %, @ or `; write it in quotes',
    with: '_',
    next: 'done',
  },
];
