import { printable } from '../printable.ts';
import type { InstanceStatus } from '../status/instance.ts';

/** Where index.html of the status page wants the first screen. */
export const PLACE = '<!-- first screen -->';

/** Works without script: the answer is a cookie, and this page again. */
const LOGIN =
  '<form class="login notice" method="post" action="/api/login"><label for="token">The numbers need the admin token</label><input id="token" name="token" type="password" required><button class="primary">Log in</button></form>';
const CLOSED =
  '<p class="notice">Without a token configured (admin.tokenFile), the numbers are shown on loopback only.</p>';

/**
 * What the status page shows before its script runs, and without one: the numbers of this moment as a list. `status`:
 * undefined for a request without the right to see them. `takesLogin`: there is a token to get it with.
 */
export function firstScreen(status: InstanceStatus | undefined, takesLogin: boolean): string {
  if (status === undefined) return takesLogin ? LOGIN : CLOSED;
  const rows = rowsOf(status).map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`);
  return `<dl class="first-screen">${rows.join('')}</dl>`;
}

function rowsOf(status: InstanceStatus): readonly (readonly [name: string, value: string])[] {
  const { sessions, handshakes, bytes } = status;
  const all = Object.values(handshakes).reduce((sum, count) => sum + count, 0);
  const accepted = handshakes['accepted'] ?? 0;
  return [
    ['State', status.state],
    ['Version', status.version ?? 'unknown'],
    ['Running since', status.startedAt],
    ['Sessions', `${sessions.active} of ${sessions.limit}`],
    ['Handshakes', `${accepted} accepted, ${all - accepted} not`],
    ['Bytes', `${bytes.toUpstream} to servers, ${bytes.toClient} to clients`],
    ...status.upstreamServers.map(
      ({ name, state, sessions: placed }) =>
        ['Server', `${name}: ${state}, ${placed} ${placed === 1 ? 'session' : 'sessions'}`] as const,
    ),
  ];
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text, as names of servers are, and never markup. */
const escapeHtml = (text: string): string =>
  printable(text).replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
