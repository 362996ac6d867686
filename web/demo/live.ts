import type { NatsConnection } from '@nats-io/nats-core';
import { element } from '../shared/dom.ts';
import { CURSORS, cursorSubject, drifting, type Place, placeText, readCursor } from './cursor-place.ts';
import { LiveStage } from './live-stage.ts';

const SEND_INTERVAL_MS = 125;

export type LiveOptions = {
  /** The connection, while it is open. */
  nats(): NatsConnection | undefined;
  onSent(): void;
  onReceived(): void;
};

/**
 * What moves without a click: each open tab publishes where its cursor is, eight times a second, and every tab shows
 * all of them, its own as well, as they came through the gateway. A tab that nobody sees sends nothing.
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #stage = new LiveStage();
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  readonly #pause = element('live-pause', HTMLButtonElement);
  readonly #said = element('live-said');
  #nats: NatsConnection | undefined;
  #pointer: Place | undefined;
  #isPaused = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    const stage = element('live-stage');
    for (const event of ['pointermove', 'pointerdown'] as const)
      stage.addEventListener(event, ({ clientX, clientY }) => {
        const { left, top, width, height } = stage.getBoundingClientRect();
        this.#pointer = { x: within((clientX - left) / width), y: within((clientY - top) / height) };
      });
    stage.addEventListener('pointerleave', () => (this.#pointer = undefined));
    this.#pause.addEventListener('click', () => {
      this.#isPaused = !this.#isPaused;
      this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    });
    element('second-tab', HTMLAnchorElement).href = location.pathname;
    setInterval(() => this.#tick(), SEND_INTERVAL_MS);
  }

  /** A new connection, or none. */
  use(nats: NatsConnection | undefined): void {
    if (nats === this.#nats) return;
    this.#nats = nats;
    this.#stage.clear();
    nats?.subscribe(CURSORS, {
      callback: (error, message) => {
        if (error !== null || document.hidden) return;
        const cursor = readCursor(message.subject, new TextDecoder().decode(message.data.subarray(0, 32)));
        if (cursor === undefined) return;
        this.#options.onReceived();
        this.#stage.move(cursor, cursor.id === nats.info?.client_id);
      },
    });
  }

  #tick(): void {
    if (document.hidden) return;
    this.#stage.tidy();
    const nats = this.#options.nats();
    const id = nats?.info?.client_id;
    if (nats !== undefined && id !== undefined && !this.#isPaused) {
      const still = this.#calm.matches ? 0 : (Date.now() % 1e6) / 1000;
      nats.publish(cursorSubject(id), placeText(this.#pointer ?? drifting(id, still)));
      this.#options.onSent();
    }
    const { size } = this.#stage;
    const said = size === 0 ? '' : size === 1 ? 'one tab' : `${size} tabs`;
    if (this.#said.textContent !== said) this.#said.textContent = said;
  }
}

const within = (value: number): number => Math.min(1, Math.max(0, value));
