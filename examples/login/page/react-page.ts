import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { useNats } from './use-nats.ts';

const { gateway } = (await (await fetch('/config.json')).json()) as { gateway: string };
const renew = async (): Promise<boolean> => (await fetch('/renew', { method: 'POST' })).status !== 401;

function Login() {
  const state = useNats(gateway, renew);
  return createElement('p', {}, state.kind === 'ended' ? `ended: ${state.why}` : state.kind);
}

const place = document.body.appendChild(document.createElement('div'));
place.id = 'react';
createRoot(place).render(createElement(Login));
