/** Text with the names of values in braces, such as `{name} [{origin}]`. */
export type NameTemplate = readonly (string | { readonly value: NameValue })[];

/** Of verified tokens alone. */
export const TOKEN_VALUES = ['user', 'tenant'] as const;
/** What may be in it: the client's own name, and what the gateway knows of the session. */
export const NAME_VALUES = ['name', 'origin', 'route', 'address', 'session', ...TOKEN_VALUES] as const;
export type NameValue = (typeof NAME_VALUES)[number];

/** Of a name, in UTF-8. It is in every line that a nats-server logs of the connection. */
const MAX_NAME_BYTES = 128;

/** undefined: a brace is alone, or the word in braces is not known. */
export function readNameTemplate(text: string): NameTemplate | undefined {
  const parts = text.split(/(\{[^{}]*\})/).filter((part) => part !== '');
  const template = parts.map((part) => {
    const value = NAME_VALUES.find((name) => part === `{${name}}`);
    return value === undefined ? part : { value };
  });
  return template.some((part) => typeof part === 'string' && /[{}]/.test(part)) ? undefined : template;
}

/** Without control and format characters, which could disturb programs that show it, and cut to 128 bytes. */
export function fillNameTemplate(
  template: NameTemplate,
  values: Readonly<Partial<Record<NameValue, string>>>,
): string {
  const text = template
    .map((part) => (typeof part === 'string' ? part : (values[part.value] ?? '')))
    .join('');
  const clean = text.replace(/\p{C}/gu, '').trim();
  // A character takes a byte at least, so that a long name costs no more than a short one.
  let length = Math.min(clean.length, MAX_NAME_BYTES);
  // No character is cut in two: a half of one would be written as U+FFFD.
  while (Buffer.byteLength(clean.slice(0, length)) > MAX_NAME_BYTES || isHalf(clean, length)) length--;
  return clean.slice(0, length);
}

const isHalf = (text: string, length: number): boolean => {
  const last = text.charCodeAt(length - 1);
  return last >= 0xd800 && last < 0xdc00;
};
