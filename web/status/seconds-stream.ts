import type { Second } from '../../src/status/seconds.ts';

export type SecondsEvents = {
  onSecond(second: Second): void;
  /** It broke, or never began. `hasBegun`: it was open. */
  onLost(hasBegun: boolean): void;
};

/** The one stream of the page: /api/events. It is opened again by the page, which first asks what is wrong. */
export class SecondsStream {
  readonly #events: SecondsEvents;
  #source: EventSource | undefined;
  #lastId = '';

  constructor(events: SecondsEvents) {
    this.#events = events;
  }

  /** Goes on after the last event seen. Nothing while it is open. */
  open(): void {
    if (this.#source !== undefined) return;
    const source = new EventSource(`/api/events?after=${this.#lastId}`);
    this.#source = source;
    let hasBegun = false;
    source.onopen = () => {
      hasBegun = true;
    };
    source.onerror = () => {
      this.close();
      this.#events.onLost(hasBegun);
    };
    source.addEventListener('second', ({ data, lastEventId }) => {
      this.#lastId = lastEventId;
      this.#events.onSecond(JSON.parse(String(data)) as Second);
    });
  }

  close(): void {
    this.#source?.close();
    this.#source = undefined;
  }
}
