import { decodeJsonString } from './json-text.ts';

export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array';

/** One member of the object, as offsets into the scanned bytes. */
export type JsonMember = {
  /** Decoded as Go decodes it. */
  readonly key: string;
  readonly keyStart: number;
  readonly kind: JsonKind;
  readonly valueStart: number;
  readonly valueEnd: number;
};

export type JsonObjectScan =
  | { readonly kind: 'object'; readonly members: readonly JsonMember[] }
  /** `expected` quotes nothing of the text, which may hold secrets. */
  | { readonly kind: 'invalid'; readonly offset: number; readonly expected: string };

/** Where Go's encoding/json gives up. */
const MAX_DEPTH = 10_000;

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LITERALS = ['true', 'false', 'null'] as const;
const ESCAPED = Buffer.from('"\\/bfnrt');

/**
 * Finds the members of the one JSON object that `bytes` must be, in their order, duplicates included. What is valid
 * is what Go's encoding/json takes: no byte order mark, nothing behind the object, no control character in a string;
 * any other byte may be in one. Time is linear, and depth costs no call stack.
 */
export function scanJsonObject(bytes: Buffer): JsonObjectScan {
  try {
    return { kind: 'object', members: new Scanner(bytes).object() };
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return { kind: 'invalid', offset: error.offset, expected: error.expected };
  }
}

class Unexpected extends Error {
  readonly offset: number;
  readonly expected: string;

  constructor(offset: number, expected: string) {
    super(`at byte ${offset}: expected ${expected}`);
    this.offset = offset;
    this.expected = expected;
  }
}

class Scanner {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  object(): JsonMember[] {
    const members: JsonMember[] = [];
    this.#blanks();
    this.#expect(OPEN_BRACE, 'a JSON object');
    this.#blanks();
    if (this.#here === CLOSE_BRACE) this.#at++;
    else
      do {
        this.#blanks();
        const keyStart = this.#at;
        const keyEnd = this.#key();
        this.#blanks();
        const valueStart = this.#at;
        const kind = this.#kind();
        this.#value();
        const key = decodeJsonString(this.#bytes.subarray(keyStart, keyEnd));
        members.push({ key, keyStart, kind, valueStart, valueEnd: this.#at });
      } while (this.#goesOn(CLOSE_BRACE));
    this.#blanks();
    if (this.#at < this.#bytes.length) this.#fail('nothing behind the object');
    return members;
  }

  /** Undefined behind the last byte. */
  get #here(): number | undefined {
    return this.#bytes[this.#at];
  }

  #fail(expected: string): never {
    throw new Unexpected(this.#at, expected);
  }

  #expect(byte: number, name: string): void {
    if (this.#here !== byte) this.#fail(name);
    this.#at++;
  }

  #blanks(): void {
    for (;;) {
      const byte = this.#here;
      if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return;
      this.#at++;
    }
  }

  /** Behind a member or an element: true when a comma says that another one follows. */
  #goesOn(close: number): boolean {
    this.#blanks();
    const byte = this.#here;
    if (byte !== COMMA && byte !== close) this.#fail(`a comma or ${String.fromCharCode(close)}`);
    this.#at++;
    return byte === COMMA;
  }

  /** @returns where the key ends; the place is behind its colon. */
  #key(): number {
    this.#blanks();
    if (this.#here !== QUOTE) this.#fail('a key in double quotes');
    this.#string();
    const keyEnd = this.#at;
    this.#blanks();
    this.#expect(COLON, 'a colon');
    return keyEnd;
  }

  #kind(): JsonKind {
    switch (this.#here) {
      case QUOTE:
        return 'string';
      case OPEN_BRACE:
        return 'object';
      case OPEN_BRACKET:
        return 'array';
      case 0x74: // t
      case 0x66: // f
        return 'boolean';
      case 0x6e: // n
        return 'null';
      default:
        return 'number';
    }
  }

  #value(): void {
    /** The brackets that are still to come, the innermost last. */
    const closes: number[] = [];
    for (;;) {
      this.#blanks();
      const open = this.#here;
      if (open === OPEN_BRACE || open === OPEN_BRACKET) {
        // The scanned object itself is one level.
        if (closes.length + 2 > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of nesting`);
        const close = open === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
        this.#at++;
        this.#blanks();
        if (this.#here !== close) {
          closes.push(close);
          if (close === CLOSE_BRACE) this.#key();
          continue;
        }
        this.#at++;
      } else this.#scalar();
      let close = closes.at(-1);
      while (close !== undefined && !this.#goesOn(close)) {
        closes.pop();
        close = closes.at(-1);
      }
      if (close === undefined) return;
      if (close === CLOSE_BRACE) this.#key();
    }
  }

  #scalar(): void {
    const byte = this.#here;
    if (byte === QUOTE) return this.#string();
    if (byte === MINUS || isDigit(byte)) return this.#number();
    const literal = LITERALS.find((word) => word.charCodeAt(0) === byte);
    if (literal === undefined) this.#fail('a value');
    for (let index = 0; index < literal.length; index++) this.#expect(literal.charCodeAt(index), literal);
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const byte = this.#here;
      if (byte === undefined) this.#fail('a closing double quote');
      if (byte < 0x20) this.#fail('no control character in a string; write it as \\u00XX');
      this.#at++;
      if (byte === QUOTE) return;
      if (byte === BACKSLASH) this.#escape();
    }
  }

  #escape(): void {
    const byte = this.#here;
    if (byte === 0x75) {
      this.#at++;
      for (let digits = 0; digits < 4; digits++) {
        if (!isHexDigit(this.#here)) this.#fail('four hexadecimal digits');
        this.#at++;
      }
    } else if (byte !== undefined && ESCAPED.includes(byte)) this.#at++;
    else this.#fail('one of " \\ / b f n r t u behind a backslash');
  }

  #number(): void {
    this.#skip(MINUS);
    if (!this.#skip(ZERO)) this.#digits();
    if (this.#skip(DOT)) this.#digits();
    if (this.#skip(0x65) || this.#skip(0x45)) {
      if (!this.#skip(MINUS)) this.#skip(PLUS);
      this.#digits();
    }
  }

  #skip(byte: number): boolean {
    if (this.#here !== byte) return false;
    this.#at++;
    return true;
  }

  #digits(): void {
    if (!isDigit(this.#here)) this.#fail('a digit');
    while (isDigit(this.#here)) this.#at++;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
