import { element } from '../shared/dom.ts';
import { keepMessages, keptMessages } from './kept-messages.ts';
import { type Entry, MessageRow, type ShownMessage } from './message-row.ts';
import type { PayloadFormat } from './payload.ts';

/** What the list remembers, and shows at most; and so many more that somebody has opened. */
const MAX_MESSAGES = 200;
const MAX_OPEN = 20;
/** A list that changes more often cannot be read, only heat the machine. */
const DRAW_INTERVAL_MS = 100;

/**
 * The live list, newest first: bounded, and drawn in batches however fast messages come. It stands still while a
 * message is open, or it would run away under the reader's eyes; "Go on" moves it all the same, and what is open stays.
 */
export class MessageList {
  readonly #list = element('message-list', HTMLOListElement);
  readonly #empty = element('message-empty');
  readonly #notShown = element('not-shown');
  readonly #hold = element('hold', HTMLButtonElement);
  /** As in the list: newest first. */
  #rows: MessageRow[] = [];
  #waiting: Entry[] = [];
  #received = 0;
  #receivedSinceDrawn = 0;
  /** Why the list stands still: somebody pressed the button, or opened a message. */
  #held: 'button' | 'open' | undefined;
  /** Between press and release nothing may move, or the click would hit nothing. */
  #isPressed = false;
  #format: PayloadFormat = 'json';
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#hold.addEventListener('click', () => this.#holds(this.#held === undefined ? 'button' : undefined));
    this.#list.addEventListener('pointerdown', () => (this.#isPressed = true));
    for (const end of ['pointerup', 'pointercancel'])
      addEventListener(end, () => {
        this.#isPressed = false;
        this.#schedule();
      });
    element('clear').addEventListener('click', () => this.#clear());
    for (const choice of document.querySelectorAll<HTMLInputElement>('input[name=format]')) {
      choice.addEventListener('change', () => this.#show(choice.value as PayloadFormat));
    }
    for (const { message, at } of keptMessages().toReversed()) this.add(message, at);
    addEventListener('pagehide', () =>
      keepMessages([...this.#waiting.toReversed(), ...this.#rows.map(({ entry }) => entry)]),
    );
  }

  add(message: ShownMessage, at = new Date()): void {
    this.#received++;
    this.#receivedSinceDrawn++;
    this.#waiting.push({ at, message });
    if (this.#waiting.length > MAX_MESSAGES) this.#waiting.shift();
    this.#schedule();
  }

  #holds(reason: 'button' | 'open' | undefined): void {
    this.#held = reason;
    this.#hold.setAttribute('aria-pressed', String(reason !== undefined));
    this.#hold.textContent = reason === undefined ? 'Hold' : 'Go on';
    this.#schedule();
  }

  #toggled(isOpen: boolean): void {
    if (isOpen) this.#holds(this.#held ?? 'open');
    else if (this.#held === 'open' && !this.#rows.some((row) => row.isOpen)) this.#holds(undefined);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, DRAW_INTERVAL_MS);
  }

  #draw(): void {
    if (this.#held === undefined && !this.#isPressed) {
      const format = () => this.#format;
      const toggled = (isOpen: boolean) => this.#toggled(isOpen);
      const added = this.#waiting.map((entry) => new MessageRow(entry, format, toggled));
      this.#waiting = [];
      this.#receivedSinceDrawn = 0;
      this.#list.prepend(...added.reverse().map(({ item }) => item));
      this.#rows = this.#trimmed([...added, ...this.#rows]);
      this.#empty.hidden = this.#rows.length > 0;
    }
    this.#notShown.textContent = this.#told();
  }

  /** Takes the oldest rows out of the list; open ones stay, unless there are too many of them as well. */
  #trimmed(rows: MessageRow[]): MessageRow[] {
    let closed = 0;
    let open = 0;
    return rows.filter((row) => {
      const stays = row.isOpen ? ++open <= MAX_OPEN : ++closed <= MAX_MESSAGES;
      if (!stays) row.item.remove();
      return stays;
    });
  }

  #told(): string {
    if (this.#held !== undefined) return `${this.#receivedSinceDrawn.toLocaleString('en')} newer`;
    if (this.#received <= this.#rows.length) return '';
    return `newest ${this.#rows.length} of ${this.#received.toLocaleString('en')}`;
  }

  #show(format: PayloadFormat): void {
    this.#format = format;
    this.#list.dataset['format'] = format;
    for (const row of this.#rows) row.draw(format);
  }

  #clear(): void {
    this.#waiting = [];
    this.#rows = [];
    this.#received = 0;
    this.#receivedSinceDrawn = 0;
    this.#list.replaceChildren();
    if (this.#held === 'open') this.#holds(undefined);
    this.#empty.hidden = false;
    this.#notShown.textContent = this.#told();
  }
}
