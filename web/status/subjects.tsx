import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import type { SubjectList } from '../../src/status.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { secondsSince, timeSpan, whole } from './format.ts';
import { SessionLinks } from './session-links.tsx';
import { Below, useReading } from './shown-reading.tsx';

const PATH = '/api/subjects';

type Row = SubjectList['subjects'][number];
type Column = { readonly name: string; readonly by: (row: Row) => number | string };

/** Numbers begin with the greatest, texts with the least. */
const COLUMNS: readonly Column[] = [
  { name: 'Subject', by: ({ subject }) => subject },
  { name: '↑ Messages/s', by: ({ messagesPerSecond }) => messagesPerSecond.toUpstream },
  { name: '↓ Messages/s', by: ({ messagesPerSecond }) => messagesPerSecond.toClient },
  { name: '↑ Bytes/s', by: ({ bytesPerSecond }) => bytesPerSecond.toUpstream },
  { name: '↓ Bytes/s', by: ({ bytesPerSecond }) => bytesPerSecond.toClient },
  { name: 'Sessions', by: ({ sessions }) => sessions },
];
/** undefined: as the API has them, by messages both ways. */
const sortedBy = signal<string | undefined>(undefined);

/** What is talked about most: by a sample, while this is open. */
export function Subjects(): VNode {
  const read = useReading<SubjectList>(PATH);
  const list = read.value;
  return (
    <section aria-label="Subjects">
      {list !== undefined && (
        <>
          <Sample list={list} />
          {list.subjects.length === 0 ? (
            <p class="empty">No message was seen yet.</p>
          ) : (
            <Table rows={sorted(list.subjects)} />
          )}
        </>
      )}
      <Below read={read} path={PATH} />
    </section>
  );
}

function Sample({ list: { looked, operations, sessions, since } }: { readonly list: SubjectList }): VNode {
  return (
    <p class="hint" role="status">
      A sample of the last {timeSpan(secondsSince(since))}: {whole(looked)} messages of {whole(operations)}{' '}
      operations were looked at. Rates are of about the last 25 s. Tokens that look like ids are{' '}
      <code>*</code>.{' '}
      {sessions.unread > 0 &&
        `Of ${whole(sessions.unread)} sessions nothing is known: their routes have inspect: off.`}
    </p>
  );
}

function sorted(rows: readonly Row[]): readonly Row[] {
  const by = COLUMNS.find(({ name }) => name === sortedBy.value)?.by;
  if (by === undefined) return rows;
  return [...rows].sort((left, right) => {
    const [one, other] = [by(left), by(right)];
    if (typeof one === 'number' && typeof other === 'number') return other - one;
    return one < other ? -1 : Number(one > other);
  });
}

function Table({ rows }: { readonly rows: readonly Row[] }): VNode {
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            {COLUMNS.map(({ name }) => (
              <Head key={name} name={name} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.subject}>
              <td data-name="Subject">
                <code>{visible(row.subject)}</code>
              </td>
              <Rates name="Messages/s" of={row.messagesPerSecond} shown={rateText} />
              <Rates name="Bytes/s" of={row.bytesPerSecond} shown={byteSize} />
              <td data-name="Sessions">
                <SessionLinks {...row} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({ name }: { readonly name: string }): VNode {
  const isSorted = sortedBy.value === name;
  const isText = name === 'Subject';
  return (
    <th
      scope="col"
      class={name.endsWith('/s') ? 'number' : ''}
      aria-sort={isSorted ? (isText ? 'ascending' : 'descending') : undefined}
    >
      <button
        type="button"
        onClick={() => {
          sortedBy.value = isSorted ? undefined : name;
        }}
      >
        {name} <span aria-hidden="true">{isSorted && (isText ? '▲' : '▼')}</span>
      </button>
    </th>
  );
}

type RatesProps = {
  readonly name: string;
  readonly of: Row['messagesPerSecond'];
  readonly shown: (rate: number) => string;
};

function Rates({ name, of: { toUpstream, toClient }, shown }: RatesProps): VNode {
  return (
    <>
      <td class="number" data-name={`↑ ${name}`}>
        {toUpstream === 0 ? '–' : shown(toUpstream)}
      </td>
      <td class="number" data-name={`↓ ${name}`}>
        {toClient === 0 ? '–' : shown(toClient)}
      </td>
    </>
  );
}

const rateText = (rate: number): string => (rate < 10 ? rate.toFixed(1) : whole(Math.round(rate)));
