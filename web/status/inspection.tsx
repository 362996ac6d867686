import type { VNode } from 'preact';
import type { InspectionFacts as Inspection } from '../../src/inspect/inspection-facts.ts';
import type { WatchedSubscriptions } from '../../src/live/format.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { Facts } from './facts.tsx';
import { bytesPerSecond, perSecond, secondsSince, timeSpan, utc, whole } from './format.ts';
import { Info } from './info.tsx';

/** So many subscriptions are listed; the API has all. */
const MOST_LISTED = 200;

/** What inspection has seen of an open session; nothing of one that has ended is kept. */
export function InspectionFacts({
  inspection,
  delivered,
}: {
  readonly inspection: Inspection | { readonly level: 'off' };
  /** While the session is watched. */
  readonly delivered: WatchedSubscriptions | undefined;
}): VNode {
  if (!('operations' in inspection))
    return (
      <section class="card" aria-label="NATS">
        <h2>NATS</h2>
        <p>
          Nothing is known: this route does not read NATS. <code>inspect: observe</code> does.
        </p>
      </section>
    );
  return (
    <>
      <Said inspection={inspection} />
      <Operations inspection={inspection} />
      <Subscriptions inspection={inspection} delivered={delivered} />
      {inspection.info !== undefined && <Info info={inspection.info} />}
    </>
  );
}

type Props = { readonly inspection: Inspection };

function Said({ inspection: { connect, hint, lastError, level, server } }: Props): VNode {
  return (
    <section class="card" aria-label="NATS">
      <h2>NATS</h2>
      {lastError !== undefined && (
        <p class="last-error">
          ✕ last -ERR: <code>{visible(lastError.text)}</code>{' '}
          <time dateTime={lastError.last}>{timeSpan(secondsSince(lastError.last))} ago</time>, the first one
          at {utc(lastError.first)}
        </p>
      )}
      {hint !== undefined && <p>{visible(hint)}</p>}
      <Facts
        facts={[
          ['NATS name', connect?.name && visible(connect.name)],
          ['library', connect?.lang && visible(`${connect.lang} ${connect.version ?? ''}`)],
          ['credentials', connect && (connect.credentials.join(', ') || 'none')],
          ['server name', server.name && visible(`${server.name} ${server.version ?? ''}`)],
          ['inspect', level],
        ]}
      />
    </section>
  );
}

function Operations({ inspection: { operations, payloadBytes } }: Props): VNode {
  const rows = (['toUpstream', 'toClient'] as const).flatMap((direction) => {
    const arrow = direction === 'toUpstream' ? '↑' : '↓';
    const counts = Object.entries(operations[direction]).filter(([, count]) => count > 0);
    return [
      ...counts.map(([verb, count]) => [`${arrow} ${verb}`, whole(count)] as const),
      [`${arrow} payload`, byteSize(payloadBytes[direction])] as const,
    ];
  });
  return (
    <section class="card" aria-label="Operations">
      <h2>Operations</h2>
      <Facts facts={rows} />
    </section>
  );
}

type SubscriptionsProps = Props & { readonly delivered: WatchedSubscriptions | undefined };

function Subscriptions({ inspection: { subscriptions }, delivered }: SubscriptionsProps): VNode {
  const bySid = new Map(delivered?.subscriptions.map((one) => [one.sid, one]));
  return (
    <section class="card" aria-label="Subscriptions">
      <h2>Subscriptions: {whole(subscriptions.length)}</h2>
      <p class="hint">
        Asked for by the client; the server may have refused some.{' '}
        {delivered === undefined
          ? 'What each gets is known while the session is watched.'
          : `Since the watch began${delivered.isSample ? ', by a sample' : ''}:`}
      </p>
      <ul class="subjects">
        {subscriptions.slice(0, MOST_LISTED).map(({ sid, subject, queue }) => (
          <li key={sid}>
            <code>{visible(subject)}</code> {queue !== undefined && <small>queue {visible(queue)}</small>}
            {delivered !== undefined && <Got of={bySid.get(sid)} />}
          </li>
        ))}
      </ul>
      {subscriptions.length > MOST_LISTED && <p class="hint">the first {MOST_LISTED} of them</p>}
    </section>
  );
}

function Got({ of }: { readonly of: WatchedSubscriptions['subscriptions'][number] | undefined }): VNode {
  if (of === undefined) return <small class="quiet">nothing yet</small>;
  const { bytes, bytesPerSecond: byteRate, messages, messagesPerSecond } = of;
  return (
    <small class="quiet">
      {whole(messages)} ↓ {byteSize(bytes)}, now {perSecond(messagesPerSecond)} {bytesPerSecond(byteRate)}
    </small>
  );
}
