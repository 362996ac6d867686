import type { VNode } from 'preact';
import { loginNeeded } from './login-needed.ts';

/** What to type to get the same at a terminal. */
export function CurlLine({ path }: { readonly path: string }): VNode {
  const token = loginNeeded.value ? '-H "Authorization: Bearer $TOKEN" ' : '';
  const line = `curl -s ${token}'${location.origin}${path}'`;
  return (
    <p class="curl">
      The same with curl: <code>{line}</code>
    </p>
  );
}
