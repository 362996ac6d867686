import type { VNode } from 'preact';
import { loginNeeded } from './login-needed.ts';

type CurlLineProps = { readonly path: string; readonly isStream?: boolean };

/** What to type to get the same at a terminal. */
export function CurlLine({ path, isStream = false }: CurlLineProps): VNode {
  const token = loginNeeded.value ? '-H "Authorization: Bearer $TOKEN" ' : '';
  const line = `curl ${isStream ? '-sN' : '-s'} ${token}'${location.origin}${path}'`;
  return (
    <p class="curl">
      The same with curl: <code>{line}</code>
    </p>
  );
}
