import { element } from '../shared/dom.ts';
import { readPlace, type Wish, writePlace } from './place.ts';

/** Some browsers take a hundred changes of an address in half a minute, and then none. */
const WRITE_DELAY_MS = 400;
const FIRST_SUBSCRIPTION: Wish = { subject: 'demo.>', queue: '' };

/** Keeps in the page's address what its forms say, and puts it back. */
export class PlaceKeeper {
  readonly #subject = element('publish-subject', HTMLInputElement);
  readonly #payload = element('publish-payload', HTMLTextAreaElement);
  readonly #wishes: () => readonly Wish[];
  readonly #onChange: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(wishes: () => readonly Wish[], onChange: () => void) {
    this.#wishes = wishes;
    this.#onChange = onChange;
    element('publish-form').addEventListener('input', () => this.changed());
  }

  /** Puts the address into the forms; gives the subscriptions that it asks for. */
  restore(): readonly Wish[] {
    const { subject, payload, subscriptions } = readPlace(location.hash);
    if (subject !== undefined) this.#subject.value = subject;
    if (payload !== undefined) this.#payload.value = payload;
    return subscriptions ?? [FIRST_SUBSCRIPTION];
  }

  changed(): void {
    this.#onChange();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const [subject, payload] = [this.#subject.value.trim(), this.#payload.value];
      history.replaceState(null, '', writePlace({ subject, payload, subscriptions: this.#wishes() }));
    }, WRITE_DELAY_MS);
  }
}
