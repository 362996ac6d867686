import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import type { HandshakeRow } from '../../src/status/recent-handshakes.ts';
import type { Second } from '../../src/status/seconds.ts';
import type { HandshakeList } from '../../src/status.ts';
import { visible } from '../shared/visible.ts';
import { secondsSince, timeSpan, utc } from './format.ts';
import { TryHandshake, tryAgain } from './handshake-trial.tsx';
import { OUTCOME_KINDS, type OutcomeKind, outcomeClass } from './outcomes.ts';
import { Below, useReading } from './shown-reading.tsx';
import { Steps } from './steps.tsx';

const PATH = '/api/handshakes';
const isDue = ({ handshakes }: Second): boolean => Object.values(handshakes).some((count) => count > 0);
/** Whether those that became sessions are shown, too. */
const withAccepted = signal(false);

/** Why was this handshake refused: the last ones, each with what to change. */
export function Handshakes(): VNode {
  const read = useReading<HandshakeList>(PATH, isDue);
  const all = read.value?.handshakes ?? [];
  const rows = withAccepted.value ? all : all.filter(({ outcome }) => outcome !== 'accepted');
  return (
    <section aria-label="Handshakes">
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <label class="inline">
          <input
            type="checkbox"
            checked={withAccepted.value}
            onChange={(event) => {
              withAccepted.value = event.currentTarget.checked;
            }}
          />{' '}
          accepted ones, too
        </label>
        <span class="hint">
          {rows.length} of the last {all.length}
        </span>
      </form>
      {rows.length === 0 && read.value !== undefined && <p class="empty">None of the last was refused.</p>}
      <ol class="handshakes">
        {rows.map((row) => (
          <Row key={`${row.at} ${row.ms} ${row.client} ${row.outcome}`} row={row} />
        ))}
      </ol>
      <TryHandshake />
      <Below read={read} path={PATH} />
    </section>
  );
}

function Row({ row }: { readonly row: HandshakeRow }): VNode {
  const { at, cause, client, detail, hint, origin, outcome, route, user } = row;
  const kind: OutcomeKind = outcomeClass(outcome);
  return (
    <li>
      <details>
        <summary>
          <time dateTime={at} title={utc(at)}>
            {timeSpan(secondsSince(at))} ago
          </time>
          <span class={kind === 'accepted' ? 'good' : 'bad'}>
            <span aria-hidden="true">{kind === 'accepted' ? '●' : '✕'}</span> <code>{outcome}</code>
          </span>
          <span>{origin === undefined ? 'no Origin' : visible(origin)}</span>
          {user !== undefined && <span>{visible(user)}</span>}
          <span class="quiet">{client}</span>
        </summary>
        <p>
          {OUTCOME_KINDS[kind]}
          {detail !== undefined && (
            <>
              {' '}
              (<code>{visible(detail)}</code>)
            </>
          )}
          {route !== undefined && `, route ${route}`}. {hint}
        </p>
        {cause !== undefined && <p class="last-error">{visible(cause)}</p>}
        <Steps times={row} />
        <button type="button" class="small" onClick={() => tryAgain(row)}>
          What would it be answered now?
        </button>
      </details>
    </li>
  );
}
