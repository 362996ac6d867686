/** Text with the names of values in braces, such as `{name} [{origin}]`. */
export type Template<T extends string> = readonly (string | { readonly value: T })[];

/** Of verified tokens alone. */
export const TOKEN_VALUES = ['user', 'tenant'] as const;
/** What may be in it: the client's own name, and what the gateway knows of the session. */
export const NAME_VALUES = ['name', 'origin', 'route', 'address', 'session', ...TOKEN_VALUES] as const;
export type NameValue = (typeof NAME_VALUES)[number];
export type NameTemplate = Template<NameValue>;
export type IdentityValue = (typeof TOKEN_VALUES)[number];
/** Of who the client is, and nothing else. */
export type IdentityTemplate = Template<IdentityValue>;

/** Of a name, in UTF-8. It is in every line that a nats-server logs of the connection. */
const MAX_NAME_BYTES = 128;

/** undefined: a brace is alone, or the word in braces is not known. */
export function readTemplate<const T extends string>(
  text: string,
  values: readonly T[],
): Template<T> | undefined {
  const parts = text.split(/(\{[^{}]*\})/).filter((part) => part !== '');
  const template = parts.map((part) => {
    const value = values.find((name) => part === `{${name}}`);
    return value === undefined ? part : { value };
  });
  return template.some((part) => typeof part === 'string' && /[{}]/.test(part)) ? undefined : template;
}

export const readNameTemplate = (text: string): NameTemplate | undefined => readTemplate(text, NAME_VALUES);

/** What clients write themselves, the one that says more first. */
const BY_CLIENTS = ['origin', 'name'] as const satisfies readonly NameValue[];

/**
 * Without control and format characters and separators of lines, which could disturb programs that show it, and cut to
 * 128 bytes: first what clients write themselves, which could else push out who they are.
 */
export function fillNameTemplate(
  template: NameTemplate,
  values: Readonly<Partial<Record<NameValue, string>>>,
): string {
  const filled = (by: typeof values): string =>
    template.map((part) => (typeof part === 'string' ? part : clean(by[part.value] ?? ''))).join('');
  let kept = { ...values, origin: '', name: '' };
  for (const value of BY_CLIENTS) {
    const times = template.filter((part) => typeof part !== 'string' && part.value === value).length;
    const room = Math.max(0, MAX_NAME_BYTES - Buffer.byteLength(clean(filled(kept))));
    kept = { ...kept, [value]: cut(clean(values[value] ?? ''), Math.floor(room / Math.max(1, times))) };
  }
  return cut(clean(filled(kept)).trim(), MAX_NAME_BYTES);
}

const clean = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');

function cut(text: string, mostBytes: number): string {
  // A character takes a byte at least, so that a long text costs no more than a short one.
  let length = Math.min(text.length, mostBytes);
  // No character is cut in two: a half of one would be written as U+FFFD.
  while (Buffer.byteLength(text.slice(0, length)) > mostBytes || isHalf(text, length)) length--;
  return text.slice(0, length);
}

const isHalf = (text: string, length: number): boolean => {
  const last = text.charCodeAt(length - 1);
  return last >= 0xd800 && last < 0xdc00;
};
