/** What Go's strconv.Quote prints as it is: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
const PRINTED = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** Text in quotes as nats-server writes subjects and queues into an -ERR (`%q` of Go). */
export function goQuote(text: string): string {
  // Nearly all subjects are plain ASCII.
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return `"${[...text].map(quoted).join('')}"`;
}

function quoted(character: string): string {
  const short = ESCAPES[character];
  if (short !== undefined) return short;
  if (PRINTED.test(character)) return character;
  const code = character.codePointAt(0) as number;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');
