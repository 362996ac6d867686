import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { CurlLine } from './curl-line.tsx';
import { whole } from './format.ts';
import { OperationRow } from './operation-row.tsx';
import { isError, MOST_SHOWN, type Row } from './watch-log.ts';
import type { WatchState } from './watch-stream.ts';

/** The stream of a session. */
export const operationsOf = (id: number): string => `/api/sessions/${id}/operations`;

type TimelineProps = {
  readonly id: number;
  /** Its route reads NATS. */
  readonly reads: boolean;
  /** undefined: nobody watches. */
  readonly state: WatchState | undefined;
  onWatch(): void;
};

/** What an open session says, while it says it. It begins when somebody asks: a watch is a line of the log. */
export function Timeline({ id, reads, state, onWatch }: TimelineProps): VNode {
  return (
    <section class="card timeline" aria-label="Timeline">
      <h2>Timeline</h2>
      {!reads && (
        <p>
          Operations are not known: the route of this session has <code>inspect: off</code>, so natsgate
          carries its bytes unread. Set <code>inspect: observe</code> for the route; sessions that begin after
          that can be watched.
        </p>
      )}
      {reads && state === undefined && (
        <p>
          <button type="button" onClick={onWatch}>
            Watch operations
          </button>{' '}
          <small>for 10 minutes; no payloads; a line of the log says that you do</small>
        </p>
      )}
      {state !== undefined && <Watched key={state.log} state={state} onAgain={onWatch} />}
      {reads && <CurlLine path={operationsOf(id)} isStream />}
    </section>
  );
}

type WatchedProps = { readonly state: WatchState; readonly onAgain: () => void };

function Watched({ state, onAgain }: WatchedProps): VNode {
  const { log, isLost, over } = state;
  const filter = useSignal('');
  const wanted = useSignal<number | undefined>(undefined);
  /** While it is set, these rows stay. */
  const held = useSignal<readonly Row[] | undefined>(undefined);
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  const rows = held.value ?? log.shown(words);
  const target = wanted.value;

  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    if (target === undefined) {
      if (isAtEnd.current && held.value === undefined) element.scrollTop = element.scrollHeight;
      return;
    }
    const row = element.querySelector<HTMLElement>(`[data-id="${target}"]`);
    wanted.value = undefined;
    row?.scrollIntoView({ block: 'nearest' });
    row?.focus();
  });

  /** What moves on would take the row away again, so it is paused. */
  const jump = (id: number | undefined): void => {
    if (id === undefined) return;
    if (!rows.some((row) => 'op' in row && row.id === id)) filter.value = '';
    held.value = log.around(id, rows);
    wanted.value = id;
  };
  const focused = (): number =>
    Number(document.activeElement?.closest('[data-id]')?.getAttribute('data-id') ?? 0);

  return (
    <>
      <div class="search">
        <button
          type="button"
          aria-pressed={held.value !== undefined}
          onClick={() => {
            held.value = held.value === undefined ? rows : undefined;
            isAtEnd.current = true;
          }}
        >
          {held.value === undefined ? 'Pause' : 'Go on'}
        </button>
        <button type="button" disabled={log.errors === 0} onClick={() => jump(log.nextError(focused()))}>
          Next -ERR ({whole(log.errors)})
        </button>
        <input
          type="search"
          aria-label="Filter by verb or subject"
          placeholder="verb or subject"
          value={filter.value}
          onInput={({ currentTarget }) => {
            filter.value = currentTarget.value;
            const typed = currentTarget.value.toLowerCase().split(/\s+/).filter(Boolean);
            if (held.value !== undefined) held.value = log.shown(typed);
          }}
        />
      </div>
      <p class="hint" role="status">
        {over ??
          (isLost === true
            ? 'The connection is lost; it is made again.'
            : 'Watching. Times are seconds since the watch began.')}
        {held.value !== undefined && ' Paused: the list stays, and goes on where the session is.'}
        {log.missed > 0 && ` ${whole(log.missed)} operations are not shown: there were too many.`}{' '}
        {over !== undefined && (
          <button type="button" onClick={onAgain}>
            Watch again
          </button>
        )}
      </p>
      <p class="heads" aria-hidden="true" hidden={rows.length === 0}>
        <span>Time, s</span>
        <span>After</span>
        <span>Verb</span>
        <span>Subject</span>
        <span class="number">Payload</span>
        <span class="message">WebSocket</span>
      </p>
      <ol
        ref={list}
        class="operations"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reached by keyboard.
        tabIndex={0}
        aria-label={`Operations, the last ${MOST_SHOWN}`}
        onScroll={({ currentTarget: { clientHeight, scrollHeight, scrollTop } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {rows.map((row, index) => (
          <OperationRow
            key={'op' in row ? row.id : `note-${row.t}-${row.note}`}
            row={row}
            before={rows[index - 1]}
            cause={isError(row) && row.cause !== undefined ? log.operation(row.cause) : undefined}
            answered={'op' in row && row.answers !== undefined ? log.operation(row.answers) : undefined}
            isBlamed={'op' in row && log.blamed.has(row.id)}
            onJump={jump}
          />
        ))}
      </ol>
      {rows.length === 0 && <p class="empty">Nothing was said so far{words.length > 0 && ' that fits'}.</p>}
    </>
  );
}
