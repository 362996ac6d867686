import type { VNode } from 'preact';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { byteSize } from '../shared/byte-size.ts';
import { bytesPerSecond, perSecond, whole } from './format.ts';
import type { Point } from './history.ts';
import { OUTCOME_KINDS, type OutcomeKind, outcomeClass } from './outcomes.ts';
import { Certificates, Configuration, Process } from './process-tiles.tsx';
import { endedFor, FAILING, SLOWEST } from './sessions.tsx';
import { Sparkline } from './sparkline.tsx';
import { Counts, Tile } from './tile.tsx';

type Parts = { readonly status: InstanceStatus; readonly points: readonly Point[] };

/** The numbers of the whole gateway, with lines of the last 15 minutes. */
export function Tiles({ status, points }: Parts): VNode {
  return (
    <div class="tiles">
      <Sessions status={status} points={points} />
      <Handshakes status={status} points={points} />
      <Bytes status={status} points={points} />
      <Waiting status={status} points={points} />
      <ServerErrors status={status} />
      <Process status={status} />
      <Configuration status={status} />
      <Certificates status={status} />
    </div>
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
      <Counts of={ended} hrefOf={endedFor} />
    </Tile>
  );
}

/** Sessions that ended are in it, too. */
function ServerErrors({ status: { routes, serverErrors } }: { readonly status: InstanceStatus }): VNode {
  const all = Object.values(serverErrors).reduce((sum, count) => sum + count, 0);
  return (
    <Tile title="Server errors" more={{ href: FAILING, text: 'Who gets them?' }}>
      <p class="big">
        {whole(all)} <small>-ERR of nats-server since the start</small>
      </p>
      <Counts of={serverErrors} />
      {routes.some(({ inspect }) => inspect === 'off') && (
        <p class="hint">Those of routes with inspect: off are not known.</p>
      )}
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
    <Tile title="Waiting" more={{ href: SLOWEST, text: 'Who is slow?' }}>
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
