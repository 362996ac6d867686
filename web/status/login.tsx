import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { ask } from './api.ts';
import { look } from './status-feed.ts';

const refusal = signal('');

/** The token once, for a cookie that scripts cannot read. */
export function Login(): VNode {
  return (
    <form class="login" method="post" action="/api/login" onSubmit={logIn}>
      <label for="token">Admin token</label>
      <input id="token" name="token" type="password" required autocomplete="current-password" />
      <button class="primary" type="submit">
        Log in
      </button>
      <p class="bad" role="alert">
        {refusal.value}
      </p>
    </form>
  );
}

function logIn(event: SubmitEvent): void {
  event.preventDefault();
  const form = event.currentTarget as HTMLFormElement;
  const token = new FormData(form).get('token');
  form.reset();
  void (async () => {
    const answer = await ask('/api/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    refusal.value = answer.ok ? '' : answer.sentence;
    if (answer.ok) look();
  })();
}
