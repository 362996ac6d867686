/** Values within one line of the scan: plain, quoted, in brackets, and what may not begin one. */
import { ScanCursor } from './scan-cursor.ts';
import { VALUE_RULES, type ValueRule } from './scan-rules.ts';

/** An IPv6 address in brackets, with or without a port. */
const BRACKETED_ADDRESS = /\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?\](?::\d+)?/y;
/** A variable, whose braces are those of a map where YAML is within brackets. */
const VARIABLE = /\$\{[^}\s]*\}?/y;
const QUOTED = { '"': /"(?:[^"\\\n]|\\.)*"/y, "'": /'(?:[^'\n]|'')*'/y } as const;

/** An open block: the keys or dashes of its lines stand in this column. */
export type Block = { readonly column: number; keys: boolean };

export class ValueScanner extends ScanCursor {
  /** Open blocks by rising column, and open brackets. */
  protected readonly blocks: Block[] = [];
  protected readonly flows: { readonly offset: number; readonly closer: string }[] = [];
  /** A plain value that ended with its line; a line deeper than its column would go on with it. */
  protected openValue: { readonly column: number } | undefined;
  /** Deeper lines belong to something that is already reported. */
  protected skipDeeperThan = Number.POSITIVE_INFINITY;

  /** Reads one value and what follows it up to a colon, a comment or the end of the line. False: given up. */
  protected value(parent: number): boolean {
    if (!this.#nodeStart(parent)) return false;
    if (this.flows.length > 0 && !this.#flow()) return false;
    this.skipBlanks();
    if (this.atEnd() || this.atKeyColon()) return true;
    this.find(this.at, 'something stands behind the value; write one value, in quotes as a whole');
    this.overwrite(this.at, this.end, ' ');
    this.at = this.end;
    return true;
  }

  protected flowLine(): void {
    if (this.openValue !== undefined && !',]}:'.includes(this.here)) {
      this.find(this.at, 'the value of the line above goes on here; write a comma between entries');
    }
    this.openValue = undefined;
    this.#flow();
  }

  protected atKeyColon(): boolean {
    return this.flows.length === 0 && this.here === ':' && this.isBlank(this.at + 1);
  }

  /** Inside brackets, to the end of the line or of the outermost bracket. False: given up or still open. */
  #flow(): boolean {
    let awaitsNode = true;
    while (this.flows.length > 0 && !this.hopeless) {
      this.skipBlanks();
      if (this.atEnd()) return false;
      const character = this.here;
      if (character === ',' || (character === ':' && (!awaitsNode || this.isBlank(this.at + 1)))) {
        this.count(this.#depth);
        this.openValue = undefined;
        awaitsNode = true;
        this.at++;
      } else if (character === ']' || character === '}') {
        const open = this.flows.pop();
        if (open?.closer !== character) {
          this.find(this.at, `the wrong bracket closes here; write ${open?.closer}`, true);
          this.hopeless = true;
        }
        this.openValue = undefined;
        awaitsNode = false;
        this.at++;
      } else if (awaitsNode) {
        awaitsNode = false;
        const depth = this.flows.length;
        if (!this.#nodeStart(-1)) return false;
        if (this.flows.length > depth) awaitsNode = true;
      } else {
        this.find(this.at, 'something stands behind the value; write a comma between entries', true);
        // With the comma in place of the blank, the rest can be read as it was meant.
        if (this.isBlank(this.at - 1) && this.at > this.start) this.overwrite(this.at - 1, this.at, ',');
        else this.hopeless = true;
        awaitsNode = true;
      }
    }
    return !this.hopeless;
  }

  /** The first token of a value; brackets are only opened. False: the line is given up. */
  #nodeStart(parent: number): boolean {
    for (let rule = this.#rule(); rule !== undefined; rule = this.#rule()) {
      const end = this.at + (this.match(rule.pattern)?.length ?? 1);
      this.find(this.at, rule.text, rule.next === 'skip');
      this.overwrite(this.at, rule.next === 'skip' ? this.end : end, rule.with);
      this.at = end;
      if (rule.next === 'skip') {
        this.hopeless ||= this.flows.length > 0;
        this.skipDeeperThan = Math.max(parent, 0);
        return false;
      }
      if (rule.next === 'done') {
        if (rule.with === '_' && !this.atEnd() && !this.#endsPlain(this.flows.length > 0))
          this.#plain(parent);
        return true;
      }
      this.skipBlanks();
      if (this.atEnd()) return true;
    }
    const character = this.here;
    if (character === '"' || character === "'") return this.#quoted(character);
    if (character !== '[' && character !== '{') {
      this.#plain(parent);
      return true;
    }
    const address = this.match(BRACKETED_ADDRESS);
    if (address !== undefined) {
      this.find(this.at, `YAML takes [ for the begin of a list; write '${address.slice(0, 64)}' in quotes`);
      this.overwrite(this.at, this.at + address.length, '~');
      this.at += address.length;
      return true;
    }
    this.flows.push({ offset: this.at, closer: character === '[' ? ']' : '}' });
    this.count(this.#depth);
    this.at++;
    return true;
  }

  #quoted(quote: '"' | "'"): boolean {
    const quoted = this.match(QUOTED[quote]);
    if (quoted !== undefined) {
      this.at += quoted.length;
      return true;
    }
    this.find(this.at, `the quote is not closed in its line; write ${quote} at the end of the value`, true);
    this.overwrite(this.at, this.end, '~');
    this.at = this.end;
    this.hopeless ||= this.flows.length > 0;
    return true;
  }

  /** A value without quotes: to the next indicator, a comment or the end of the line. */
  #plain(parent: number): void {
    const inFlow = this.flows.length > 0;
    do {
      const brackets = inFlow ? (this.match(BRACKETED_ADDRESS) ?? this.match(VARIABLE)) : undefined;
      if (brackets !== undefined) {
        this.find(
          this.at,
          'within [ ] and { } a value with brackets or braces is not plain; write it in quotes',
        );
        this.overwrite(this.at, this.at + brackets.length, '_');
      }
      this.at += brackets?.length ?? 1;
    } while (!this.atEnd() && !this.#endsPlain(inFlow));
    if (this.atEnd()) this.openValue = { column: parent };
  }

  #endsPlain(inFlow: boolean): boolean {
    const character = this.here;
    if (character === ':') {
      return this.isBlank(this.at + 1) || (inFlow && ',[]{}'.includes(this.text[this.at + 1] ?? ' '));
    }
    if (!inFlow || !',[]{}'.includes(character)) return false;
    return this.match(BRACKETED_ADDRESS) === undefined;
  }

  #rule(): ValueRule | undefined {
    return VALUE_RULES.find((rule) => this.match(rule.pattern) !== undefined);
  }

  get #depth(): number {
    return this.blocks.length + this.flows.length;
  }
}
