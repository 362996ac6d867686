import type { Log } from '../log.ts';
import type { ServerState } from './endpoint.ts';
import type { System } from './system.ts';

/** At most one line in this time; the state that lasts is always logged. */
const INTERVAL_MS = 1000;

export type StateFacts = {
  readonly state: ServerState;
  readonly sessions: number;
  readonly lastError: string | undefined;
};

/** Logs the changes of one server's state, a server that flaps once a second. */
export class StateLog {
  readonly #server: string;
  readonly #log: Log;
  readonly #system: System;
  readonly #facts: () => StateFacts;
  #loggedState: ServerState = 'untried';
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(server: string, log: Log, system: System, facts: () => StateFacts) {
    this.#server = server;
    this.#log = log;
    this.#system = system;
    this.#facts = facts;
  }

  /** To be called when the state may have changed. */
  changed(): void {
    if (this.#cancel !== undefined || this.#facts().state === this.#loggedState) return;
    const waitMs = this.#loggedAtMs + INTERVAL_MS - this.#system.nowMs();
    if (waitMs <= 0) this.#write();
    else {
      this.#cancel = this.#system.after(waitMs, () => {
        this.#cancel = undefined;
        if (this.#facts().state !== this.#loggedState) this.#write();
      });
    }
  }

  close(): void {
    this.#cancel?.();
    // As if a line were waiting: an attempt that ends later must not start another timer.
    this.#cancel = () => {};
  }

  #write(): void {
    const { state, sessions, lastError } = this.#facts();
    const was = this.#loggedState;
    this.#loggedState = state;
    // The first success is no news; and untried comes back only with a name's new addresses.
    if (was === 'untried' && state === 'up') return;
    this.#loggedAtMs = this.#system.nowMs();
    const good = state === 'up' || state === 'untried';
    const error = good || lastError === undefined ? {} : { error: lastError };
    this.#log[good ? 'info' : 'warn'](
      { server: this.#server, state, was, sessions, ...error },
      'upstream server changed',
    );
  }
}
