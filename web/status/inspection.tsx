import type { VNode } from 'preact';
import type { InspectionFacts as Inspection } from '../../src/inspect/inspection-facts.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { Facts } from './facts.tsx';
import { whole } from './format.ts';

/** So many subscriptions are listed; the API has all. */
const MOST_LISTED = 200;

/** What inspection has seen of an open session; nothing of one that has ended is kept. */
export function InspectionFacts({
  inspection,
}: {
  readonly inspection: Inspection | { readonly level: 'off' };
}): VNode {
  if (!('operations' in inspection))
    return (
      <section class="card" aria-label="NATS">
        <h2>NATS</h2>
        <p>Nothing is known: this route does not read NATS. `inspect: observe` does.</p>
      </section>
    );
  return (
    <>
      <Said inspection={inspection} />
      <Operations inspection={inspection} />
      <Subscriptions inspection={inspection} />
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
          ✕ last -ERR: <code>{visible(lastError.text)}</code>
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

function Subscriptions({ inspection: { subscriptions } }: Props): VNode {
  return (
    <section class="card" aria-label="Subscriptions">
      <h2>Subscriptions: {whole(subscriptions.length)}</h2>
      <p class="hint">Asked for by the client; the server may have refused some.</p>
      <ul class="subjects">
        {subscriptions.slice(0, MOST_LISTED).map(({ sid, subject, queue }) => (
          <li key={sid}>
            <code>{visible(subject)}</code> {queue !== undefined && <small>queue {visible(queue)}</small>}
          </li>
        ))}
      </ul>
      {subscriptions.length > MOST_LISTED && <p class="hint">the first {MOST_LISTED} of them</p>}
    </section>
  );
}
