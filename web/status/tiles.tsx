import type { VNode } from 'preact';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { byteSize } from '../shared/byte-size.ts';
import { Chart, type Line } from './chart.tsx';
import { bytesPerSecond, perSecond, whole } from './format.ts';
import { ofMinute, type Point } from './history.ts';
import { OUTCOME_KINDS, type OutcomeKind, outcomeClass } from './outcomes.ts';
import { Certificates, Configuration, Process } from './process-tiles.tsx';
import { endedFor, FAILING, SLOWEST } from './sessions.tsx';
import { Counts, Tile } from './tile.tsx';

type Parts = { readonly status: InstanceStatus; readonly points: readonly Point[] };

const SESSIONS: readonly Line[] = [{ name: 'open', of: ({ sessions }) => sessions }];
const HANDSHAKES: readonly Line[] = [
  { name: 'accepted', of: ({ accepted }) => accepted },
  { name: 'not accepted', of: ({ refused }) => refused },
];
const BYTES: readonly Line[] = [
  { name: '↑ to servers', of: ({ toUpstream }) => toUpstream },
  { name: '↓ to clients', of: ({ toClient }) => toClient },
];
const MESSAGES: readonly Line[] = [
  { name: '↑ to servers', of: ({ messagesToUpstream }) => messagesToUpstream },
  { name: '↓ to clients', of: ({ messagesToClient }) => messagesToClient },
];
const WAITING: readonly Line[] = [{ name: 'waiting', of: ({ buffered }) => buffered }];

/** The numbers of the whole gateway, with lines of the last 15 minutes. */
export function Tiles({ status, points }: Parts): VNode {
  return (
    <div class="tiles">
      <Sessions status={status} points={points} />
      <Handshakes status={status} points={points} />
      <Bytes status={status} points={points} />
      <Messages status={status} points={points} />
      <Waiting status={status} points={points} />
      <ServerErrors status={status} />
      <Refused status={status} />
      <Process status={status} points={points} />
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
      <Chart label="Open sessions" points={points} lines={SESSIONS} shown={whole} />
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

/** What policies refused; nothing where there is none. */
function Refused({ status: { policyVerdicts, routes } }: { readonly status: InstanceStatus }): VNode | null {
  if (routes.every(({ policy }) => policy === undefined)) return null;
  return (
    <Tile title="Policy" more={{ href: '#/policy', text: 'Which, and whose?' }}>
      <p class="big">
        {whole(policyVerdicts.denied)} <small>operations refused since the start</small>
      </p>
      {policyVerdicts.would_deny > 0 && (
        <p>{whole(policyVerdicts.would_deny)} would be, with mode: enforce</p>
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
  const [accepted, refused] = HANDSHAKES.map(({ of }) => perSecond(ofMinute(points, of)));
  return (
    <Tile title="Handshakes" more={{ href: '#/handshakes', text: 'Why was one refused?' }}>
      <p class="big">
        {accepted} <small>accepted, {refused} not; of the last minute</small>
      </p>
      <Chart label="Handshakes" points={points} lines={HANDSHAKES} shown={perSecond} />
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
  return (
    <Tile title="Bytes">
      <Ways points={points} lines={BYTES} shown={bytesPerSecond} all={bytes} allShown={byteSize} />
      <Chart label="Bytes a second" points={points} lines={BYTES} shown={bytesPerSecond} />
    </Tile>
  );
}

/** Nothing where no route reads NATS. */
function Messages({ status: { routes }, points }: Parts): VNode | null {
  if (routes.every(({ inspect }) => inspect === 'off')) return null;
  return (
    <Tile title="Messages" more={{ href: '#/subjects', text: 'What about?' }}>
      <Ways points={points} lines={MESSAGES} shown={perSecond} />
      <Chart label="Messages a second" points={points} lines={MESSAGES} shown={perSecond} />
    </Tile>
  );
}

type WaysProps = {
  readonly points: readonly Point[];
  readonly lines: readonly Line[];
  readonly shown: (rate: number) => string;
  readonly all?: { readonly toUpstream: number; readonly toClient: number };
  readonly allShown?: (count: number) => string;
};

/** Both directions now, each with how its line looks. */
function Ways({ points, lines, shown, all, allShown = whole }: WaysProps): VNode {
  const last = points.at(-1);
  return (
    <dl class="facts ways">
      {lines.map(({ name, of }, place) => (
        <div key={name}>
          <dt>
            {name} <span aria-hidden="true">{place === 0 ? '──' : '╌╌'}</span>
          </dt>
          <dd>
            <b>{shown(last === undefined ? 0 : of(last))}</b>{' '}
            {all !== undefined && `${allShown(place === 0 ? all.toUpstream : all.toClient)} in all`}
          </dd>
        </div>
      ))}
    </dl>
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
      <Chart label="Bytes that wait" points={points} lines={WAITING} shown={byteSize} />
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
