import type { Msg } from '@nats-io/nats-core';
import { byteSize, clock, element, make } from './dom.ts';
import { type PayloadFormat, payloadPreview, payloadText } from './payload.ts';

/** What the list remembers, and shows at most. */
const MAX_MESSAGES = 200;
/** A list that changes more often cannot be read, only heat the machine. */
const DRAW_INTERVAL_MS = 100;

type Entry = { readonly at: Date; readonly message: Msg };

/** The live list, newest first: bounded, and drawn in batches however fast messages come. */
export class MessageList {
  readonly #list = element('message-list', HTMLOListElement);
  readonly #empty = element('message-empty');
  readonly #notShown = element('not-shown');
  #waiting: Entry[] = [];
  #skipped = 0;
  #held = false;
  #format: PayloadFormat = 'json';
  #timer: number | undefined;

  constructor() {
    const hold = element('hold', HTMLButtonElement);
    hold.addEventListener('click', () => {
      this.#held = !this.#held;
      hold.setAttribute('aria-pressed', String(this.#held));
      hold.textContent = this.#held ? 'Go on' : 'Hold';
      this.#schedule();
    });
    element('clear').addEventListener('click', () => this.#clear());
    for (const choice of document.querySelectorAll<HTMLInputElement>('input[name=format]')) {
      choice.addEventListener('change', () => this.#show(choice.value as PayloadFormat));
    }
  }

  add(message: Msg): void {
    this.#waiting.push({ at: new Date(), message });
    if (this.#waiting.length > MAX_MESSAGES) {
      this.#waiting.shift();
      this.#skipped++;
    }
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, DRAW_INTERVAL_MS);
  }

  #draw(): void {
    const skipped =
      this.#skipped === 0 ? '' : `${this.#skipped.toLocaleString('en')} came too fast to be shown`;
    const waiting = this.#held && this.#waiting.length > 0 ? `${this.#waiting.length} waiting` : '';
    this.#notShown.textContent = [waiting, skipped].filter(Boolean).join(', ');
    if (this.#held) return;
    const rows = this.#waiting.map((entry) => this.#row(entry)).reverse();
    this.#waiting = [];
    this.#list.prepend(...rows);
    while (this.#list.childElementCount > MAX_MESSAGES) this.#list.lastElementChild?.remove();
    this.#empty.hidden = this.#list.childElementCount > 0;
  }

  #row({ at, message }: Entry): HTMLLIElement {
    const summary = make(
      'summary',
      '',
      make('time', '', clock(at)),
      make('span', 'subject', message.subject),
    );
    const preview = make('span', 'preview');
    summary.append(preview, make('span', 'size', byteSize(message.data.length)));
    const details = make('details', '', summary);
    const body = make('div', 'body');
    const payload = make('pre', 'mono');
    const draw = () => {
      preview.textContent = payloadPreview(message.data, this.#format) || 'empty';
      if (details.open) payload.textContent = payloadText(message.data, this.#format) || 'empty';
    };
    // The body is made when it is first opened: hundreds of closed ones a second would cost for nothing.
    details.addEventListener('toggle', () => {
      if (body.childElementCount === 0) {
        body.append(make('p', 'hint', 'on ', make('code', '', message.subject)));
        if (message.reply) body.append(make('p', 'hint', 'reply to ', make('code', '', message.reply)));
        for (const [name, values] of message.headers ?? []) {
          body.append(make('p', 'hint', make('code', '', name), ` ${values.join(', ')}`));
        }
        body.append(payload);
        details.append(body);
      }
      draw();
    });
    draw();
    const item = make('li', '', details);
    item.addEventListener('redraw', draw);
    return item;
  }

  #show(format: PayloadFormat): void {
    this.#format = format;
    this.#list.dataset['format'] = format;
    for (const item of this.#list.children) item.dispatchEvent(new Event('redraw'));
  }

  #clear(): void {
    this.#waiting = [];
    this.#skipped = 0;
    this.#list.replaceChildren();
    this.#draw();
  }
}
