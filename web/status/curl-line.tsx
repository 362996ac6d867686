import type { VNode } from 'preact';
import { loginNeeded } from './login-needed.ts';

type CurlLineProps = {
  readonly path: string;
  readonly isStream?: boolean;
  /** What is sent by POST. */
  readonly body?: string;
};

/** What to type to get the same at a terminal. */
export function CurlLine({ path, body, isStream = false }: CurlLineProps): VNode {
  const token = loginNeeded.value ? '-H "Authorization: Bearer $TOKEN" ' : '';
  // A quote ends the word of a shell.
  const sent = body === undefined ? '' : ` -d '${body.replaceAll("'", "'\\''")}'`;
  const line = `curl ${isStream ? '-sN' : '-s'} ${token}'${location.origin}${path}'${sent}`;
  return (
    <p class="curl">
      The same with curl: <code>{line}</code>
    </p>
  );
}
