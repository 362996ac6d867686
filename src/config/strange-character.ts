/** Characters that nobody sees, or that look like others: editors and web pages put them into copied text. */

const STRANGE =
  /(?<space>(?! )\p{Zs})|(?<quote>[\u00ab\u00bb\u2018-\u201f\u2032\u2033\u2039\u203a\uff02\uff07])|(?<dash>[\u2010-\u2015\u2212])|(?<wide>[\uff01-\uff5e])|(?<hidden>[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}])/u;

const KINDS: Readonly<Record<string, { readonly name: string; readonly write: string }>> = {
  space: { name: 'an unusual space', write: 'an ordinary space or nothing' },
  quote: { name: 'a typographic quotation mark', write: '" or \'' },
  dash: { name: 'a typographic dash', write: '-' },
  wide: { name: 'a fullwidth character', write: 'the ordinary one' },
  hidden: { name: 'a character that nobody sees', write: 'nothing' },
};

/** `U+00A0, an unusual space`, and what to write in its place; undefined: there is none. */
export function strangeCharacter(
  text: string,
): { readonly at: number; readonly name: string; readonly write: string } | undefined {
  const found = STRANGE.exec(text);
  const kind = KINDS[Object.entries(found?.groups ?? {}).find(([, is]) => is !== undefined)?.[0] ?? ''];
  if (found === null || kind === undefined) return undefined;
  const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return { at: found.index, name: `U+${code}, ${kind.name}`, write: kind.write };
}
