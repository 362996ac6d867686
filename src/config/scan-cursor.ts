/** The ground on which the scan stands: a place in a line, what was found, and the repaired text. */
import { strangeCharacter } from './strange-character.ts';

export type Finding = {
  readonly offset: number;
  readonly text: string;
  /** The keys are perhaps not arranged as the writer meant, so that one may seem to be missing that is not. */
  readonly structural: boolean;
};

const MAX_DEPTH = 32;
/** Keys, list entries and commas together; a real file has a few hundred. Parsing time grows with them. */
const MAX_ENTRIES = 10_000;
/** After so many mistakes it is another kind of file. */
const MAX_FINDINGS = 200;

/** Of the control characters only line ends and tabs belong into a text file. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /(?:[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]|\r(?!\n))+/g;

export class ScanCursor {
  protected readonly text: string;
  protected readonly repaired: string[];
  protected readonly findings: Finding[] = [];
  /** Set: the rest is not looked at, and nothing is parsed. */
  protected hopeless = false;
  /** The line in hand (without its end) and the place in it. */
  protected start = 0;
  protected end = 0;
  protected at = 0;
  #entries = 0;

  constructor(text: string) {
    this.text = text.replace(CONTROLS, (found, offset: number) => {
      this.find(offset, `${strangeCharacter(found)?.name}, stands here; remove it`);
      return '_'.repeat(found.length);
    });
    this.repaired = this.text.split('');
  }

  /** To be called for each entry, with the depth at which it stands. */
  protected count(depth: number): void {
    this.#entries++;
    if (this.#entries > MAX_ENTRIES) {
      this.find(this.at, `more than ${MAX_ENTRIES} entries; write a shorter file`, true);
      this.hopeless = true;
    } else if (depth > MAX_DEPTH) {
      this.find(this.at, `more than ${MAX_DEPTH} levels of nesting; write a flatter file`, true);
      this.hopeless = true;
    }
  }

  protected find(offset: number, text: string, structural = false): void {
    if (this.hopeless) return;
    this.findings.push({ offset, text, structural });
    this.hopeless ||= this.findings.length >= MAX_FINDINGS;
  }

  /** What was found in later lines follows from what stands at `offset`. */
  protected forgetAfterLine(offset: number): void {
    const end = this.text.indexOf('\n', offset);
    const kept = this.findings.filter((finding) => end === -1 || finding.offset < end);
    this.findings.splice(0, this.findings.length, ...kept);
  }

  /** A tilde or # stands alone in front of blanks; anything else fills the whole stretch. */
  protected overwrite(from: number, to: number, by: string): void {
    this.repaired.fill(by === '_' ? '_' : ' ', from, to);
    this.repaired[from] = by;
  }

  protected dropLine(): void {
    this.overwrite(this.start, this.end, '#');
    this.at = this.end;
  }

  protected match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    return pattern.exec(this.text)?.[0];
  }

  protected skipBlanks(): void {
    while (this.at < this.end && (this.here === ' ' || this.here === '\t')) this.at++;
  }

  /** Line ends count as blanks. */
  protected isBlank(at: number): boolean {
    return at < this.start || at >= this.end || this.text[at] === ' ' || this.text[at] === '\t';
  }

  protected atEnd(): boolean {
    return this.at >= this.end || (this.here === '#' && this.isBlank(this.at - 1));
  }

  protected get here(): string {
    return this.text[this.at] ?? '';
  }
}
