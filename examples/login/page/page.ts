import { type LoginState, stayConnected } from './nats-session.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const dialog = element('login');
const room = element('room');
const text = element<HTMLInputElement>('text');

let expiresAt = 0;
/** A second before the expiry the cookie is as good as gone: the dial takes a moment too. */
const MARGIN_SECONDS = 1;

/** False: the login service asks for another login. @throws when it cannot be reached. */
async function ask(path: string, body: object = {}): Promise<boolean> {
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
  if (answer.status === 401) return false;
  const content = (await answer.json()) as { expiresAt?: number; user?: string };
  expiresAt = content.expiresAt ?? 0;
  if (content.user !== undefined) element('user').textContent = content.user;
  return true;
}

async function renew(): Promise<boolean> {
  return Date.now() / 1000 <= expiresAt - MARGIN_SECONDS || ask('/renew');
}

const textOf = (state: LoginState): string => {
  if (state.kind === 'ended') return `Logged out: ${state.why}`;
  return state.kind === 'open' ? 'Connected' : 'Connecting…';
};

let connections = 0;
function show(state: LoginState): void {
  document.body.dataset['state'] = state.kind;
  element('state').textContent = textOf(state);
  if (state.kind !== 'open') return;
  document.body.dataset['connections'] = String(++connections);
  // Subscriptions live on over a reconnect.
  if (connections === 1) void read(state.connection);
}

async function read(connection: Extract<LoginState, { kind: 'open' }>['connection']): Promise<void> {
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

async function begin(): Promise<void> {
  connections = 0;
  dialog.hidden = true;
  room.hidden = false;
  const { gateway } = (await (await fetch('/config.json')).json()) as { gateway: string };
  await stayConnected(gateway, renew, show);
  dialog.hidden = false;
  room.hidden = true;
}

dialog.onsubmit = async (event) => {
  event.preventDefault();
  await ask('/login', { user: element<HTMLInputElement>('name').value });
  await begin();
};
element('logout').onclick = () => void ask('/logout');
// A page that is loaded again is still logged in.
if (await ask('/renew')) await begin();
else dialog.hidden = false;
