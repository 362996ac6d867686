import type { VNode } from 'preact';
import type { WatchedOperation } from '../../src/live/format.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { isError, type Row } from './watch-log.ts';

type Props = {
  readonly row: Row;
  /** The row above it. */
  readonly before: Row | undefined;
  /** Of an -ERR, where it is still known. */
  readonly cause: WatchedOperation | undefined;
  /** Of an answer, the request, where it is still known. */
  readonly answered: WatchedOperation | undefined;
  readonly isBlamed: boolean;
  readonly onJump: (id: number) => void;
};

const WAYS = {
  'c>': ['↑', 'from the client'],
  '>s': ['⇑', 'natsgate to the server'],
  's>': ['↓', 'from the server'],
  '>c': ['⇓', 'natsgate to the client'],
} as const;

/** One operation, or what natsgate says. A line above it: another WebSocket message than the row before. */
export function OperationRow({ row, before, cause, answered, isBlamed, onJump }: Props): VNode {
  if (!('op' in row))
    return (
      <li class="note">
        <span class="time">{seconds(row.t)}</span> <span>natsgate: {row.note}</span>
      </li>
    );
  const [arrow, way] = WAYS[row.d];
  const isOther = before === undefined || !('op' in before) || before.d !== row.d || before.f !== row.f;
  const classes = [isOther ? 'frame' : '', isError(row) ? 'error' : '', isBlamed ? 'blamed' : ''];
  return (
    <li class={classes.filter(Boolean).join(' ')} data-id={row.id} tabIndex={-1}>
      <span
        class="time"
        title={before === undefined ? undefined : `${ms(row.t - before.t)} after the row above`}
      >
        {seconds(row.t)}
      </span>
      <span class="delta">{before !== undefined && `+${ms(row.t - before.t)}`}</span>
      <span class="verb">
        <span role="img" aria-label={way} title={way}>
          {arrow}
        </span>{' '}
        <b>{row.op}</b>
      </span>
      <span class="said">
        {isError(row) && '✕ '}
        {row.subj !== undefined && <code>{visible(row.subj)}</code>}
        {row.reply !== undefined && (
          <small>
            {' '}
            reply to <code>{visible(row.reply)}</code>
          </small>
        )}
        {row.queue !== undefined && <small> queue {visible(row.queue)}</small>}
        {row.sid !== undefined && <small> sid {visible(row.sid)}</small>}
        {row.text !== undefined && <code class="text">{visible(row.text)}</code>}
        {row.hn !== undefined && <small> headers {visible(row.hn.join(', '))}</small>}
        {row.st !== undefined && <small> status {row.st}</small>}
        {row.v !== undefined && <small> natsgate has {VERDICTS[row.v]}</small>}
        {isBlamed && <strong> ▲ caused an -ERR</strong>}
        {row.cause !== undefined && <Cause row={row} cause={cause} onJump={onJump} />}
        {row.answers !== undefined && (
          <small>
            {' '}
            <button type="button" class="jump" onClick={() => onJump(row.answers ?? 0)}>
              answers {nameOf(answered, row.answers)}
            </button>{' '}
            <b>after {ms(row.after ?? 0)}</b>
          </small>
        )}
      </span>
      <span class="number">{row.n !== undefined && byteSize(row.n)}</span>
      <span class="message" title="number of the WebSocket message">
        {row.f !== undefined && `ws ${row.fEnd === undefined ? row.f : `${row.f}–${row.fEnd}`}`}
      </span>
    </li>
  );
}

const VERDICTS = {
  replaced: 'written it anew',
  dropped: 'dropped it',
  ended: 'ended the session for it',
} as const;

type CauseProps = Pick<Props, 'cause' | 'onJump'> & { readonly row: WatchedOperation };

function Cause({ row, cause, onJump }: CauseProps): VNode {
  const word = row.guess === true ? 'probably caused by' : 'caused by';
  return (
    <span class="cause">
      {' '}
      {word}{' '}
      <button
        type="button"
        class="jump"
        onClick={() => onJump(row.cause ?? 0)}
        disabled={cause === undefined}
      >
        {nameOf(cause, row.cause)}
      </button>
    </span>
  );
}

/** `PUB svc.quote`; by its number where it is not known any more. */
const nameOf = (operation: WatchedOperation | undefined, id: number | undefined): string =>
  operation === undefined ? `#${id}` : visible(`${operation.op} ${operation.subj ?? ''}`.trim());

const seconds = (micros: number): string => (micros / 1_000_000).toFixed(3);
const ms = (micros: number): string =>
  micros < 1_000_000
    ? `${(micros / 1000).toFixed(micros < 10_000 ? 2 : 0)} ms`
    : `${(micros / 1_000_000).toFixed(1)} s`;
