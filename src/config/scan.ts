/**
 * The look at the text before a YAML parser sees it. A configuration needs little of YAML, and what it does
 * not need costs safety: aliases multiply, tags and directives change what values mean, depth overflows the
 * stack, and values over many lines hide mistakes. So all of it is refused here, line by line, in one pass.
 *
 *   line ─▶ indent ─▶ [ - ]* ─▶ key ─▶ : ─▶ value          one line is understood without the others;
 *                                            ├─ plain       only open [ and { reach over its end
 *                                            ├─ " or '
 *                                            └─ [ { … } ]
 *
 * Whatever is refused is overwritten by harmless characters of the same length, so that the parser still finds
 * all the rest, at its true position, and one report can name everything.
 */

export type Finding = {
  readonly offset: number;
  readonly text: string;
  /** The structure is not what the writer meant: keys may seem to be missing that are not. */
  readonly structural: boolean;
};

export type Scan = {
  /** Same length as the input, and free of everything that was found. */
  readonly text: string;
  readonly findings: readonly Finding[];
  /** The rest is not worth (or not safe) to be parsed. */
  readonly hopeless: boolean;
};

const MAX_DEPTH = 32;
/** Keys, list entries and commas together; a real file has a few hundred. Parsing time grows with them. */
const MAX_ENTRIES = 10_000;
/** After so many mistakes it is another kind of file. */
const MAX_FINDINGS = 200;

/** An IPv6 address in brackets with a port, as it stands at the begin of a value. */
const BRACKETED_ADDRESS = /\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?\](?::\d*)?/y;
const INDICATED = /[&!][^\s,[\]{}]*/y;
const ALIAS = /\*[^\s,[\]{}]*/y;
const DOCUMENT_MARK = /(?:---|\.\.\.)(?=[ \t]|$)/y;

/** Finds everything that a configuration file must not hold. Takes time in proportion to the text. */
export function scan(text: string): Scan {
  return new Scanner(text).run();
}

type Block = { readonly column: number; keys: boolean };

class Scanner {
  readonly #text: string;
  readonly #characters: string[] = [];
  readonly #findings: Finding[] = [];
  #hopeless = false;
  #entries = 0;
  #blocks: Block[] = [];
  #flows: string[] = [];
  /** Lines indented deeper than this belong to a value that is already reported. */
  #skipDeeperThan = Number.POSITIVE_INFINITY;
  /** A plain value that ended with its line: deeper lines would go on with it. */
  #openValue: { readonly column: number } | undefined;
  #tabsReported = false;
  #seenContent = false;
  #seenEnd = false;
  // The line in hand.
  #start = 0;
  #end = 0;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Scan {
    const text = this.#text;
    for (let start = 0; start < text.length && !this.#hopeless; ) {
      const newline = text.indexOf('\n', start);
      const next = newline === -1 ? text.length : newline + 1;
      this.#start = this.#at = start;
      this.#end = newline === -1 ? next : text[newline - 1] === '\r' && newline > start ? newline - 1 : newline;
      this.#characters.push(text.slice(start, next));
      this.#line();
      start = next;
    }
    return { text: this.#characters.join(''), findings: this.#findings, hopeless: this.#hopeless };
  }

  #line(): void {
    this.#at += this.#blanks();
    const indent = this.#at - this.#start;
    if (this.#at === this.#end || this.#here === '#') return;
    if (this.#flows.length > 0) {
      if (this.#openValue !== undefined && !/[,\]}:]/.test(this.#here)) {
        this.#find('the value above goes on in this line; write a comma between entries', true);
      }
      this.#openValue = undefined;
      this.#tokens(indent);
      return;
    }
    if (indent > this.#skipDeeperThan) return this.#dropLine();
    this.#skipDeeperThan = Number.POSITIVE_INFINITY;
    if (this.#text.slice(this.#start, this.#at).includes('\t')) return this.#tabs();
    if (indent === 0 && this.#marks()) return;
    if (this.#openValue !== undefined && indent > this.#openValue.column) {
      this.#find('the line is indented as if the value above went on; indent it like its neighbours', true);
      this.#skipDeeperThan = this.#openValue.column;
      return this.#dropLine();
    }
    this.#openValue = undefined;
    this.#seenContent = true;
    while ((this.#blocks.at(-1)?.column ?? -1) > indent) this.#blocks.pop();
    this.#tokens(indent);
  }

  /** Directives and document marks; true when the line is dealt with. */
  #marks(): boolean {
    if (this.#here === '%') {
      this.#find('a line with % at its begin is a YAML directive; remove it', true);
      this.#dropLine();
      return true;
    }
    if (this.#seenEnd || (this.#seenContent && this.#match(DOCUMENT_MARK)?.startsWith('---'))) {
      this.#find('a second document begins here; write one document, without --- between', true);
      this.#hopeless = true;
      return true;
    }
    const mark = this.#match(DOCUMENT_MARK);
    if (mark === undefined) return false;
    if (mark === '...') this.#seenEnd = true;
    this.#seenContent = true;
    this.#blocks = [];
    this.#openValue = undefined;
    this.#at += mark.length;
    this.#tokens(0);
    return true;
  }

  /** The rest of a line. `column` is that of the innermost key or dash so far. */
  #tokens(indent: number): void {
    let column = indent;
    let nodeStart = true;
    let own = true; // nothing but the line's own first node so far: no dash, no key
    while (!this.#hopeless) {
      this.#at += this.#blanks();
      if (this.#at >= this.#end) return;
      const character = this.#here;
      const spaced = this.#isBlank(this.#at + 1);
      const inFlow = this.#flows.length > 0;
      if (character === '#' && this.#isBlank(this.#at - 1)) return;
      if (character === '-' && spaced && nodeStart && !inFlow) {
        column = this.#at - this.#start;
        this.#openBlock(column, false);
        this.#count();
        own = false;
        this.#at++;
      } else if (character === ',' && inFlow) {
        this.#count();
        nodeStart = true;
        this.#openValue = undefined;
        this.#at++;
      } else if (character === ':' && (spaced || (inFlow && !nodeStart))) {
        this.#count();
        nodeStart = true;
        own = false;
        this.#at++;
      } else if ((character === ']' || character === '}') && inFlow) {
        this.#flows.pop();
        nodeStart = false;
        this.#at++;
      } else if (nodeStart) {
        nodeStart = this.#node(column, own);
        if (!nodeStart) own = false;
      } else {
        this.#plainValue(column, false);
      }
    }
  }
