import type { ComponentChildren, VNode } from 'preact';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { bytesPerSecond, perSecond, secondsSince, timeSpan, utc, whole } from './format.ts';
import type { Point } from './history.ts';
import { OUTCOME_KINDS, type OutcomeKind, outcomeClass } from './outcomes.ts';
import { showSlowest } from './sessions.tsx';
import { Sparkline } from './sparkline.tsx';
import { StateMark } from './state-mark.tsx';

/** A certificate is worth a warning for this long before its end. */
const CERTIFICATE_WARNING_SECONDS = 14 * 86_400;

type Parts = { readonly status: InstanceStatus; readonly points: readonly Point[] };

/** The numbers of the whole gateway, with lines of the last 15 minutes. */
export function Tiles({ status, points }: Parts): VNode {
  return (
    <div class="tiles">
      <Sessions status={status} points={points} />
      <Handshakes status={status} points={points} />
      <Bytes status={status} points={points} />
      <Waiting status={status} points={points} />
      <Process status={status} />
      <Configuration status={status} />
      <Certificates status={status} />
    </div>
  );
}

/** Where there is more of it, said as a question that it answers. */
type More = { readonly href: string; readonly text: string; onOpen?(): void };
type TileProps = { readonly title: string; readonly more?: More; readonly children: ComponentChildren };

function Tile({ title, more, children }: TileProps): VNode {
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        {more !== undefined && (
          <a href={more.href} onClick={more.onOpen}>
            {more.text} →
          </a>
        )}
      </div>
      {children}
    </section>
  );
}

function Sessions({ status: { ended, sessions }, points }: Parts): VNode {
  const all = Object.values(ended).reduce((sum, count) => sum + count, 0);
  return (
    <Tile title="Sessions" more={{ href: '#/sessions', text: 'Who is connected?' }}>
      <p class="big">
        {whole(sessions.active)} <small>of {whole(sessions.limit)}</small>
      </p>
      <meter
        min={0}
        max={sessions.limit}
        high={sessions.limit * 0.9}
        value={sessions.active}
        aria-label="Sessions of the most that are let in"
      />
      <Sparkline
        points={points}
        of={(point) => point.sessions}
        label="Open sessions of the last 15 minutes"
      />
      <p class="hint">
        {whole(sessions.opened)} opened, {whole(all)} ended; limit: {sessions.limitedBy}
      </p>
    </Tile>
  );
}

