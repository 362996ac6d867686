import type { ComponentChildren, VNode } from 'preact';
import type { SessionList } from '../../src/status.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { timeSpan, utc } from './format.ts';
import { Record } from './record.tsx';

type SessionRow = SessionList['sessions'][number];
type OpenRow = Extract<SessionRow, { state: 'open' }>;

type Column = {
  readonly name: string;
  /** What the API sorts by; undefined: it cannot. */
  readonly sort?: string;
  readonly isNumber?: boolean;
  /** Left out on a phone, where a session must be short; the session itself has it. */
  readonly isExtra?: boolean;
  readonly of: (row: SessionRow) => ComponentChildren;
};

/** The last -ERR of the server, and how many there were. */
const ERRORS: Column = {
  name: '-ERR',
  sort: 'errors',
  isNumber: true,
  of: ({ serverError, serverErrors }) =>
    serverErrors > 0 && <span title={visible(serverError ?? '')}>✕ {serverErrors}</span>,
};

const SHARED: readonly Column[] = [
  { name: 'Session', of: ({ id }) => <a href={`#/sessions/${id}`}>{id}</a> },
  { name: 'User', sort: 'user', of: ({ user }) => visible(user ?? '') },
  { name: 'NATS name', of: ({ clientName }) => visible(clientName ?? '') },
  { name: 'Origin', sort: 'origin', of: ({ origin }) => visible(origin ?? '') },
  { name: 'Client', sort: 'client', isExtra: true, of: ({ client }) => client },
  { name: 'Route', sort: 'route', isExtra: true, of: ({ route }) => route },
  { name: 'Server', sort: 'upstream', isExtra: true, of: serverText },
  { name: 'Age', sort: 'age', isNumber: true, of: ({ seconds }) => timeSpan(seconds) },
  {
    name: '↑ Bytes',
    sort: 'toUpstream',
    isNumber: true,
    isExtra: true,
    of: ({ bytes }) => byteSize(bytes.toUpstream),
  },
  {
    name: '↓ Bytes',
    sort: 'toClient',
    isNumber: true,
    isExtra: true,
    of: ({ bytes }) => byteSize(bytes.toClient),
  },
  ERRORS,
];

/** As `/connz` of that server knows it, too. */
function serverText({ natsClientId, upstream }: SessionRow): ComponentChildren {
  if (natsClientId === undefined) return upstream;
  return (
    <>
      {upstream} <small class="quiet">cid {natsClientId}</small>
    </>
  );
}

/** What waits for both sides, and for how long the one that has waited longest; or why it is not read from. */
function waitingText({ buffered, rateLimited, waitingSeconds }: OpenRow): string {
  if (rateLimited !== undefined) return `${rateLimited.limit} for ${timeSpan(rateLimited.seconds)}`;
  const seconds = Math.max(waitingSeconds.toUpstream, waitingSeconds.toClient);
  const size = byteSize(buffered.toUpstream + buffered.toClient);
  return seconds < 1 ? size : `${size} for ${timeSpan(seconds)}`;
}

const OPEN: readonly Column[] = [
  ...SHARED,
  {
    name: 'Waiting',
    sort: 'buffered',
    isNumber: true,
    of: (row) => row.state === 'open' && waitingText(row),
  },
  { name: 'Capture', isExtra: true, of: ({ id }) => <Record id={id} /> },
];

const ENDED: readonly Column[] = [
  ...SHARED,
  {
    name: 'Ended',
    of: (row) => row.state === 'ended' && <time dateTime={row.endedAt}>{utc(row.endedAt).slice(11)}</time>,
  },
  { name: 'Reason', of: (row) => row.state === 'ended' && <code>{`${row.code} ${row.reason}`}</code> },
];

export const COLUMNS = { open: OPEN, ended: ENDED } as const;

export type SessionTableProps = {
  readonly rows: readonly SessionRow[];
  readonly isEnded: boolean;
  readonly sort: string | undefined;
  readonly reversed: boolean;
  onSort(key: string): void;
};

/** One page of sessions; the API sorts, over all of them. */
export function SessionTable({ rows, isEnded, sort, reversed, onSort }: SessionTableProps): VNode {
  const columns = isEnded ? ENDED : OPEN;
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                class={column.isNumber === true ? 'number' : ''}
                aria-sort={ariaSort(column, sort, reversed)}
              >
                <Head column={column} mark={mark(column, sort, reversed)} onSort={onSort} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              {columns.map(({ name, isExtra, isNumber, of }) => (
                <td
                  key={name}
                  data-name={name}
                  class={`${isNumber === true ? 'number' : ''} ${isExtra === true ? 'extra' : ''}`}
                >
                  {of(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({
  column: { name, sort },
  mark: sign,
  onSort,
}: {
  readonly column: Column;
  readonly mark: string;
  onSort(key: string): void;
}): VNode {
  if (sort === undefined) return <>{name}</>;
  return (
    <button type="button" onClick={() => onSort(sort)}>
      {name} <span aria-hidden="true">{sign}</span>
    </button>
  );
}

/** Numbers begin with the greatest, texts with the least. */
function isDescending({ isNumber }: Column, reversed: boolean): boolean {
  return (isNumber === true) !== reversed;
}

function mark(column: Column, sort: string | undefined, reversed: boolean): string {
  if (column.sort === undefined || column.sort !== sort) return '';
  return isDescending(column, reversed) ? '▼' : '▲';
}

function ariaSort(
  column: Column,
  sort: string | undefined,
  reversed: boolean,
): 'ascending' | 'descending' | undefined {
  if (column.sort === undefined || column.sort !== sort) return undefined;
  return isDescending(column, reversed) ? 'descending' : 'ascending';
}
