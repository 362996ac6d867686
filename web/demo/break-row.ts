import { element, make } from '../shared/dom.ts';
import { BREAKAGES, type Broken } from './breakage.ts';
import type { LogLine } from './dev-server.ts';
import { GatewayLines } from './gateway-lines.ts';
import { sentenceOf } from './reasons.ts';
import type { SocketEnd } from './socket-end.ts';

const MAX_RESULTS = 5;
/** The page's own connection ends and comes back within this, or nothing was broken. */
const PATIENCE_MS = 12_000;

/** The row of things to break, and for each what the browser saw beside what the gateway knew. */
export class BreakRow {
  readonly #lines = new GatewayLines();
  readonly #results = element('break-results', HTMLTableSectionElement);
  readonly #ends = new Set<(end: SocketEnd) => void>();
  readonly #opens = new Set<(nothing: undefined) => void>();
  #gatewayUrl = '';
  #isBusy = false;

  constructor() {
    for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-break]'))
      button.addEventListener('click', () => void this.#break(button));
  }

  /** The gateway that `natsgate dev` runs; undefined: there is none. */
  use(gatewayUrl: string | undefined): void {
    element('break').hidden = gatewayUrl === undefined;
    this.#gatewayUrl = gatewayUrl ?? '';
  }

  line(line: LogLine): void {
    this.#lines.add(line);
  }

  /** The page's own connection has ended, or is open (again). */
  ended(end: SocketEnd): void {
    for (const tell of this.#ends) tell(end);
  }

  opened(): void {
    for (const tell of this.#opens) tell(undefined);
  }

  async #break(button: HTMLButtonElement): Promise<void> {
    // Not disabled meanwhile: that would take the keyboard's focus away.
    const breakage = BREAKAGES[button.dataset['break'] ?? ''];
    if (this.#isBusy || breakage === undefined) return;
    this.#isBusy = true;
    const saw = make('td', '', '…');
    const knew = make('td', '', '…');
    const title = make('th', '', button.textContent);
    title.scope = 'row';
    this.#results.prepend(make('tr', '', title, saw, knew));
    while (this.#results.childElementCount > MAX_RESULTS) this.#results.lastElementChild?.remove();
    element('break-table').hidden = false;
    try {
      const broken = await breakage({
        gatewayUrl: this.#gatewayUrl,
        nextEnd: () => next(this.#ends),
        nextOpen: () => next(this.#opens),
      });
      saw.textContent = broken.saw;
      knew.replaceChildren(...(await this.#known(broken)));
    } catch (error) {
      saw.textContent = error instanceof Error ? error.message : String(error);
      knew.textContent = '–';
    } finally {
      this.#isBusy = false;
    }
  }

  async #known({ isKnownBy }: Broken): Promise<readonly (Node | string)[]> {
    const line = await this.#lines.find(isKnownBy);
    if (line === undefined) return ['Nothing: it went on.'];
    const { outcome, reason, rule, status, hint, operation, subject, user } = line.fields;
    const word = String(outcome ?? reason ?? rule);
    const sentence =
      rule === undefined ? sentenceOf(word) : `${line.message}: ${operation} ${subject} of ${user}`;
    const text = typeof hint === 'string' ? hint : (sentence ?? '');
    return [
      make('code', 'token', `${typeof status === 'number' ? `${status} ` : ''}${word}`),
      make('span', '', text),
    ];
  }
}

function next<T>(listeners: Set<(value: T) => void>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  listeners.add(resolve);
  const deadline = setTimeout(
    () => reject(new Error('The connection of this page did not change.')),
    PATIENCE_MS,
  );
  promise.catch(() => {}); // only one of two may be waited for
  return promise.finally(() => {
    clearTimeout(deadline);
    listeners.delete(resolve);
  });
}
