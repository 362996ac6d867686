import { signal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { SessionList } from '../../src/status.ts';
import { replacePlace } from './follow-place.ts';
import { whole } from './format.ts';
import { place } from './place.ts';
import { COLUMNS } from './session-columns.tsx';
import { addressOf, FILTER_FIELDS, offsetOf, pathOf, type Search, searchOf } from './session-search.ts';
import { SessionTable } from './session-table.tsx';
import { Below, useReading } from './shown-reading.tsx';
import { statusNow } from './status-feed.ts';

/** The address of the list as it was last, for the way back from one session. */
export const lastList = signal('#/sessions');

/** The sessions for which bytes wait, the most first. */
export const SLOWEST = addressOf({ sort: 'buffered' });
/** Those to which nats-server has sent an -ERR. */
export const FAILING = addressOf({ sort: 'errors' });
/** The last that ended for this reason. */
export const endedFor = (reason: string): string => addressOf({ state: 'ended', filter: `reason:${reason}` });

/** Who is connected, and who was. The address has what is shown. */
export function Sessions(): VNode {
  const search = searchOf(place.value.query);
  const change = (changes: Partial<Search>): void => replacePlace(addressOf({ ...search, ...changes }));
  const list = addressOf(search);
  useEffect(() => {
    lastList.value = list;
  });
  const [looked, setLooked] = useState({ list, first: 0 });
  const look = useCallback((first: number) => setLooked({ list, first }), [list]);
  const { state, filter, sort, reversed } = search;
  const { path, twice } = pathOf(search, looked.list === list ? looked.first : 0);
  const read = useReading<SessionList>(path);
  const { matched = 0, sessions = [] } = read.value ?? {};
  const rows = affected(sessions, search);
  const offset = offsetOf(read.path);
  const total = rows.length < sessions.length ? offset + rows.length : matched;
  return (
    <section aria-label="Sessions">
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <fieldset class="segments">
          <legend class="visually-hidden">Which sessions</legend>
          {(['open', 'ended'] as const).map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="state"
                checked={state === one}
                onChange={() => change({ state: one, sort: undefined, reversed: false })}
              />{' '}
              {one}
            </label>
          ))}
        </fieldset>
        <label for="filter">Filter</label>
        <input
          id="filter"
          class="mono"
          type="search"
          aria-describedby="filter-hint"
          value={filter}
          onInput={(event) => change({ filter: event.currentTarget.value })}
        />
        <label class="narrow-only">
          Sort by{' '}
          <select
            value={sort ?? ''}
            onChange={({ currentTarget: { value } }) => change({ sort: value || undefined, reversed: false })}
          >
            <option value="">as they came</option>
            {COLUMNS[state].map(
              ({ name, sort: key }) =>
                key !== undefined && (
                  <option key={key} value={key}>
                    {name}
                  </option>
                ),
            )}
          </select>
        </label>
      </form>
      <p id="filter-hint" class="hint" role="status">
        {twice.length === 0
          ? `Any words, or field:text with one of ${FILTER_FIELDS.join(', ')}.`
          : `${twice.join(', ')} is there twice; the first one counts.`}
      </p>
      {total === 0 && read.value !== undefined && (
        <p class="empty">
          <Empty search={search} path={path} />
        </p>
      )}
      {total > 0 && (
        <>
          <p class="hint">
            {total === 1 ? '1 session' : `${whole(total)} sessions`}
            {sort === 'buffered' &&
              !reversed &&
              ' with bytes that wait: who reads too slowly for too long is ended as slow_consumer, or closed by nats-server.'}
          </p>
          <SessionTable
            rows={rows}
            offset={offset}
            total={total}
            state={state}
            list={list}
            sort={sort}
            reversed={reversed}
            onSort={(key) => change({ sort: key, reversed: key === sort && !reversed })}
            onLook={look}
          />
        </>
      )}
      <Below read={read} path={path} />
    </section>
  );
}

type Row = SessionList['sessions'][number];

const AMOUNTS: Readonly<Record<string, (row: Row) => number>> = {
  buffered: (row) => (row.state === 'open' ? row.buffered.toUpstream + row.buffered.toClient : 0),
  errors: ({ serverErrors }) => serverErrors,
  limited: (row) => (row.state === 'open' && row.rateLimited !== undefined ? 1 : 0),
};

/** Of who waits, and of who got errors, those alone: they come first, and a list of zeros would look like an answer. */
function affected(rows: readonly Row[], { sort, reversed }: Search): readonly Row[] {
  const amount = sort === undefined || reversed ? undefined : AMOUNTS[sort];
  return amount === undefined ? rows : rows.filter((row) => amount(row) > 0);
}

/** Why there is no row, and where there may be one. */
function Empty({
  search: { filter, sort, state },
  path,
}: {
  readonly search: Search;
  readonly path: string;
}) {
  const slow = statusNow.value.value?.ended['slow_consumer'] ?? 0;
  if (state === 'open' && path.includes('&reason='))
    return linked('Open sessions have no reason.', addressOf({ state: 'ended', filter }), 'Ended ones');
  if (state === 'open' && sort === 'buffered')
    return linked(
      'Nobody waits at this moment.',
      slow > 0 && endedFor('slow_consumer'),
      `${whole(slow)} ended as slow_consumer`,
    );
  if (sort === 'limited') return 'No session is limited by rates at this moment.';
  if (sort === 'errors')
    return linked(
      `No ${state} session has got an -ERR of nats-server.`,
      state === 'open' && addressOf({ state: 'ended', sort }),
      'Ended ones',
    );
  return 'No session to show.';
}

const linked = (sentence: string, href: string | false, text: string): ComponentChildren => (
  <>
    {sentence} {href !== false && <a href={href}>{text} →</a>}
  </>
);
