import type { VNode } from 'preact';

/** What to type to get the same at a terminal. `needsToken`: it is refused without. */
export function CurlLine({
  path,
  needsToken = false,
}: {
  readonly path: string;
  readonly needsToken?: boolean;
}): VNode {
  const token = needsToken ? '-H "Authorization: Bearer $TOKEN" ' : '';
  const line = `curl -s ${token}'${location.origin}${path}'`;
  return (
    <p class="curl">
      <span class="visually-hidden">The same with curl: </span>
      <code>{line}</code>
    </p>
  );
}
