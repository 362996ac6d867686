import type { ComponentChildren } from 'preact';
import type { SessionList } from '../../src/status.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { timeSpan, utc } from './format.ts';
import { Record } from './record.tsx';

export type SessionRow = SessionList['sessions'][number];
type OpenRow = Extract<SessionRow, { state: 'open' }>;

export type Column = {
  readonly name: string;
  /** Parts of the table's width. */
  readonly width: number;
  /** What the API sorts by; undefined: it cannot. */
  readonly sort?: string;
  readonly isNumber?: boolean;
  /** Left out on a phone, where a session must be short; the session itself has it. */
  readonly isExtra?: boolean;
  /** Left out also where not all columns are readable. */
  readonly isWide?: boolean;
  readonly of: (row: SessionRow) => ComponentChildren;
};

export const classOf = ({ isExtra, isNumber, isWide }: Column): string =>
  [isNumber === true && 'number', isExtra === true && 'extra', isWide === true && 'wide']
    .filter(Boolean)
    .join(' ');

/** The last -ERR of the server, and how many there were. */
const ERRORS: Column = {
  name: '-ERR',
  width: 7,
  sort: 'errors',
  isNumber: true,
  of: ({ serverError, serverErrors }) =>
    serverErrors > 0 && <span title={visible(serverError ?? '')}>✕ {serverErrors}</span>,
};

const SHARED: readonly Column[] = [
  { name: 'Session', width: 8, of: ({ id }) => <a href={`#/sessions/${id}`}>{id}</a> },
  { name: 'User', width: 11, sort: 'user', of: userLink },
  { name: 'NATS name', width: 11, of: ({ clientName }) => visible(clientName ?? '') },
  { name: 'Origin', width: 14, sort: 'origin', of: ({ origin }) => visible(origin ?? '') },
  { name: 'Client', width: 11, sort: 'client', isExtra: true, isWide: true, of: ({ client }) => client },
  { name: 'Route', width: 8, sort: 'route', isExtra: true, of: ({ route }) => route },
  { name: 'Server', width: 19, sort: 'upstream', isExtra: true, of: serverText },
  { name: 'Age', width: 10, sort: 'age', isNumber: true, of: ({ seconds }) => timeSpan(seconds) },
  {
    name: '↑ Bytes',
    width: 8,
    sort: 'toUpstream',
    isNumber: true,
    isExtra: true,
    of: ({ bytes }) => byteSize(bytes.toUpstream),
  },
  {
    name: '↓ Bytes',
    width: 8,
    sort: 'toClient',
    isNumber: true,
    isExtra: true,
    of: ({ bytes }) => byteSize(bytes.toClient),
  },
  ERRORS,
];

/** Leads to the session as its number does, which is for the keyboard. */
function userLink({ id, natsUser, user }: SessionRow): ComponentChildren {
  const name = visible(user ?? natsUser ?? '');
  return (
    name !== '' && (
      <a href={`#/sessions/${id}`} tabIndex={-1} title={name}>
        {name}
      </a>
    )
  );
}

/** As `/connz` of that server knows it, too. */
function serverText({ natsClientId, upstream }: SessionRow): ComponentChildren {
  if (natsClientId === undefined) return upstream;
  return (
    <>
      {upstream} <small class="quiet">cid {natsClientId}</small>
    </>
  );
}

/** What waits for both sides, and for how long one has been too slow; or why it is not read from. */
function waitingText({ buffered, rateLimited, slowSeconds, waitingSeconds }: OpenRow): string {
  if (rateLimited !== undefined) return `${rateLimited.limit} for ${timeSpan(rateLimited.seconds)}`;
  const seconds = Math.max(waitingSeconds.toUpstream, waitingSeconds.toClient, slowSeconds);
  const size = byteSize(buffered.toUpstream + buffered.toClient);
  return seconds < 1 ? size : `${size} for ${timeSpan(seconds)}`;
}

const OPEN: readonly Column[] = [
  ...SHARED,
  {
    name: 'Waiting',
    width: 12,
    sort: 'buffered',
    isNumber: true,
    of: (row) => row.state === 'open' && waitingText(row),
  },
  { name: 'Capture', width: 9, isExtra: true, of: ({ id }) => <Record id={id} /> },
];

const ENDED: readonly Column[] = [
  ...SHARED,
  {
    name: 'Ended',
    width: 12,
    of: (row) => row.state === 'ended' && <time dateTime={row.endedAt}>{utc(row.endedAt).slice(11)}</time>,
  },
  {
    name: 'Reason',
    width: 18,
    of: (row) => row.state === 'ended' && `${row.code} ${row.reason}`,
  },
];

export const COLUMNS = { open: OPEN, ended: ENDED } as const;
