import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { element, make } from '../shared/dom.ts';
import { FormAnswer } from './form-answer.ts';
import type { Wish } from './place.ts';
import { subjectMatches, subjectProblem } from './subject.ts';

const MAX_SUBSCRIPTIONS = 20;

type Wanted = {
  readonly subject: string;
  readonly queue: string;
  live: Subscription | undefined;
  received: number;
  /** What nats-server said against it. */
  problem: string;
};

/** The page's subscriptions: kept over disconnects, made anew on each new connection. */
export class Subscriptions {
  readonly #wanted: Wanted[] = [];
  readonly #onMessage: (message: Msg) => void;
  readonly #onChange: () => void;
  readonly #answer = new FormAnswer('subscribe-answer', 'subscribe-subject');
  #nats: NatsConnection | undefined;

  /** `onChange`: the visitor has put one in or taken one out. */
  constructor(onMessage: (message: Msg) => void, onChange: () => void) {
    this.#onMessage = onMessage;
    this.#onChange = onChange;
    const subject = element('subscribe-subject', HTMLInputElement);
    const queue = element('subscribe-queue', HTMLInputElement);
    element('subscribe-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const problem = this.add(subject.value.trim(), queue.value.trim());
      if (problem !== undefined) return this.#answer.bad(problem);
      subject.value = '';
      this.#onChange();
    });
    setInterval(() => this.#drawCounts(), 500);
  }

  /** Returns what is wrong with it, and does nothing then. */
  add(subject: string, queue = ''): string | undefined {
    const problem = subjectProblem(subject, 'subscribe');
    if (problem !== undefined) return problem;
    if (/\s/.test(queue)) return 'The name of a queue has no spaces.';
    if (this.#wanted.some((known) => known.subject === subject && known.queue === queue))
      return 'This subscription is there already.';
    if (this.#wanted.length >= MAX_SUBSCRIPTIONS)
      return `This page keeps ${MAX_SUBSCRIPTIONS} subscriptions at most.`;
    const wanted = { subject, queue, live: undefined, received: 0, problem: '' };
    this.#wanted.push(wanted);
    this.#subscribe(wanted);
    this.#draw();
    return undefined;
  }

  /** What the visitor wants to hear. */
  get wishes(): readonly Wish[] {
    return this.#wanted.map(({ subject, queue }) => ({ subject, queue }));
  }

  /** Whether one of them gets what is published to this subject. */
  hears(subject: string): boolean {
    return this.#wanted.some((wanted) => wanted.problem === '' && subjectMatches(wanted.subject, subject));
  }

  /** A new connection, or none. nats.js itself carries subscriptions over a reconnect of the same one. */
  use(nats: NatsConnection | undefined): void {
    if (nats === this.#nats) return;
    this.#nats = nats;
    for (const wanted of this.#wanted) {
      wanted.live = undefined;
      this.#subscribe(wanted);
    }
    this.#draw();
  }

  #subscribe(wanted: Wanted): void {
    wanted.problem = '';
    if (this.#nats === undefined) return;
    const refused = (error: unknown): void => {
      wanted.problem = error instanceof Error ? error.message : String(error);
      this.#draw();
    };
    try {
      wanted.live = this.#nats.subscribe(wanted.subject, {
        ...(wanted.queue === '' ? {} : { queue: wanted.queue }),
        callback: (error, message) => {
          if (error !== null) return refused(error);
          wanted.received++;
          this.#onMessage(message);
        },
      });
    } catch (error) {
      refused(error);
    }
  }

  #remove(wanted: Wanted): void {
    this.#wanted.splice(this.#wanted.indexOf(wanted), 1);
    wanted.live?.unsubscribe();
    this.#draw();
    this.#onChange();
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
      const count = make('span', 'count', wanted.received.toLocaleString('en'));
      if (wanted.problem !== '') name.append(make('span', 'problem', wanted.problem));
      return make('li', '', name, count, remove);
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
