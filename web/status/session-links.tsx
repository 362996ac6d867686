import type { VNode } from 'preact';
import { Fragment } from 'preact';
import { whole } from './format.ts';

type Props = { readonly sessions: number; readonly sessionIds: readonly number[] };

/** So many need no click. */
const FEW = 3;

/** Who does it: each session that is known, and how many there are. */
export function SessionLinks({ sessions, sessionIds }: Props): VNode {
  const links = sessionIds.map((id) => (
    <Fragment key={id}>
      <a href={`#/sessions/${id}`}>{id}</a>{' '}
    </Fragment>
  ));
  if (sessions <= FEW && sessions === sessionIds.length) return <>{links}</>;
  return (
    <details>
      <summary>{whole(sessions)}</summary>
      {links}
      {sessions > sessionIds.length && 'and more'}
    </details>
  );
}
