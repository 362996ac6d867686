import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { element, make } from './dom.ts';

const MAX_SUBSCRIPTIONS = 20;

type Wanted = {
  readonly subject: string;
  readonly queue: string;
  live: Subscription | undefined;
  received: number;
};

/** The page's subscriptions: kept over disconnects, made anew on each new connection. */
export class Subscriptions {
  readonly #wanted: Wanted[] = [];
  readonly #onMessage: (message: Msg) => void;
  readonly #onError: (text: string) => void;
  #nats: NatsConnection | undefined;

  constructor(onMessage: (message: Msg) => void, onError: (text: string) => void) {
    this.#onMessage = onMessage;
    this.#onError = onError;
    const subject = element('subscribe-subject', HTMLInputElement);
    const queue = element('subscribe-queue', HTMLInputElement);
    element('subscribe-form').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.add(subject.value.trim(), queue.value.trim())) subject.value = '';
    });
    setInterval(() => this.#drawCounts(), 500);
  }

  add(subject: string, queue = ''): boolean {
    if (subject === '' || this.#wanted.some((known) => known.subject === subject && known.queue === queue))
      return false;
    if (this.#wanted.length >= MAX_SUBSCRIPTIONS) {
      this.#onError(`This page keeps ${MAX_SUBSCRIPTIONS} subscriptions at most.`);
      return false;
    }
    const wanted = { subject, queue, live: undefined, received: 0 };
    if (!this.#subscribe(wanted)) return false;
    this.#wanted.push(wanted);
    this.#draw();
    return true;
  }

  /** A new connection, or none. nats.js itself carries subscriptions over a reconnect of the same one. */
  use(nats: NatsConnection | undefined): void {
    if (nats === this.#nats) return;
    this.#nats = nats;
    for (const wanted of this.#wanted) {
      wanted.live = undefined;
      this.#subscribe(wanted);
    }
  }

  #subscribe(wanted: Wanted): boolean {
    if (this.#nats === undefined) return true;
    try {
      wanted.live = this.#nats.subscribe(wanted.subject, {
        ...(wanted.queue === '' ? {} : { queue: wanted.queue }),
        callback: (error, message) => {
          if (error !== null) return this.#onError(`${wanted.subject}: ${error.message}`);
          wanted.received++;
          this.#onMessage(message);
        },
      });
      return true;
    } catch (error) {
      this.#onError(`${wanted.subject}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  #remove(wanted: Wanted): void {
    this.#wanted.splice(this.#wanted.indexOf(wanted), 1);
    wanted.live?.unsubscribe();
    this.#draw();
    element('subscribe-subject').focus();
  }

  #draw(): void {
    const chips = this.#wanted.map((wanted) => {
      const remove = make('button', '', '×');
      remove.type = 'button';
      remove.setAttribute('aria-label', `Unsubscribe from ${wanted.subject}`);
      remove.addEventListener('click', () => this.#remove(wanted));
      const name = make('span', 'mono', wanted.subject);
      if (wanted.queue !== '') name.append(make('span', 'hint', ` queue ${wanted.queue}`));
      return make('li', '', name, make('span', 'count', wanted.received.toLocaleString('en')), remove);
    });
    element('subscriptions').replaceChildren(...chips);
  }

  #drawCounts(): void {
    const counts = element('subscriptions').querySelectorAll('.count');
    this.#wanted.forEach((wanted, index) => {
      const count = counts[index];
      const text = wanted.received.toLocaleString('en');
      if (count !== undefined && count.textContent !== text) count.textContent = text;
    });
  }
}
