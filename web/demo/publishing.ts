import type { NatsConnection } from '@nats-io/nats-core';
import { byteSize } from '../shared/byte-size.ts';
import { element } from '../shared/dom.ts';
import { FormAnswer } from './form-answer.ts';
import { subjectProblem } from './subject.ts';

const TICK_MS = 50;
/** A timer that was held up (a hidden tab) does not make up for more than this at once. */
const MAX_PER_TICK = 200;

export type PublishingOptions = {
  nats(): NatsConnection | undefined;
  onPublished(): void;
  /** Whether a subscription of this page gets what is published there. */
  isHeard(subject: string): boolean;
};

/** The publish form: once by its button, or repeated at a rate until the button is pressed again. */
export class Publishing {
  readonly #options: PublishingOptions;
  readonly #subject = element('publish-subject', HTMLInputElement);
  readonly #payload = element('publish-payload', HTMLTextAreaElement);
  readonly #rate = element('publish-rate', HTMLSelectElement);
  readonly #button = element('publish', HTMLButtonElement);
  readonly #answer = new FormAnswer('publish-answer', 'publish-subject');
  /** Since the form last changed. */
  #sent = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PublishingOptions) {
    this.#options = options;
    element('publish-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const perSecond = Number(this.#rate.value);
      if (this.#timer !== undefined) this.stop();
      else if (perSecond === 0) this.#publish();
      else this.#start(perSecond);
    });
    this.#payload.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#button.form?.requestSubmit();
    });
    this.#rate.addEventListener('change', () => this.stop());
    this.#button.form?.addEventListener('input', () => (this.#sent = 0));
  }

  /** What nats-server refused afterwards. */
  refused(text: string): void {
    this.stop();
    this.#answer.bad(text);
  }

  enable(enabled: boolean): void {
    if (!enabled) this.stop();
    this.#button.disabled = !enabled;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#button.textContent = 'Publish';
    this.#button.removeAttribute('aria-label');
  }

  #start(perSecond: number): void {
    const begun = performance.now();
    let sent = 0;
    // Short: button, label and rate share one line.
    this.#button.textContent = 'Stop';
    this.#button.setAttribute('aria-label', 'Stop publishing');
    const tick = () => {
      const due = Math.floor(((performance.now() - begun) / 1000) * perSecond) + 1 - sent;
      sent += due;
      for (let left = Math.min(due, MAX_PER_TICK); left > 0; left--) {
        if (!this.#publish()) return this.stop();
      }
    };
    this.#timer = setInterval(tick, TICK_MS);
    tick();
  }

  #publish(): boolean {
    const nats = this.#options.nats();
    const subject = this.#subject.value.trim();
    try {
      if (nats === undefined) throw new Error('Not connected.');
      const payload = this.#payload.value;
      const problem = subjectProblem(subject, 'publish') ?? payloadProblem(payload, nats.info?.max_payload);
      if (problem !== undefined) throw new Error(problem);
      nats.publish(subject, payload);
    } catch (error) {
      this.#answer.bad(error instanceof Error ? error.message : String(error));
      return false;
    }
    this.#sent++;
    const heard = this.#options.isHeard(subject) ? '' : ' No subscription of this page gets it.';
    this.#answer.good(`Sent ${this.#sent.toLocaleString('en')} to ${subject}.${heard}`);
    this.#options.onPublished();
    return true;
  }
}

function payloadProblem(payload: string, mostBytes = Number.POSITIVE_INFINITY): string | undefined {
  const bytes = new TextEncoder().encode(payload).length;
  return bytes > mostBytes
    ? `The payload has ${byteSize(bytes)}; this nats-server takes ${byteSize(mostBytes)} at most.`
    : undefined;
}
