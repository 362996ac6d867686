import { constants } from 'node:os';

/**
 * The signals of the process, from the first line of our own code on: main.ts imports this file before all others, and
 * bin/natsgate.js has begun before that. By default Node ends at most signals; process 1 of a container never gets
 * those that it has not asked for.
 */

const ENDS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGUSR2'] as const;

/** Holds what comes before a command has said what it does with signals. */
type Holder = { held: NodeJS.Signals[]; take: ((signal: NodeJS.Signals) => void) | undefined };

/** What bin/natsgate.js has made, under the same name, before this file was loaded. */
const shared = globalThis as { natsgateSignals?: Holder };

const holder: Holder = shared.natsgateSignals ?? hold();

function hold(): Holder {
  const made: Holder = { held: [], take: undefined };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (made.take === undefined) made.held.push(signal);
    else made.take(signal);
  };
  for (const signal of [...ENDS, 'SIGHUP'] as const) process.on(signal, onSignal);
  // Node opens its debugger on this one, unless somebody listens.
  process.on('SIGUSR1', () => {});
  return made;
}

function takeOver(take: (signal: NodeJS.Signals) => void): void {
  holder.take = take;
  for (const signal of holder.held.splice(0)) take(signal);
}

export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

export type EndSignals = {
  /** Settles with the first signal that asks for an end. Never rejects. */
  readonly first: Promise<NodeJS.Signals>;
  /** With the second one: the end is to come now. */
  readonly second: Promise<NodeJS.Signals>;
};

/** For a command that ends in order. `onHangup`: what SIGHUP does; without it, it asks for an end as the others do. */
export function endSignals(onHangup?: () => void): EndSignals {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  let count = 0;
  takeOver((signal) => {
    if (signal === 'SIGHUP' && onHangup !== undefined) onHangup();
    else (count++ === 0 ? first : second).resolve(signal);
  });
  return { first: first.promise, second: second.promise };
}

/** Unless a command has taken them: from now on, and for what came before, a signal ends the program at once. */
export function endAtOnce(leave: (exitCode: number) => void): void {
  if (holder.take === undefined) takeOver((signal) => leave(exitCodeOf(signal)));
}
