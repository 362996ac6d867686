/**
 * The last guard before a terminal or a log viewer. Code that puts foreign text into a line has cut and escaped it
 * already; this holds for what was forgotten, and for names that come out of files.
 */

/**
 * Controls (C0, C1), format characters (bidi overrides and isolates, zero widths, tags), line and paragraph separators,
 * lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Nearly every line passes this, at a tenth of the cost. */
const PLAIN = /^[\x20-\x7e]*$/;

export const hasUnprintable = (text: string): boolean => text.search(UNPRINTABLE) >= 0;

export const escaped = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

/** One line of text, without its line end: what moves a cursor or turns the reading direction is written `\u{hex}`. */
export function printable(line: string): string {
  if (PLAIN.test(line)) return line;
  return line.replace(UNPRINTABLE, escaped);
}

/** JSON with the same value, in which those characters are written as JSON's own escapes. Line feeds stay. */
export function printableJson(json: string): string {
  return json.replace(/[^\x20-\x7e\n]+/g, (text) =>
    text.replace(UNPRINTABLE, (character) => {
      let escaped = '';
      for (let at = 0; at < character.length; at++)
        escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
      return escaped;
    }),
  );
}
