import type { RoleRules } from './rules.ts';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const BLANK = 0x20;
const COLON = 0x3a;
const STAR = 0x2a;

/** A name in lower case, or the beginning of names. */
type NamePattern = { readonly name: Buffer; readonly isBeginning: boolean };

/** Which headers a message must not have. */
export class HeaderRule {
  readonly #deny: readonly NamePattern[];
  readonly #allow: readonly NamePattern[];
  /** Where the refused name is. */
  nameStart = 0;
  nameEnd = 0;

  /** `also`: names that are allowed besides. */
  constructor({ deny, allow }: RoleRules['headers'], also: readonly string[] = []) {
    this.#deny = deny.map(patternOf);
    this.#allow = [...allow, ...also].map(patternOf);
  }

  get isNeeded(): boolean {
    return this.#deny.length > 0;
  }

  /**
   * Whether a header block has a name that is denied, and not allowed as an exception. Every CR and every LF begins a
   * line, and blanks around a name do not count; a first line with a colon, or without CR LF at its end, is refused, since
   * nats.py looks for names after ten bytes. So no reader of the message finds a name that is not found here.
   */
  refuses(bytes: Buffer, start: number, end: number): boolean {
    let from = start;
    for (let at = start; at <= end; at++) {
      const byte = at < end ? bytes[at] : LF;
      if (byte !== LF && byte !== CR) continue;
      if (from === start ? this.#refusesFirst(bytes, from, at) : this.#refusesLine(bytes, from, at))
        return true;
      from = at + 1;
    }
    return false;
  }

  #refusesFirst(bytes: Buffer, start: number, end: number): boolean {
    this.nameStart = start;
    this.nameEnd = end;
    for (let at = start; at < end; at++) if (bytes[at] === COLON) return true;
    return bytes[end] !== CR || bytes[end + 1] !== LF;
  }

  #refusesLine(bytes: Buffer, start: number, end: number): boolean {
    let first = start;
    while (first < end && isBlank(bytes[first])) first++;
    let last = first;
    while (last < end && bytes[last] !== COLON) last++;
    if (last === end) return false;
    while (last > first && isBlank(bytes[last - 1])) last--;
    this.nameStart = first;
    this.nameEnd = last;
    return isIn(this.#deny, bytes, first, last) && !isIn(this.#allow, bytes, first, last);
  }
}

const isBlank = (byte: number | undefined): boolean => byte === BLANK || byte === TAB;

function patternOf(text: string): NamePattern {
  const bytes = Buffer.from(text.toLowerCase());
  const isBeginning = bytes[bytes.length - 1] === STAR;
  return { name: isBeginning ? bytes.subarray(0, -1) : bytes, isBeginning };
}

function isIn(patterns: readonly NamePattern[], bytes: Buffer, start: number, end: number): boolean {
  for (const { name, isBeginning } of patterns) {
    if (isBeginning ? end - start < name.length : end - start !== name.length) continue;
    let at = 0;
    while (at < name.length && folded(bytes[start + at] as number) === name[at]) at++;
    if (at === name.length) return true;
  }
  return false;
}

/** ASCII letters in lower case; all else as it is. */
const folded = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
