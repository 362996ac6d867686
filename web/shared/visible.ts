/**
 * Controls, characters that turn the reading direction or show nothing, lone surrogates. Line feed and tab stay, and
 * what joins letters or emoji to one sign (U+200C, U+200D).
 */
const INVISIBLE = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A stranger's text as a person may see it: what could reorder or hide its neighbours is written `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
