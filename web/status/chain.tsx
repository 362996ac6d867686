import type { ComponentChildren, VNode } from 'preact';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { visible } from '../shared/visible.ts';
import { bytesPerSecond, perSecond, secondsSince, timeSpan, utc, whole } from './format.ts';
import { ofMinute, type Point } from './history.ts';
import { outcomeClass } from './outcomes.ts';
import { addressOf } from './session-search.ts';
import { StateMark } from './state-mark.tsx';

/** The way of a session, browsers → listener → rules → routes → servers, with what passes each link. */
export function Chain({
  status,
  points,
}: {
  readonly status: InstanceStatus;
  readonly points: readonly Point[];
}): VNode {
  const rates = points.at(-1);
  // Handshakes are few, so a second says little of them.
  const accepted = ofMinute(points, (point) => point.accepted);
  const answered = accepted + ofMinute(points, (point) => point.refused);
  const { sessions, handshakesInFlight } = status;
  const bytes = rates && (
    <>
      <span>↑ {bytesPerSecond(rates.toUpstream)}</span> <span>↓ {bytesPerSecond(rates.toClient)}</span>
    </>
  );
  return (
    <section class="chain" aria-label="The way from browsers to servers">
      <ol>
        <Node title="Browsers">
          <p>
            <b>{sessionsText(sessions.active)}</b>
          </p>
        </Node>
        <Link>{handshakesInFlight > 0 ? `${whole(handshakesInFlight)} handshakes under way` : bytes}</Link>
        <Node title="Listener">
          <p class="mono">{status.listen}</p>
          <p>
            {status.tls ? 'TLS' : 'in clear'} <StateMark state={status.state} />
          </p>
        </Node>
        <Link>{rates && `${perSecond(answered)} handshakes`}</Link>
        <Node title="Rules">
          <Refusals handshakes={status.handshakes} />
        </Node>
        <Link>{rates && `${perSecond(accepted)} accepted`}</Link>
        <Node title={status.routes.length === 1 ? 'Route' : 'Routes'}>
          <ul>
            {status.routes.map(({ name, sessions: open, inspect, policy }) => (
              <li key={name}>
                <span class="mono">{name}</span> {sessionsText(open)}{' '}
                <span class="quiet">
                  inspect&nbsp;{inspect}
                  {policy !== undefined && `, policy\u00a0${policy}`}
                </span>
              </li>
            ))}
          </ul>
        </Node>
        <Link>{bytes}</Link>
        <Node title={status.upstreamServers.length === 1 ? 'Server' : 'Servers'}>
          <ul>
            {status.upstreamServers.map((server) => (
              <Server key={`${server.upstream} ${server.name}`} server={server} />
            ))}
          </ul>
        </Node>
      </ol>
    </section>
  );
}

/** In one line, as the number alone says little. */
const sessionsText = (count: number): string =>
  `${whole(count)}\u00a0${count === 1 ? 'session' : 'sessions'}`;

function Node({ title, children }: { readonly title: string; readonly children: ComponentChildren }): VNode {
  return (
    <li class="node">
      <h2>{title}</h2>
      {children}
    </li>
  );
}

function Link({ children }: { readonly children: ComponentChildren }): VNode {
  return (
    <li class="link">
      <span class="link-line" aria-hidden="true" />
      <span class="link-name">{children}</span>
    </li>
  );
}

/** The words that ended most handshakes, up to three. */
function Refusals({ handshakes }: { readonly handshakes: Readonly<Record<string, number>> }): VNode {
  const refused = Object.entries(handshakes)
    .filter(([outcome]) => !['accepted', 'left'].includes(outcomeClass(outcome)))
    .toSorted(([, a], [, b]) => b - a);
  if (refused.length === 0) return <p>no handshake refused</p>;
  return (
    <ul>
      {refused.slice(0, 3).map(([outcome, count]) => (
        <li key={outcome}>
          <a href={`#/handshakes?filter=${outcome}`}>
            <code>{outcome}</code>
          </a>{' '}
          {whole(count)}
        </li>
      ))}
      {refused.length > 3 && <li>and {refused.length - 3} more kinds</li>}
    </ul>
  );
}

function Server({ server }: { readonly server: InstanceStatus['upstreamServers'][number] }): VNode {
  const { name, state, sessions, downSince, lameDuckSince, lastError, lastErrorAt } = server;
  const ago = lastErrorAt === undefined ? '' : `last error ${timeSpan(secondsSince(lastErrorAt))} ago: `;
  return (
    <li>
      <a class="mono" href={addressOf({ filter: `server:${name}` })}>
        {name}
      </a>{' '}
      <StateMark state={state} /> {sessionsText(sessions)}
      {downSince !== undefined && (
        <p>
          down for {timeSpan(secondsSince(downSince))}
          {lameDuckSince !== undefined && `, and was lame duck before, from ${utc(lameDuckSince)}`}
        </p>
      )}
      {state === 'lame_duck' && (
        <p>
          {lameDuckSince !== undefined && <>since {utc(lameDuckSince)}: </>}
          it is about to shut down, and new sessions go to other servers
        </p>
      )}
      {lastError !== undefined && state !== 'lame_duck' && (
        <p class="last-error">
          {ago}
          {visible(lastError)}
        </p>
      )}
    </li>
  );
}
