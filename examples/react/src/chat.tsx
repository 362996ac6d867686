import type { NatsConnection } from '@nats-io/nats-core';
import { useEffect, useState } from 'react';
import { logOut, renew } from './login.ts';
import { useNats } from './use-nats.ts';

const GATEWAY = import.meta.env.VITE_GATEWAY ?? 'ws://localhost:8080';

export function Chat() {
  const state = useNats(GATEWAY, renew);
  if (state.kind === 'ended')
    return (
      <p role="status">
        Not connected ({state.why}). <a href="/login">Log in</a>
      </p>
    );
  return (
    <>
      <p role="status">{state.kind === 'open' ? 'Connected' : 'Connecting…'}</p>
      {state.kind === 'open' && state.refused && <p role="alert">Not allowed: {state.refused}</p>}
      {state.connection && <Room connection={state.connection} />}
    </>
  );
}

function Room({ connection }: { readonly connection: NatsConnection }) {
  const messages = useMessages(connection, 'chat.room');
  const send = (form: FormData): void => {
    connection.publish('chat.room', JSON.stringify({ text: form.get('text') }));
  };
  return (
    <>
      <form action={send}>
        <input name="text" aria-label="Message" placeholder="Message" required autoComplete="off" />
        <button type="submit">Send</button>
      </form>
      <ul>
        {messages.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ul>
      <button type="button" onClick={leave}>
        Log out everywhere
      </button>
    </>
  );
}

async function leave(): Promise<void> {
  const problem = await logOut();
  if (problem === undefined) return;
  alert(`Logged out here alone: ${problem}`);
  // The connection goes with the page.
  location.reload();
}

type Shown = { readonly id: number; readonly text: string };

/** The newest messages of a subject. A subscription outlives reconnects, and ends with the component. */
function useMessages(connection: NatsConnection, subject: string): readonly Shown[] {
  const [messages, setMessages] = useState<readonly Shown[]>([]);
  useEffect(() => {
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const { text } = message.json<{ text: string }>();
        setMessages((before) => [...before.slice(-99), { id: (before.at(-1)?.id ?? 0) + 1, text }]);
      },
    });
    return () => subscription.unsubscribe();
  }, [connection, subject]);
  return messages;
}
