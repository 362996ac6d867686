/** How text that somebody else wrote (a file, a flag, a variable) is put into our messages. */
import { escaped, printable } from '../printable.ts';

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

/** The same without the quotes, for keys. Blanks that only look like ordinary ones are escaped as well. */
export function plain(text: string): string {
  return cut(printable(hideCredentials(text)).replace(/(?! )\p{Zs}/gu, escaped));
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
  const room = MAX_SHOWN_BYTES - Buffer.byteLength('…');
  // The last character may be cut through.
  return `${Buffer.from(text)
    .toString('utf8', 0, room)
    .replace(/\ufffd+$/, '')}…`;
}
