import { type NatsConnection, PermissionViolationError, wsconnect } from '@nats-io/nats-core';

/** What a page can show of its connection. `why`: a word of natsgate, such as token_expired, or of the login. */
export type NatsState =
  /** `connection`: the one that is being made again. Its subscriptions wait. */
  | { readonly kind: 'connecting'; readonly connection?: NatsConnection }
  /** `refused`: what nats-server or a policy of natsgate has just refused. The connection goes on. */
  | { readonly kind: 'open'; readonly connection: NatsConnection; readonly refused?: string }
  | { readonly kind: 'ended'; readonly why: string };

/**
 * Connects with the cookie that the browser holds, and comes back when it has expired: before each dial `renew` sees to
 * it that the cookie is good. It resolves with false when the user must log in again; when it throws, the cookie of now
 * is tried. `signal` ends it. Resolves when it is over.
 */
export async function stayConnected(
  gateway: string,
  renew: () => Promise<boolean>,
  onState: (state: NatsState) => void,
  signal?: AbortSignal,
): Promise<void> {
  let connection: NatsConnection | undefined;
  let why: string | undefined;
  const show = (state: NatsState): void => {
    if (!signal?.aborted) onState(state);
  };
  const giveUp = (reason: string): void => {
    why ??= reason;
    void connection?.close();
  };
  signal?.addEventListener('abort', () => giveUp('closed'));
  const wsFactory = async (url: string) => {
    // A moment without network is no logout, and a factory that throws would never be asked again.
    if (!(await renew().catch(() => true))) giveUp('log in again');
    const socket = new WebSocket(url);
    let wasOpen = false;
    socket.addEventListener('open', () => {
      wasOpen = true;
    });
    // Browsers hide why a handshake was refused, so natsgate is asked (auth.explain).
    socket.addEventListener('close', async () => {
      const { outcome, detail } = wasOpen ? {} : await explain(url);
      if (outcome === 'unauthenticated' || outcome === 'forbidden') giveUp(detail ?? outcome);
    });
    return { socket, encrypted: url.startsWith('wss:') };
  };
  show({ kind: 'connecting' });
  if (!(await renew().catch(() => true))) return show({ kind: 'ended', why: 'log in again' });
  // Strict mode of React leaves at once, and comes again.
  if (signal?.aborted) return;
  try {
    const name = document.title;
    connection = await wsconnect({ servers: gateway, name, wsFactory, maxReconnectAttempts: -1 });
    if (signal?.aborted) await connection.close();
    show({ kind: 'open', connection });
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') show({ kind: 'connecting', connection });
      if (status.type === 'reconnect') show({ kind: 'open', connection });
      // A publish does not throw: this is where the page learns of it.
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        show({ kind: 'open', connection, refused: `${status.error.operation} ${status.error.subject}` });
    }
  } catch {
    why ??= (await explain(gateway)).detail;
  }
  show({ kind: 'ended', why: why ?? 'unreachable' });
}

/** What the gateway would answer to a handshake with the cookie of now. */
const explain = (url: string): Promise<{ readonly outcome?: string; readonly detail?: string }> =>
  fetch(url.replace(/^ws/, 'http'), {
    credentials: 'include',
    headers: { Accept: 'application/json' },
  }).then(
    (answer) => answer.json(),
    () => ({}),
  );
