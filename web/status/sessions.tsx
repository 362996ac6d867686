import { signal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import type { SessionList } from '../../src/status.ts';
import { replacePlace } from './follow-place.ts';
import { whole } from './format.ts';
import { place } from './place.ts';
import { addressOf, FILTER_FIELDS, pathOf, ROWS, type Search, searchOf } from './session-search.ts';
import { COLUMNS, SessionTable } from './session-table.tsx';
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
  const change = (changes: Partial<Search>): void =>
    replacePlace(addressOf({ ...search, offset: 0, ...changes }));
  useEffect(() => {
    lastList.value = addressOf(search);
  });
  const { state, filter, sort, reversed } = search;
  const { path, twice } = pathOf(search);
  const read = useReading<SessionList>(path);
  const rows = read.value && affected(read.value.sessions, search);
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
      {rows?.length === 0 && (
        <p class="empty">
          <Empty search={search} path={path} />
        </p>
      )}
      {read.value !== undefined && rows !== undefined && rows.length > 0 && (
        <>
          <SessionTable
            rows={rows}
            isEnded={state === 'ended'}
            sort={sort}
            reversed={reversed}
            onSort={(key) => change({ sort: key, reversed: key === sort && !reversed })}
          />
          <Pages
            offset={search.offset}
            shown={rows.length}
            matched={
              rows.length < read.value.sessions.length ? search.offset + rows.length : read.value.matched
            }
            onTurn={(offset) => change({ offset })}
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

type PagesProps = {
  readonly offset: number;
  readonly shown: number;
  readonly matched: number;
  onTurn(offset: number): void;
};

function Pages({ offset, shown, matched, onTurn }: PagesProps): VNode {
  return (
    <p class="pages">
      <span>
        {whole(offset + 1)} to {whole(offset + shown)} of {whole(matched)}
      </span>
      {matched > ROWS && (
        <>
          <button
            type="button"
            class="small"
            disabled={offset === 0}
            onClick={() => onTurn(Math.max(0, offset - ROWS))}
          >
            Previous {ROWS}
          </button>
          <button
            type="button"
            class="small"
            disabled={offset + shown >= matched}
            onClick={() => onTurn(offset + ROWS)}
          >
            Next {ROWS}
          </button>
        </>
      )}
    </p>
  );
}
