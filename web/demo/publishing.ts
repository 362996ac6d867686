import type { NatsConnection } from '@nats-io/nats-core';
import { element } from './dom.ts';

const TICK_MS = 50;
/** A timer that was held up (a hidden tab) does not make up for more than this at once. */
const MAX_PER_TICK = 200;

export type PublishingOptions = {
  nats(): NatsConnection | undefined;
  onPublished(): void;
  onError(text: string): void;
};

/** The publish form: once by its button, or repeated at a rate until the button is pressed again. */
export class Publishing {
  readonly #options: PublishingOptions;
  readonly #subject = element('publish-subject', HTMLInputElement);
  readonly #payload = element('publish-payload', HTMLTextAreaElement);
  readonly #rate = element('publish-rate', HTMLSelectElement);
  readonly #button = element('publish', HTMLButtonElement);
  #timer: number | undefined;

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
  }

  enable(enabled: boolean): void {
    if (!enabled) this.stop();
    this.#button.disabled = !enabled;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#button.textContent = 'Publish';
  }

  #start(perSecond: number): void {
    const begun = performance.now();
    let sent = 0;
    this.#button.textContent = 'Stop publishing';
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
    try {
      this.#options.nats()?.publish(this.#subject.value.trim(), this.#payload.value);
      this.#options.onPublished();
      return true;
    } catch (error) {
      this.#options.onError(error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}
