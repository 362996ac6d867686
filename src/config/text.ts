/** How text that somebody else wrote (a file, a flag, a variable) is put into our messages. */

/** Longest piece of foreign text in a message, in bytes; enough to recognise it, too little to flood a log. */
const MAX_SHOWN_BYTES = 128;

/**
 * Foreign text in double quotes: control and direction-changing characters escaped, at most 128 bytes.
 * Everything up to the last @ is hidden, because that is where a URL carries its password; this holds for
 * every value, since a misspelt URL is no longer recognisable as one.
 */
export function quote(text: string): string {
  return `"${plain(text)}"`;
}

/** The same without the quotes, for keys. */
export function plain(text: string): string {
  return cut(escapeControls(hideCredentials(text)));
}

/**
 * Every character that could move the cursor, end the line or turn the reading direction, as \xNN or \uNNNN; and spaces
 * that only look like ordinary ones.
 */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${hex(code, 2)}`
      : code < 0x10000
        ? `\\u${hex(code, 4)}`
        : `\\u{${hex(code, 1)}}`;
  });
}

/** Whether the text holds a character of the kind that escapeControls escapes. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

/** `1 problem`, `2 problems`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function hideCredentials(text: string): string {
  const at = text.lastIndexOf('@');
  if (at === -1) return text;
  const scheme = /^[a-z]{1,8}:\/\//.exec(text)?.[0] ?? '';
  return `${scheme}***${text.slice(at)}`;
}

function cut(text: string): string {
  if (Buffer.byteLength(text) <= MAX_SHOWN_BYTES) return text;
  let bytes = 3; // the ellipsis
  let kept = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_SHOWN_BYTES) break;
    kept += character;
  }
  return `${kept}…`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
