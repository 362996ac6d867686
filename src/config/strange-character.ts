/** Characters that nobody sees, or that look like others: editors and web pages put them into copied text. */

type Kind = { readonly pattern: RegExp; readonly name: string; readonly write: string };

const KINDS: readonly Kind[] = [
  { pattern: /[\u00a0\u2007\u202f]/, name: 'a no-break space', write: 'an ordinary space or nothing' },
  { pattern: /(?! )\p{Zs}/u, name: 'an unusual space', write: 'an ordinary space or nothing' },
  {
    pattern: /[\u00ab\u00bb\u2018-\u201f\u2032\u2033\u2039\u203a\uff02\uff07]/,
    name: 'a typographic quotation mark',
    write: '" or \'',
  },
  { pattern: /[\u2010-\u2015\u2212]/, name: 'a typographic dash', write: '-' },
  { pattern: /[\uff01-\uff5e]/, name: 'a fullwidth character', write: 'the ordinary one' },
  { pattern: /\p{Cc}/u, name: 'a control character', write: 'nothing' },
  { pattern: /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u, name: 'an invisible character', write: 'nothing' },
];

/** `U+00A0, a no-break space`, and what to write in its place; undefined: there is none. */
export function strangeCharacter(
  text: string,
): { readonly at: number; readonly name: string; readonly write: string } | undefined {
  let first: { at: number; name: string; write: string } | undefined;
  for (const { pattern, name, write } of KINDS) {
    const found = pattern.exec(text);
    if (found === null || (first !== undefined && first.at <= found.index)) continue;
    const code = text.codePointAt(found.index) ?? 0;
    first = {
      at: found.index,
      name: `U+${code.toString(16).toUpperCase().padStart(4, '0')}, ${name}`,
      write,
    };
  }
  return first;
}
