import type { VNode } from 'preact';
import type { Second } from '../../src/status/seconds.ts';
import type { HandshakeList } from '../../src/status.ts';
import { visible } from '../shared/visible.ts';
import { replacePlace } from './follow-place.ts';
import { secondsSince, timeSpan, utc, whole } from './format.ts';
import { groupsOf, type HandshakeGroup } from './handshake-groups.ts';
import { TryHandshake, tryAgain } from './handshake-trial.tsx';
import { OUTCOME_KINDS, type OutcomeKind, outcomeClass } from './outcomes.ts';
import { place } from './place.ts';
import { Below, useReading } from './shown-reading.tsx';
import { Steps } from './steps.tsx';

const PATH = '/api/handshakes';
const isDue = ({ handshakes }: Second): boolean => Object.values(handshakes).some((count) => count > 0);

/** Why was this handshake refused: the last ones, each with what to change. The address has what is shown. */
export function Handshakes(): VNode {
  const read = useReading<HandshakeList>(PATH, isDue);
  const asked = new URLSearchParams(place.value.query);
  const [filter, withAccepted] = [asked.get('filter') ?? '', asked.has('accepted')];
  const change = (name: string, value: string): void => {
    if (value === '') asked.delete(name);
    else asked.set(name, value);
    replacePlace(asked.size === 0 ? '#/handshakes' : `#/handshakes?${asked}`);
  };
  const all = read.value?.handshakes ?? [];
  const groups = groupsOf(all, withAccepted, filter.toLowerCase().split(/\s+/));
  const shown = groups.reduce((sum, { count }) => sum + count, 0);
  return (
    <section aria-label="Handshakes">
      <TryHandshake />
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <label for="filter">Filter</label>
        <input
          id="filter"
          class="mono"
          type="search"
          value={filter}
          onInput={(event) => change('filter', event.currentTarget.value)}
        />
        <label class="inline">
          <input
            type="checkbox"
            checked={withAccepted}
            onChange={(event) => change('accepted', event.currentTarget.checked ? 'yes' : '')}
          />{' '}
          accepted ones, too
        </label>
        <span class="hint">
          {whole(shown)} of the last {whole(all.length)}
        </span>
      </form>
      {groups.length === 0 && read.value !== undefined && (
        <p class="empty">{filter === '' ? 'None of the last was refused.' : 'None of the last fits.'}</p>
      )}
      {groups.length > 0 && (
        <div class="handshakes">
          <p class="heads" aria-hidden="true">
            <span>Last</span>
            <span>Outcome</span>
            <span>Detail</span>
            <span>Origin</span>
            <span>Client</span>
            <span>User</span>
            <span class="number">Count</span>
          </p>
          <ol>
            {groups.map((group) => (
              <Group key={group.key} group={group} />
            ))}
          </ol>
        </div>
      )}
      <Below read={read} path={PATH} />
    </section>
  );
}

function Group({ group: { count, firstAt, row } }: { readonly group: HandshakeGroup }): VNode {
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
            <span aria-hidden="true">{kind === 'accepted' ? '●' : '✕'}</span>&nbsp;<code>{outcome}</code>
          </span>
          <code>{detail !== undefined && visible(detail)}</code>
          <span>{origin === undefined ? 'no Origin' : visible(origin)}</span>
          <span class="client">{client}</span>
          <span>{user !== undefined && visible(user)}</span>
          <span class="number">{count > 1 && `${whole(count)} ×`}</span>
        </summary>
        <p>
          {OUTCOME_KINDS[kind]}
          {route !== undefined && `, route ${route}`}. {hint}
        </p>
        {cause !== undefined && <p class="last-error">{visible(cause)}</p>}
        {count > 1 && (
          <p class="hint">
            {whole(count)} since {utc(firstAt)}; address, user and times are of the last one.
          </p>
        )}
        <Steps times={row} />
        <button type="button" class="small" onClick={() => tryAgain(row)}>
          What would it be answered now?
        </button>
      </details>
    </li>
  );
}
