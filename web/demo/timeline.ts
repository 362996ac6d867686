import type { LogLine } from './dev-server.ts';
import { clock, element, make } from './dom.ts';
import { type SocketEnd, sentenceOf, sentenceOfCode, tokenOf } from './reasons.ts';

const MAX_ENTRIES = 40;
/** A refusal and the gateway's line about it arrive by different ways; this far apart they still belong together. */
const SAME_MOMENT_MS = 3_000;

type Refusal = { readonly outcome: string; readonly status: number; readonly atMs: number };
type RefusedEntry = { readonly item: HTMLLIElement; atMs: number; times: number; outcome: string };

/** What became of each session of this page, newest first, each end with its code, its word and its sentence. */
export class Timeline {
  readonly #list = element('timeline', HTMLOListElement);
  /** The newest entry, when it is a refusal: the next one like it is counted there. */
  #refused: RefusedEntry | undefined;
  /** A log line about a refusal that this page has not noticed yet. */
  #announced: Refusal | undefined;

  opened(text: string): void {
    this.#refused = undefined;
    this.#add('good', 'Session open', '', text);
  }

  note(title: string, text: string): void {
    this.#refused = undefined;
    this.#add('note', title, '', text);
  }

  ended(end: SocketEnd): void {
    if (!end.wasOpen) {
      this.#refusal();
      return;
    }
    this.#refused = undefined;
    const token = tokenOf(end);
    const kind = token === 'client_closed' || end.code === 1001 ? 'note' : 'bad';
    this.#add(kind, 'Session ended', `${end.code} ${token}`, sentenceOf(token) ?? sentenceOfCode(end.code));
  }

  /** The gateway's log line about a handshake of this page's origin: why the browser said only "failed". */
  explain(line: LogLine): Refusal | undefined {
    const { outcome, status, origin } = line.fields;
    if (typeof outcome !== 'string' || typeof status !== 'number' || origin !== location.origin)
      return undefined;
    const refusal = { outcome, status, atMs: Date.parse(line.time) };
    if (Math.abs(Date.now() - refusal.atMs) > SAME_MOMENT_MS) return undefined; // told again after a reload
    const entry = this.#refused;
    if (entry !== undefined && (entry.outcome === '' || entry.outcome === outcome))
      this.#fill(entry, refusal);
    else this.#announced = refusal;
    return refusal;
  }

  #refusal(): void {
    const announced = this.#announced;
    this.#announced = undefined;
    const known =
      announced !== undefined && Date.now() - announced.atMs < SAME_MOMENT_MS ? announced : undefined;
    const entry = this.#refused;
    if (
      entry !== undefined &&
      (known === undefined || known.outcome === entry.outcome || entry.outcome === '')
    ) {
      entry.times++;
      entry.atMs = Date.now();
      const time = entry.item.querySelector('time');
      if (time !== null) time.textContent = `${clock(new Date(), false)} · ${entry.times} times`;
      if (known !== undefined) this.#fill(entry, known);
      return;
    }
    const item = this.#add(
      'bad',
      'Not let in',
      '',
      'The handshake failed. A browser does not tell a page why; see the gateway’s log.',
    );
    this.#refused = { item, atMs: Date.now(), times: 1, outcome: '' };
    if (known !== undefined) this.#fill(this.#refused, known);
  }

  #fill(entry: RefusedEntry, refusal: Refusal): void {
    if (entry.outcome === refusal.outcome) return;
    entry.outcome = refusal.outcome;
    const [code, text] = [entry.item.querySelector('code'), entry.item.querySelector('p')];
    if (code !== null) code.textContent = `${refusal.status} ${refusal.outcome}`;
    if (text !== null) text.textContent = sentenceOf(refusal.outcome) ?? '';
  }

  #add(kind: 'good' | 'bad' | 'note', title: string, token: string, text: string): HTMLLIElement {
    const item = make(
      'li',
      kind,
      make('div', 'entry-head', make('b', 'entry-title', title), make('time', '', clock(new Date(), false))),
      make('code', 'token', token),
      make('p', '', text),
    );
    this.#list.prepend(item);
    while (this.#list.childElementCount > MAX_ENTRIES) this.#list.lastElementChild?.remove();
    return item;
  }
}
