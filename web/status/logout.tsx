import type { VNode } from 'preact';
import { ask } from './api.ts';
import { forgetLoginNeeded, loginNeeded } from './login-needed.ts';
import { look } from './status-feed.ts';

/** Ends the login of this browser; nothing where none is needed. */
export function Logout(): VNode | null {
  if (!loginNeeded.value) return null;
  return (
    <button class="small" type="button" onClick={() => void logOut()}>
      Log out
    </button>
  );
}

async function logOut(): Promise<void> {
  const answer = await ask('/api/logout', { method: 'POST' });
  // 409: there is no login to end, for instance since no token is configured any more.
  if (!answer.ok && answer.status !== 409) return look();
  // The page begins anew, so that nothing of what it has read stays in sight.
  forgetLoginNeeded();
  location.reload();
}
