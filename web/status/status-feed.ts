import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { InstanceStatus } from '../../src/status/instance.ts';
import type { Second } from '../../src/status/seconds.ts';
import { ask, type Trouble } from './api.ts';
import { setClock } from './clock.ts';
import { History, type Point } from './history.ts';
import type { Read } from './reading.ts';
import { SecondsStream } from './seconds-stream.ts';

/** What /api/status alone has, as memory, is read again after so many seconds. */
const READ_AGAIN_SECONDS = 10;
const RETRY_MS = 1000;
const RETRY_REFUSED_MS = 5000;
const NO_PLACE: Trouble = {
  status: 503,
  sentence:
    'As many pages as may follow this gateway already, so this one reads it every 5 seconds only. Close another one.',
};

const history = new History();
const points = signal<readonly Point[]>([]);
const read = signal<Read<InstanceStatus>>({});
const newest = signal<Second | undefined>(undefined);
const unfollowed = signal<Trouble | undefined>(undefined);
const beats = signal<Beat>({ second: undefined });
let secondsSinceRead = 0;
let reads = 0;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Something new is known. `second`: what happened; undefined: nobody followed until now, so anything may have. */
export type Beat = { readonly second: Second | undefined };

const stream = new SecondsStream({
  onSecond: (second) => {
    unfollowed.value = undefined;
    setClock(Date.parse(second.at));
    history.add(second);
    points.value = history.points;
    if (isNewState(second) || ++secondsSinceRead >= READ_AGAIN_SECONDS) void readStatus();
    newest.value = second;
    beats.value = { second };
  },
  onLost: (hasBegun) => {
    newest.value = undefined;
    // A stream does not say why it was refused. Where the numbers are given, all its places were taken.
    if (!hasBegun) unfollowed.value = NO_PLACE;
    retry = setTimeout(look, hasBegun ? 0 : RETRY_REFUSED_MS);
  },
});

/** Follows the gateway while the page is visible, and asks for nothing while it is hidden; called once. */
export function followStatus(): void {
  document.addEventListener('visibilitychange', look);
  look();
}

/** Asks again at once, for instance after a login. */
export const look = (): void => void lookNow();

/** The newest that is known of the gateway, and why there is nothing newer. */
export const statusNow: ReadonlySignal<Read<InstanceStatus>> = computed(() => {
  const { value, trouble = value && unfollowed.value } = read.value;
  const second = newest.value;
  if (value === undefined || second === undefined) return { value, trouble };
  const { state, sessions, eventLoop, buffered } = second;
  return {
    value: {
      ...value,
      state,
      eventLoop,
      buffered: { ...value.buffered, ...buffered },
      sessions: { ...value.sessions, active: sessions.active },
    },
    trouble,
  };
});

/** The rates of each second, oldest first. */
export const ratePoints: ReadonlySignal<readonly Point[]> = points;

/** For views: when to look whether they are due. */
export const beat: ReadonlySignal<Beat> = beats;

async function lookNow(): Promise<void> {
  clearTimeout(retry);
  if (document.hidden) {
    reads++;
    stream.close();
    return;
  }
  const answer = await readStatus();
  if (answer === undefined) return;
  if (answer.ok) {
    beats.value = { second: undefined };
    stream.open();
    return;
  }
  stream.close();
  // A token is given, or configured, by a person.
  if (answer.status !== 401 && answer.status !== 403) retry = setTimeout(look, RETRY_MS);
}

/** undefined: a newer request has been sent since. */
async function readStatus() {
  secondsSinceRead = 0;
  const mine = ++reads;
  const answer = await ask<InstanceStatus>('/api/status');
  if (mine !== reads) return undefined;
  if (answer.ok) {
    setClock(Date.now());
    history.begin(answer.value.startedAt);
    read.value = { value: answer.value };
  } else read.value = { value: read.peek().value, trouble: answer };
  return answer;
}

/** Whether words and states may be others than those of the last reading. */
function isNewState({ handshakes, servers, state }: Second): boolean {
  return (
    handshakes.client_fault + handshakes.server_fault > 0 ||
    servers.length > 0 ||
    state !== statusNow.peek().value?.state
  );
}
