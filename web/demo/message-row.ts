import { byteSize } from '../shared/byte-size.ts';
import { clock, make } from '../shared/dom.ts';
import { visible } from '../shared/visible.ts';
import { type PayloadFormat, payloadPreview, payloadText } from './payload.ts';
import { subjectEnds } from './subject.ts';

/** What is shown of a message of nats.js, or of one that was kept over a reload. */
export type ShownMessage = {
  readonly subject: string;
  readonly reply?: string | undefined;
  readonly headers?: Iterable<readonly [string, readonly string[]]> | undefined;
  readonly data: Uint8Array;
};
export type Entry = { readonly at: Date; readonly message: ShownMessage };

/** One message of the list: a line, and what is below it once somebody opens it. */
export class MessageRow {
  readonly item: HTMLLIElement;
  readonly #details: HTMLDetailsElement;
  readonly #preview = make('span', 'preview');
  readonly #payload = make('pre', 'mono');
  readonly entry: Entry;

  /** `onToggle` is called at once when the row opens, and again when it has opened or closed. */
  constructor(entry: Entry, format: () => PayloadFormat, onToggle: (isOpen: boolean) => void) {
    this.entry = entry;
    const { at, message } = entry;
    const [head, tail] = subjectEnds(message.subject);
    const subject = make(
      'span',
      'subject',
      make('span', 'subject-head', head),
      make('span', 'subject-tail', tail),
    );
    subject.title = visible(message.subject);
    const size = make('span', 'size', byteSize(message.data.length));
    const summary = make('summary', '', make('time', '', clock(at)), subject, this.#preview, size);
    // The toggle event comes later, and the list may have moved meanwhile.
    summary.addEventListener('click', () => {
      if (!this.isOpen) onToggle(true);
    });
    this.#details = make('details', '', summary);
    this.#details.addEventListener('toggle', () => {
      this.#fill();
      this.draw(format());
      onToggle(this.isOpen);
    });
    this.item = make('li', '', this.#details);
    this.draw(format());
  }

  get isOpen(): boolean {
    return this.#details.open;
  }

  draw(format: PayloadFormat): void {
    const { data } = this.entry.message;
    for (const shown of [this.#preview, this.#payload]) shown.classList.toggle('nothing', data.length === 0);
    this.#preview.textContent = visible(payloadPreview(data, format)) || 'empty';
    if (this.isOpen) this.#payload.textContent = visible(payloadText(data, format)) || 'empty';
  }

  /** What is below the line is made when it is first opened: hundreds of closed ones a second would cost for nothing. */
  #fill(): void {
    if (this.#details.childElementCount > 1) return;
    const { subject, reply, headers } = this.entry.message;
    const body = make('div', 'body', make('p', 'hint', 'on ', make('code', '', subject)));
    if (reply) body.append(make('p', 'hint', 'reply to ', make('code', '', reply)));
    for (const [name, values] of headers ?? [])
      body.append(make('p', 'hint', make('code', '', name), ` ${values.join(', ')}`));
    body.append(this.#payload);
    this.#details.append(body);
  }
}
