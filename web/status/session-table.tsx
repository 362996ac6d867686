import type { VNode } from 'preact';
import { COLUMNS, type Column, classOf, type SessionRow } from './session-columns.tsx';
import { useVirtualRows } from './virtual-rows.ts';

export type SessionTableProps = {
  /** Those that are known, from `offset` on. */
  readonly rows: readonly SessionRow[];
  readonly offset: number;
  readonly total: number;
  readonly state: keyof typeof COLUMNS;
  readonly sort: string | undefined;
  readonly reversed: boolean;
  /** Of which list it is; another one begins at its top. */
  readonly list: string;
  onSort(key: string): void;
  /** These rows are looked at from now on. */
  onLook(first: number): void;
};

/** A list of any length, of which only the rows in view are drawn; the API sorts. */
export function SessionTable(props: SessionTableProps): VNode {
  const { list, offset, onLook, onSort, reversed, rows, sort, state, total } = props;
  const columns = COLUMNS[state];
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const { above, count, first, height, scroller } = useVirtualRows(list, total, onLook);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keyboard
    <section class={`table rows ${state}`} aria-label="List of sessions" tabIndex={0} {...scroller}>
      <div style={{ height: `${height}px` }}>
        <table aria-rowcount={total + 1} style={{ marginTop: `${above}px` }}>
          <colgroup>
            {columns.map((column) => (
              <col
                key={column.name}
                class={classOf(column)}
                style={{ width: `${(column.width / width) * 100}%` }}
              />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => (
                <th
                  key={column.name}
                  scope="col"
                  class={classOf(column)}
                  aria-sort={ariaSort(column, sort, reversed)}
                >
                  <Head column={column} mark={mark(column, sort, reversed)} onSort={onSort} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: count }, (_, place) => {
              const index = first + place;
              const row = rows[index - offset];
              // By its session, so that who reads a row keeps it when others come before it.
              return row === undefined ? (
                <tr key={`place ${index}`} aria-rowindex={index + 2} class="quiet">
                  {columns.map((column) => (
                    <td key={column.name} class={classOf(column)}>
                      …
                    </td>
                  ))}
                </tr>
              ) : (
                <Row key={row.id} row={row} columns={columns} index={index} />
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

type RowProps = { readonly row: SessionRow; readonly columns: readonly Column[]; readonly index: number };

function Row({ row, columns, index }: RowProps): VNode {
  return (
    <tr aria-rowindex={index + 2}>
      {columns.map((column) => {
        const content = column.of(row);
        return (
          <td
            key={column.name}
            data-name={column.name}
            class={classOf(column)}
            title={typeof content === 'string' ? content : undefined}
          >
            {content}
          </td>
        );
      })}
    </tr>
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
