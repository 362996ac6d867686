import { errors, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { element, make } from '../shared/dom.ts';
import { payloadPreview } from './payload.ts';
import { subjectProblem } from './subject.ts';

const REQUEST_TIMEOUT_MS = 3_000;
const ECHO_SUBJECT = 'demo.echo';

/** The request form, and the responder that this page itself can be. */
export class Requesting {
  readonly #button = element('request', HTMLButtonElement);
  readonly #reply = element('reply');
  readonly #echo = element('echo', HTMLInputElement);
  #nats: NatsConnection | undefined;
  #responder: Subscription | undefined;

  constructor(onTravel: () => void) {
    element('request-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#request(onTravel);
    });
    this.#echo.addEventListener('change', () => this.#respond());
  }

  use(nats: NatsConnection | undefined): void {
    if (nats === this.#nats) return;
    this.#nats = nats;
    this.#responder = undefined;
    this.#respond();
  }

  enable(enabled: boolean): void {
    this.#button.disabled = !enabled;
  }

  #respond(): void {
    if (!this.#echo.checked) {
      this.#responder?.unsubscribe();
      this.#responder = undefined;
    } else if (this.#nats !== undefined && this.#responder === undefined) {
      this.#responder = this.#nats.subscribe(ECHO_SUBJECT, {
        callback: (error, message) => {
          if (error === null) message.respond(message.data);
        },
      });
    }
  }

  async #request(onTravel: () => void): Promise<void> {
    const nats = this.#nats;
    if (nats === undefined) return;
    const subject = element('request-subject', HTMLInputElement).value.trim();
    const problem = subjectProblem(subject, 'publish');
    if (problem !== undefined) return this.#show('bad', problem, '');
    onTravel();
    const payload = element('request-payload', HTMLInputElement).value;
    const begun = performance.now();
    try {
      const reply = await nats.request(subject, payload, { timeout: REQUEST_TIMEOUT_MS });
      const took = performance.now() - begun;
      this.#show('good', payloadPreview(reply.data, 'text') || '(empty)', `${took.toFixed(1)} ms`);
    } catch (error) {
      this.#show('bad', sentenceOf(error, subject), '');
    }
  }

  #show(kind: 'good' | 'bad', text: string, took: string): void {
    this.#reply.className = `reply ${kind}`;
    this.#reply.replaceChildren(
      make('span', kind === 'good' ? 'mono' : '', text),
      make('span', 'hint', took),
    );
  }
}

function sentenceOf(error: unknown, subject: string): string {
  const cause = error instanceof errors.RequestError ? (error.cause ?? error) : error;
  if (
    error instanceof errors.NoRespondersError ||
    (error instanceof errors.RequestError && error.isNoResponders())
  ) {
    return `Nobody answers on ${subject}.`;
  }
  if (cause instanceof errors.TimeoutError)
    return `No answer from ${subject} within ${REQUEST_TIMEOUT_MS / 1000} s.`;
  return cause instanceof Error ? cause.message : String(cause);
}
