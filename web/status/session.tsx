import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { SessionDetail } from '../../src/status.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { Facts } from './facts.tsx';
import { timeSpan, utc, whole } from './format.ts';
import { InspectionFacts } from './inspection.tsx';
import { Kick } from './kick.tsx';
import { sentenceOf } from './outcomes.ts';
import { Record } from './record.tsx';
import { lastList } from './sessions.tsx';
import { Below, useReading } from './shown-reading.tsx';
import { Steps } from './steps.tsx';
import { operationsOf, Timeline } from './timeline.tsx';
import { startWatch, type WatchStream } from './watch-stream.ts';

type OpenRow = Extract<SessionDetail, { state: 'open' }>;

/** One session: who it is, how it began, what inspection saw, how it ended. */
export function Session({ id }: { readonly id: number }): VNode {
  const path = `/api/sessions/${id}`;
  const read = useReading<SessionDetail>(path);
  const session = read.value;
  const [stream, setStream] = useState<WatchStream>();
  useEffect(() => () => stream?.stop(), [stream]);
  const watched = stream?.state.value;
  return (
    <section aria-label={`Session ${id}`}>
      <p>
        <a href={lastList.value}>← all sessions</a>
      </p>
      {session !== undefined && (
        <>
          <h2 class="title">
            Session {id} <small>{session.state}</small>{' '}
            {session.state === 'open' && (
              <>
                <Record id={id} /> <Kick id={id} />
              </>
            )}
          </h2>
          {session.state === 'ended' && <End session={session} />}
          <div class="tiles">
            <Who session={session} />
            <section class="card" aria-label="Handshake">
              <h2>Handshake</h2>
              <Steps times={session.handshake} />
            </section>
            {session.state === 'open' && (
              <InspectionFacts inspection={session.inspection} delivered={watched?.subscriptions} />
            )}
          </div>
          {/* What was watched stays when the session has ended: its last operations often say why. */}
          {(session.state === 'open' || watched !== undefined) && (
            <Timeline
              id={id}
              reads={
                watched !== undefined || (session.state === 'open' && session.inspection.level !== 'off')
              }
              state={watched}
              onWatch={() => setStream(startWatch(operationsOf(id)))}
            />
          )}
        </>
      )}
      <Below read={read} path={path} />
    </section>
  );
}

function End({ session }: { readonly session: SessionDetail & { readonly state: 'ended' } }): VNode {
  const { code, endedAt, hint, reason, serverError } = session;
  return (
    <div class="end">
      <p>
        <code>
          {code} {reason}
        </code>{' '}
        <time dateTime={endedAt}>{utc(endedAt)}</time>
      </p>
      <p>{sentenceOf(reason)}</p>
      {serverError !== undefined && (
        <p>
          The server said <code>{visible(serverError)}</code>
        </p>
      )}
      {hint !== undefined && <p>{visible(hint)}</p>}
    </div>
  );
}

function waitingText({ buffered, waitingSeconds }: SessionDetail, side: keyof OpenRow['buffered']): string {
  const size = byteSize(buffered[side]);
  return waitingSeconds[side] === 0 ? size : `${size} for ${timeSpan(waitingSeconds[side])}`;
}

const carried = (bytes: number, frames: number): string =>
  `${byteSize(bytes)} in ${whole(frames)} ${frames === 1 ? 'frame' : 'frames'}`;

function Who({ session }: { readonly session: SessionDetail }): VNode {
  const { bytes, frames, natsClientId, seconds, startedAt } = session;
  const open = session.state === 'open' ? session : undefined;
  const text = (value: string | undefined) => value && visible(value);
  const when = open === undefined ? ' at the end' : '';
  return (
    <section class="card" aria-label="Who">
      <h2>Who</h2>
      <Facts
        facts={[
          ['user', text(session.user)],
          ['tenant', text(session.tenant)],
          ['role', text(session.role)],
          ['login until', open?.loginEndsAt && utc(open.loginEndsAt)],
          ['origin', text(session.origin)],
          ['address', session.client],
          ['NATS name', text(session.clientName)],
          ['NATS user', text(session.natsUser)],
          ['route', session.route],
          ['server', session.upstream],
          ['client id at the server', natsClientId?.toString()],
          ['since', utc(startedAt)],
          ['age', timeSpan(seconds)],
          ['↑ to the server', carried(bytes.toUpstream, frames.toUpstream)],
          ['↓ to the client', carried(bytes.toClient, frames.toClient)],
          [`waiting for the server${when}`, waitingText(session, 'toUpstream')],
          [`waiting for the client${when}`, waitingText(session, 'toClient')],
          // A burst of the server is not read at once by anybody.
          ['the client is slow for', open && open.slowSeconds >= 2 ? timeSpan(open.slowSeconds) : undefined],
          [
            'limited by',
            open?.rateLimited && `${open.rateLimited.limit} for ${timeSpan(open.rateLimited.seconds)}`,
          ],
          ['ending', open?.ending],
        ]}
      />
    </section>
  );
}
