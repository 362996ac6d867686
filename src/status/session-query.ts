import { withoutNames } from '../log-fields.ts';
import type { Session } from '../session/session.ts';
import type { EndedSession } from '../session/session-contract.ts';
import { textPattern } from '../text-pattern.ts';
import type { Ended } from './ended-sessions.ts';

/** What a filter compares. `reason` of an open session is that of its end under way. */
const FIELDS = {
  user: ({ facts }) => facts.user,
  tenant: ({ facts }) => facts.tenant,
  role: ({ facts }) => facts.role,
  origin: ({ facts }) => facts.origin,
  route: ({ facts }) => facts.route,
  client: ({ facts }) => facts.clientAddress,
  upstream: ({ facts }) => facts.upstream,
  reason: ({ reason }) => reason,
  name: ({ clientName }) => clientName,
  natsUser: ({ natsUser }) => natsUser,
  cid: ({ facts }) => facts.natsClientId?.toString(),
  /** As the row shows it. */
  error: ({ serverError }) => serverError && withoutNames(serverError),
  /** What a person may know a session by, a line each, in small letters. */
  any: ({ facts, clientName, natsUser }) =>
    [
      facts.id,
      facts.user,
      facts.tenant,
      clientName,
      natsUser,
      facts.origin,
      facts.clientAddress,
      facts.upstream,
      facts.natsClientId,
    ]
      .join('\n')
      .toLowerCase(),
} satisfies Record<string, (one: Filtered) => string | undefined>;
type Filtered = Pick<Session | EndedSession, 'facts' | 'reason' | 'clientName' | 'natsUser' | 'serverError'>;

/** What rows are ordered by. Texts begin with the least, numbers with the greatest. */
const ORDERS = {
  age: (one) => (isEnded(one) ? one.session.seconds : -one.startedAtMs),
  bytes: (one) => counted(one).bytesToUpstream + counted(one).bytesToClient,
  toUpstream: (one) => counted(one).bytesToUpstream,
  toClient: (one) => counted(one).bytesToClient,
  buffered: (one) => counted(one).bufferedBytes.client + counted(one).bufferedBytes.upstream,
  waiting: (one) => Math.max(counted(one).waitingMs.client, counted(one).waitingMs.upstream),
  /** How long it has not been read from because of a limit of rates. */
  limited: (one) => (isEnded(one) ? 0 : (one.delay?.seconds ?? -1)),
  errors: (one) => counted(one).serverErrors,
  user: (one) => counted(one).facts.user ?? '',
  origin: (one) => counted(one).facts.origin ?? '',
  route: (one) => counted(one).facts.route,
  client: (one) => counted(one).facts.clientAddress,
  upstream: (one) => counted(one).facts.upstream,
} satisfies Record<string, (one: Listed) => number | string>;
type Listed = Session | Ended;

export type FilterField = keyof typeof FIELDS;
export type SortKey = keyof typeof ORDERS;
export const FILTER_FIELDS = Object.keys(FIELDS) as readonly FilterField[];
export const SORT_KEYS = Object.keys(ORDERS) as readonly SortKey[];

export type SessionQuery = {
  readonly state: 'open' | 'ended';
  /** All must hold. `*` is any text, an empty pattern is the absence of a value. */
  readonly filters: readonly { readonly field: FilterField; readonly pattern: string }[];
  /** undefined: open ones in the order in which they began, ended ones with the last first. */
  readonly sort: SortKey | undefined;
  /** The other way round than usual. */
  readonly reversed: boolean;
  /** Of open ones in the order in which they began: only those with a greater id. */
  readonly after: number;
  readonly offset: number;
  readonly limit: number;
};

/** The page that is asked for, and how many there are on all pages. Goes over all of `list` once. */
export function pageOf<One extends Listed>(
  list: Iterable<One>,
  { filters, sort, reversed, after, offset, limit }: SessionQuery,
): { readonly matched: number; readonly page: readonly One[] } {
  const tests = filters.map(({ field, pattern }) => ({ read: FIELDS[field], fits: textPattern(pattern) }));
  const found: One[] = [];
  for (const one of list) {
    const session = counted(one);
    if (session.facts.id <= after) continue;
    if (tests.every(({ read, fits }) => fits(read(session) ?? ''))) found.push(one);
  }
  const ordered = sort === undefined ? found : sorted(found, ORDERS[sort]);
  if (reversed) ordered.reverse();
  return { matched: found.length, page: ordered.slice(offset, offset + limit) };
}

/** Those with equal keys stay in the order in which they were. */
function sorted<One extends Listed>(list: readonly One[], keyOf: (one: Listed) => number | string): One[] {
  const keyed = list.map((one) => ({ one, key: keyOf(one) }));
  keyed.sort((left, right) => {
    if (typeof left.key === 'number' && typeof right.key === 'number') return right.key - left.key;
    return left.key < right.key ? -1 : Number(left.key > right.key);
  });
  return keyed.map(({ one }) => one);
}

const isEnded = (one: Listed): one is Ended => 'endedAtMs' in one;
const counted = (one: Listed): Session | EndedSession => (isEnded(one) ? one.session : one);
