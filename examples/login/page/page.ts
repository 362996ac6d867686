import { logOut, renew, visitorNow } from '../../react/src/login.ts';
import { type NatsState, stayConnected } from '../../react/src/nats-session.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const login = element('login');
const room = element('room');
const text = element<HTMLInputElement>('text');

/** For users. Other words go to them as they are. */
const ENDS: Readonly<Record<string, string>> = {
  kicked: 'Logged out in another window or on another device',
  token_missing: 'Logged out',
  'log in again': 'Logged out',
};

const textOf = (state: NatsState): string => {
  if (state.kind === 'ended') return ENDS[state.why] ?? `Logged out: ${state.why}`;
  if (state.kind === 'connecting') return 'Connecting…';
  return state.refused === undefined ? 'Connected' : `Not allowed: ${state.refused}`;
};

let connections = 0;
function show(state: NatsState): void {
  document.body.dataset['state'] = state.kind;
  element('state').textContent = textOf(state);
  if (state.kind !== 'open' || state.refused !== undefined) return;
  document.body.dataset['connections'] = String(++connections);
  // Subscriptions live on over a reconnect.
  if (connections === 1) void read(state.connection);
}

async function read(connection: Extract<NatsState, { kind: 'open' }>['connection']): Promise<void> {
  element('chat').onsubmit = (event) => {
    event.preventDefault();
    connection.publish('chat.room', JSON.stringify({ text: text.value }));
    text.value = '';
  };
  for await (const message of connection.subscribe('chat.room')) {
    const line = document.createElement('li');
    line.textContent = message.json<{ text: string }>().text;
    element('messages').append(line);
  }
}

const leaving = new AbortController();
element('logout').onclick = async () => {
  const problem = await logOut();
  if (problem === undefined) return;
  leaving.abort();
  element('state').textContent = `Logged out here alone: ${problem}`;
};

const visitor = await visitorNow().catch((error: Error): undefined => {
  element('state').textContent = error.message;
});
if (visitor !== undefined) {
  element('user').textContent = visitor.user;
  room.hidden = false;
  const { gateway } = (await (await fetch('/config.json')).json()) as { gateway: string };
  await stayConnected(gateway, renew, show, leaving.signal);
  room.hidden = true;
}
login.hidden = false;
