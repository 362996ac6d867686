/**
 * The look at the text before a YAML parser sees it. A configuration needs little of YAML, and what it does
 * not need costs safety: aliases multiply, tags and directives change what values mean, depth overflows the
 * stack, and values over many lines hide mistakes. All of it is refused here, in one pass, line by line.
 *
 *   line ─▶ indent ─▶ [ - ]* ─▶ key ─▶ : ─▶ value           a line is understood without the others;
 *                                            ├─ plain         only open [ and { reach over its end
 *                                            ├─ " or '
 *                                            └─ [ … ] { … }
 *
 * What is refused is overwritten by harmless characters, as many, so that the parser still finds the rest at
 * its true position and one report can name everything.
 */
import type { Finding } from './scan-cursor.ts';
import { ValueScanner } from './scan-value.ts';
import { strangeCharacter } from './strange-character.ts';

export type Scan = {
  /** As long as the input, and free of everything that was found. */
  readonly text: string;
  readonly findings: readonly Finding[];
  /** The text is not worth (or not safe) to be parsed. */
  readonly hopeless: boolean;
};

const DOCUMENT_MARK = /(?:---|\.\.\.)(?![^ \t\r\n])/y;

/** Finds everything that a configuration file must not hold. Its time grows in proportion to the text. */
export function scan(text: string): Scan {
  return new Scanner(text).run();
}

class Scanner extends ValueScanner {
  #tabReported = false;
  #begun = false;
  #ended = false;

  run(): Scan {
    while (this.start < this.text.length && !this.hopeless) {
      const newline = this.text.indexOf('\n', this.start);
      const next = newline === -1 ? this.text.length : newline + 1;
      this.end = newline === -1 ? next : this.text[newline - 1] === '\r' ? newline - 1 : newline;
      this.at = this.start;
      this.#line();
      this.start = next;
    }
    const open = this.flows[0];
    if (open !== undefined && !this.hopeless) {
      this.forgetAfterLine(open.offset);
      this.find(open.offset, `the bracket is never closed; write ${open.closer} at its end`, true);
      this.hopeless = true;
    }
    return { text: this.repaired.join(''), findings: this.findings, hopeless: this.hopeless };
  }

  #line(): void {
    this.skipBlanks();
    if (this.at >= this.end || this.here === '#') return;
    if (this.flows.length > 0) return this.flowLine();
    const indent = this.at - this.start;
    if (indent > this.skipDeeperThan) return this.dropLine();
    this.skipDeeperThan = Number.POSITIVE_INFINITY;
    if (this.text.slice(this.start, this.at).includes('\t')) {
      if (!this.#tabReported) this.find(this.start, 'a tab cannot indent; write blanks', true);
      this.#tabReported = true;
      return this.dropLine();
    }
    if (indent === 0 && this.#isMarkOrDirective()) return;
    this.#begun = true;
    if (this.openValue !== undefined && indent > this.openValue.column) {
      this.find(this.at, this.#tooDeep(indent, this.openValue.column), true);
      this.skipDeeperThan = this.openValue.column;
      this.openValue = undefined;
      return this.dropLine();
    }
    this.openValue = undefined;
    const inner = this.blocks.findLastIndex(({ column }) => column <= indent);
    const left = this.blocks.splice(inner + 1);
    if (left.length > 0 && this.blocks.at(-1)?.column !== indent) {
      const text = 'the line is indented like none above it; indent lines that belong together alike';
      this.find(this.at, text, true);
      this.skipDeeperThan = indent;
      return this.dropLine();
    }
    this.#blockLine(indent);
  }

  /** `---` may begin the document and `...` end it. True: nothing of the line is left. */
  #isMarkOrDirective(): boolean {
    if (this.here === '%') {
      this.find(this.at, '% at the begin of a line is a YAML directive; remove the line', true);
      this.dropLine();
      return true;
    }
    const mark = this.match(DOCUMENT_MARK);
    if (this.#ended || (this.#begun && mark === '---')) {
      this.find(this.at, 'a second document begins here; write a single one', true);
      this.hopeless = true;
      return true;
    }
    if (mark === undefined) return false;
    this.#ended = mark === '...';
    this.#begun = true;
    this.at += mark.length;
    this.skipBlanks();
    if (this.at < this.end && this.here !== '#') {
      this.find(this.at, `something stands behind ${mark}; write it into the next line`, true);
      this.hopeless = true;
    }
    return true;
  }

  /** A line of a block: dashes, then perhaps a key, then perhaps a value. */
  #blockLine(indent: number): void {
    const top = this.blocks.at(-1);
    const beside = top === undefined || top.column === indent ? top : undefined;
    let parent = beside === undefined ? (top?.column ?? -1) : indent;
    let alone = true; // neither dash nor key so far
    while (this.here === '-' && this.isBlank(this.at + 1)) {
      parent = this.#openBlock(false);
      alone = false;
      this.at++;
      this.skipBlanks();
      if (this.atEnd()) return;
    }
    const first = this.at;
    if (!this.value(parent)) return;
    if (this.atKeyColon()) {
      this.#key(first);
    } else if (
      alone &&
      (beside !== undefined || top === undefined) &&
      !'[{'.includes(this.text[first] ?? '')
    ) {
      const remedy =
        beside?.keys === false ? '"- " before each entry' : '"key: value" with a blank after the colon';
      const reported = (this.findings.at(-1)?.offset ?? -1) >= this.start;
      if (!reported) this.find(first, this.#withoutKey(remedy), true);
      this.skipDeeperThan = indent;
      this.openValue = undefined;
      this.dropLine();
    }
  }

  /** What to say of the line in hand, which is deeper than the key or entry above it, though that has its value. */
  #tooDeep(indent: number, column: number): string {
    const isEntry = /^(?:-|[^\s:]+:)(?:\s|$)/.test(this.text.slice(this.at, this.end));
    return isEntry
      ? `the line is indented by ${indent}, its neighbours by ${Math.max(column, 0)}; indent lines that belong together alike`
      : 'the value of the line above goes on here; write it in one line';
  }

  /** What to say of the line in hand, in which no key was found. */
  #withoutKey(remedy: string): string {
    const strange = strangeCharacter(this.text.slice(this.start, this.end).replace(/\s#.*/, ''));
    if (strange === undefined) return `no key stands in this line; write ${remedy}`;
    return `${strange.name}, stands in this line; write ${strange.write} in its place`;
  }

  /** Behind a key: the colon and the value. */
  #key(first: number): void {
    const column = this.#openBlock(true, first);
    if (this.text.slice(first, this.at).trimEnd() === '<<') {
      this.find(first, 'YAML merge keys are not supported; write the keys themselves');
    }
    this.at++;
    this.openValue = undefined;
    this.skipBlanks();
    if (this.atEnd()) return;
    const value = this.at;
    if (!this.value(column) || !this.atKeyColon()) return;
    this.find(value, 'a second colon stands in this line; write the value in quotes, or a key in each line');
    this.overwrite(value, this.end, '~');
    this.openValue = undefined;
  }

  /** Opens a block at this column, or goes on with the one that is open there. Returns the column. */
  #openBlock(keys: boolean, at: number = this.at): number {
    const column = at - this.start;
    const top = this.blocks.at(-1);
    if (top?.column === column) top.keys ||= keys;
    else this.blocks.push({ column, keys });
    this.count(this.blocks.length);
    return column;
  }
}
