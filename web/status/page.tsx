import type { ComponentChildren, VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { Captures } from './captures.tsx';
import { Config } from './config.tsx';
import { secondsSince, timeSpan } from './format.ts';
import { Handshakes } from './handshakes.tsx';
import { Log } from './log.tsx';
import { Logout } from './logout.tsx';
import { Overview } from './overview.tsx';
import { type Place, place, VIEWS, type View } from './place.ts';
import { Policy } from './policy.tsx';
import { Session } from './session.tsx';
import { Sessions } from './sessions.tsx';
import { StateMark } from './state-mark.tsx';
import { statusNow } from './status-feed.ts';
import { Subjects } from './subjects.tsx';
import { Trouble } from './trouble.tsx';

const NAMES: Readonly<Record<View, string>> = {
  overview: 'Overview',
  sessions: 'Sessions',
  subjects: 'Subjects',
  handshakes: 'Handshakes',
  policy: 'Policy',
  captures: 'Captures',
  log: 'Log',
  config: 'Configuration',
};

/** All below the head. */
export const page = (): VNode => <Page />;
/** The line in the head: which gateway, and whether it is well. */
export const summary = (): VNode => <Summary />;

function Page(): VNode {
  const { value: status, trouble } = statusNow.value;
  const { id, isUnknown, view } = place.value;
  useEffect(() => {
    document.title = [status?.host, id === undefined ? NAMES[view] : `${NAMES[view]} ${id}`, 'natsgate']
      .filter(Boolean)
      .join(' · ');
  }, [status?.host, id, view]);
  return (
    <main id="view" tabIndex={-1}>
      {status !== undefined && <Views />}
      {trouble !== undefined && <Trouble trouble={trouble} isStale={status !== undefined} />}
      {isUnknown && <p class="hint">The address names no view, so this is the overview.</p>}
      {status !== undefined && <Shown place={place.value} />}
    </main>
  );
}

function Views(): VNode {
  return (
    <nav class="views" aria-label="Views">
      {VIEWS.map((view) => (
        <a key={view} href={`#/${view}`} aria-current={place.value.view === view ? 'page' : undefined}>
          {NAMES[view]}
        </a>
      ))}
      <Logout />
    </nav>
  );
}

function Shown({ place: { view, id } }: { readonly place: Place }): ComponentChildren {
  switch (view) {
    case 'overview':
      return <Overview />;
    case 'sessions':
      return id === undefined ? <Sessions /> : <Session key={id} id={id} />;
    case 'subjects':
      return <Subjects />;
    case 'handshakes':
      return <Handshakes />;
    case 'policy':
      return <Policy />;
    case 'captures':
      return <Captures />;
    case 'log':
      return <Log />;
    case 'config':
      return <Config />;
  }
}

function Summary(): ComponentChildren {
  const { value: status, trouble } = statusNow.value;
  if (status === undefined) return null;
  const { host, state, startedAt, version } = status;
  return (
    <>
      <StateMark state={trouble?.status === 0 ? 'stale' : state} />
      <ServersDown servers={status.upstreamServers} />
      <span>{version === undefined ? host : `${version} · ${host}`}</span>
      <span title={startedAt}>up {timeSpan(secondsSince(startedAt))}</span>
    </>
  );
}

/** Sessions go on at the others, so the gateway may be ready all the same. */
function ServersDown({ servers }: { readonly servers: InstanceStatus['upstreamServers'] }): VNode | null {
  const notUp = servers.filter(({ state }) => state !== 'up' && state !== 'untried');
  if (notUp.length === 0) return null;
  // Somebody shuts them down in order.
  const isPlanned = notUp.every(({ state }) => state === 'lame_duck');
  return (
    <a class={isPlanned ? 'warn' : 'bad'} href="#/overview">
      {isPlanned ? '◐' : '✕'} {notUp.length} of {servers.length} {servers.length === 1 ? 'server' : 'servers'}{' '}
      {isPlanned ? 'in lame duck mode' : 'not up'}
    </a>
  );
}
