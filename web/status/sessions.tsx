import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import type { SessionList } from '../../src/status.ts';
import { whole } from './format.ts';
import { FILTER_FIELDS, pathOf, ROWS, type Search } from './session-search.ts';
import { SessionTable } from './session-table.tsx';
import { Below, useReading } from './shown-reading.tsx';

/** Stays when the visitor looks at one session and comes back. */
const search = signal<Search>({
  state: 'open',
  filter: '',
  sort: undefined,
  reversed: false,
  offset: 0,
});

const change = (changes: Partial<Search>): void => {
  search.value = { ...search.value, offset: 0, ...changes };
};

/** The list begins with the sessions for which most waits. */
export const showSlowest = (): void =>
  change({ state: 'open', filter: '', sort: 'buffered', reversed: false });

/** Who is connected, and who was. */
export function Sessions(): VNode {
  const { state, filter, sort, reversed, offset } = search.value;
  const { path, unknown } = pathOf(search.value);
  const read = useReading<SessionList>(path);
  const list = read.value;
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
        <label class="visually-hidden" for="filter">
          Filter
        </label>
        <input
          id="filter"
          class="mono"
          type="search"
          placeholder="origin:shop user:alice"
          aria-describedby="filter-hint"
          value={filter}
          onInput={(event) => change({ filter: event.currentTarget.value })}
        />
      </form>
      <p id="filter-hint" class="hint" role="status">
        {unknown.length === 0
          ? `A filter is field:text; the fields are ${FILTER_FIELDS.join(', ')}.`
          : `Not a filter: ${unknown.join(' ')}. Write field:text, with one of ${FILTER_FIELDS.join(', ')}.`}
      </p>
      {list !== undefined && unknown.length === 0 && (
        <>
          <SessionTable
            rows={list.sessions}
            isEnded={state === 'ended'}
            sort={sort}
            reversed={reversed}
            onSort={(key) => change({ sort: key, reversed: key === sort && !reversed })}
          />
          <Pages offset={offset} shown={list.sessions.length} matched={list.matched} />
        </>
      )}
      <Below read={read} path={path} />
    </section>
  );
}

type Extent = { readonly offset: number; readonly shown: number; readonly matched: number };

function Pages({ offset, shown, matched }: Extent): VNode {
  const from = shown === 0 ? 0 : offset + 1;
  return (
    <p class="pages">
      <span>
        {whole(from)} to {whole(offset + shown)} of {whole(matched)}
      </span>
      <button
        type="button"
        class="small"
        disabled={offset === 0}
        onClick={() => change({ offset: Math.max(0, offset - ROWS) })}
      >
        Before
      </button>
      <button
        type="button"
        class="small"
        disabled={offset + shown >= matched}
        onClick={() => change({ offset: offset + ROWS })}
      >
        After
      </button>
    </p>
  );
}