function Handshakes({ status: { handshakes }, points }: Parts): VNode {
  const counts = new Map<OutcomeKind, number>();
  for (const [outcome, count] of Object.entries(handshakes)) {
    const kind = outcomeClass(outcome);
    counts.set(kind, (counts.get(kind) ?? 0) + count);
  }
  const last = points.at(-1);
  return (
    <Tile title="Handshakes" more={{ href: '#/handshakes', text: 'Why was one refused?' }}>
      <p class="big">
        {perSecond(last?.accepted ?? 0)} <small>accepted, {perSecond(last?.refused ?? 0)} not</small>
      </p>
      <Sparkline
        points={points}
        of={(point) => point.accepted + point.refused}
        label="Handshakes a second of the last 15 minutes"
      />
      <dl class="facts">
        {Object.entries(OUTCOME_KINDS).map(([kind, name]) => (
          <div key={kind}>
            <dt>{name}</dt>
            <dd>{whole(counts.get(kind as OutcomeKind) ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </Tile>
  );
}

function Bytes({ status: { bytes }, points }: Parts): VNode {
  const last = points.at(-1);
  return (
    <Tile title="Bytes">
      <dl class="facts ways">
        <div>
          <dt>↑ to servers</dt>
          <dd>
            <b>{bytesPerSecond(last?.toUpstream ?? 0)}</b> {byteSize(bytes.toUpstream)} in all
          </dd>
        </div>
      </dl>
      <Sparkline
        points={points}
        of={(point) => point.toUpstream}
        label="Bytes a second to servers, last 15 minutes"
      />
      <dl class="facts ways">
        <div>
          <dt>↓ to clients</dt>
          <dd>
            <b>{bytesPerSecond(last?.toClient ?? 0)}</b> {byteSize(bytes.toClient)} in all
          </dd>
        </div>
      </dl>
      <Sparkline
        points={points}
        of={(point) => point.toClient}
        label="Bytes a second to clients, last 15 minutes"
      />
    </Tile>
  );
}

function Waiting({ status: { buffered }, points }: Parts): VNode {
  const { heldBytes, limitBytes, toClient, toUpstream } = buffered;
  return (
    <Tile title="Waiting" more={{ href: '#/sessions', text: 'Who is slow?', onOpen: showSlowest }}>
      <p class="big">
        {byteSize(toUpstream + toClient)} <small>for slow clients and servers</small>
      </p>
      {limitBytes !== undefined && (
        <meter
          min={0}
          max={limitBytes}
          high={limitBytes * 0.8}
          value={heldBytes}
          aria-label="Memory of what waits, of the most that may"
        />
      )}
      <Sparkline
        points={points}
        of={(point) => point.buffered}
        label="Bytes that waited in the last 15 minutes"
      />
      <dl class="facts">
        <div>
          <dt>for servers</dt>
          <dd>{byteSize(toUpstream)}</dd>
        </div>
        <div>
          <dt>for clients</dt>
          <dd>{byteSize(toClient)}</dd>
        </div>
        {limitBytes !== undefined && (
          <div>
            <dt>memory for it</dt>
            <dd>
              {byteSize(heldBytes)} of {byteSize(limitBytes)}
            </dd>
          </div>
        )}
      </dl>
    </Tile>
  );
}

function Process({
  status: { engine, engineFallback, eventLoop, memory },
}: {
  readonly status: InstanceStatus;
}): VNode {
  return (
    <Tile title="Process">
      <p class="big">
        {Math.round(eventLoop.utilization * 100)} % <small>of the event loop</small>
      </p>
      <dl class="facts">
        <div>
          <dt>loop delay, p99</dt>
          <dd>{(eventLoop.delayP99Seconds * 1000).toFixed(1)} ms</dd>
        </div>
        {memory.rssBytes !== undefined && (
          <div>
            <dt>memory</dt>
            <dd>
              {byteSize(memory.rssBytes)}
              {memory.limitBytes !== undefined && ` of ${byteSize(memory.limitBytes)}`}
            </dd>
          </div>
        )}
        <div>
          <dt>engine</dt>
          <dd>
            {engine} {engineFallback && <b class="warn">▲ in place of cut-through</b>}
          </dd>
        </div>
      </dl>
    </Tile>
  );
}

function Configuration({ status: { configuration } }: { readonly status: InstanceStatus }): VNode {
  const { hash, lastReload, restartNeeded } = configuration;
  return (
    <Tile title="Configuration" more={{ href: '#/config', text: 'Every key' }}>
      <p class="big mono">{hash.slice(0, 8)}</p>
      {lastReload === undefined ? (
        <p class="hint">not reloaded since the start</p>
      ) : (
        <p>
          last reload <StateMark state={lastReload.outcome} />{' '}
          <time dateTime={lastReload.at} title={utc(lastReload.at)}>
            {timeSpan(secondsSince(lastReload.at))} ago
          </time>
        </p>
      )}
      {lastReload?.problems.map((problem) => (
        <p key={problem} class="last-error">
          {visible(problem)}
        </p>
      ))}
      {restartNeeded.length > 0 && (
        <p>
          <StateMark state="restart_needed" /> for {restartNeeded.map(({ key }) => key).join(', ')}
        </p>
      )}
    </Tile>
  );
}

function Certificates({ status: { certificates } }: { readonly status: InstanceStatus }): VNode | null {
  if (certificates.length === 0) return null;
  return (
    <Tile title="Certificates">
      <dl class="facts">
        {certificates.map(({ role, expiresAt }) => (
          <div key={role}>
            <dt>{role}</dt>
            <dd title={utc(expiresAt)}>{expiry(-secondsSince(expiresAt))}</dd>
          </div>
        ))}
      </dl>
    </Tile>
  );
}

function expiry(seconds: number): ComponentChildren {
  if (seconds <= 0) return <b class="bad">✕ expired</b>;
  const left = `${timeSpan(seconds)} left`;
  return seconds < CERTIFICATE_WARNING_SECONDS ? <b class="warn">▲ {left}</b> : left;
}
