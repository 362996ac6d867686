import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { CaptureList } from '../../src/admin/api/captures.ts';
import type { CaptureRow } from '../../src/capture/capture.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { type Answer, ask } from './api.ts';
import { CaptureForm } from './capture-form.tsx';
import { Confirm } from './confirm.tsx';
import { utc, whole } from './format.ts';
import { Below, useReading } from './shown-reading.tsx';
import { StateMark } from './state-mark.tsx';
import { look } from './status-feed.ts';

const PATH = '/api/captures';

/** What is recorded of sessions, and the files of it. */
export function Captures(): VNode {
  const read = useReading<CaptureList>(PATH);
  const list = read.value;
  return (
    <section aria-label="Captures">
      {list !== undefined && (
        <>
          <CaptureForm limits={list.limits} onStarted={look} />
          {list.captures.length === 0 ? (
            <p class="empty">Nothing was recorded yet.</p>
          ) : (
            <Table rows={list.captures} />
          )}
        </>
      )}
      <Below read={read} path={PATH} />
    </section>
  );
}

function Table({ rows }: { readonly rows: readonly CaptureRow[] }): VNode {
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            <th scope="col">Capture</th>
            <th scope="col">State</th>
            <th scope="col">Of</th>
            <th scope="col">Since</th>
            <th scope="col" class="number">
              Operations
            </th>
            <th scope="col" class="number">
              Lost
            </th>
            <th scope="col" class="number">
              In memory
            </th>
            <th scope="col">File</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.toReversed().map((row) => (
            <Row key={row.id} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row }: { readonly row: CaptureRow }): VNode {
  const { bytes, id, lost, operations, payloads, reason, startedAt, state } = row;
  return (
    <tr>
      <td data-name="Capture">{id}</td>
      <td data-name="State">
        <span>
          <StateMark state={state} /> {reason !== undefined && <code>{reason}</code>}
        </span>
      </td>
      <td data-name="Of">
        <Of row={row} />
      </td>
      <td data-name="Since">
        <time dateTime={startedAt}>{utc(startedAt).slice(11)}</time>
      </td>
      <td data-name="Operations" class="number">
        {whole(operations)}
      </td>
      <td data-name="Lost" class="number">
        {lost > 0 ? <b class="warn">▲ {whole(lost)}</b> : 0}
      </td>
      <td data-name="In memory" class="number">
        {byteSize(bytes)}
      </td>
      <td data-name="File">
        {(state !== 'waiting' || payloads) && (
          <span>
            {state !== 'waiting' && (
              <>
                <a href={`${PATH}/${id}/file?as=pcapng`} download>
                  pcapng
                </a>{' '}
                <a href={`${PATH}/${id}/file`} download>
                  NDJSON
                </a>{' '}
              </>
            )}
            {payloads && <small class="warn">▲ with payloads</small>}
          </span>
        )}
      </td>
      <td data-name="Actions">
        <span class="actions">
          {state !== 'ended' && <Stop id={id} />}
          <Confirm
            label="Delete"
            question={`Delete capture ${id}?`}
            yes="Yes, delete it"
            onYes={() => done(ask(`${PATH}/${id}`, { method: 'DELETE' }))}
          />
        </span>
      </td>
    </tr>
  );
}

function Stop({ id }: { readonly id: number }): VNode {
  const [refusal, setRefusal] = useState('');
  const stop = async (): Promise<void> =>
    setRefusal((await done(ask(`${PATH}/${id}/stop`, { method: 'POST' }))) ?? '');
  return (
    <>
      <button type="button" class="small" onClick={() => void stop()}>
        Stop
      </button>
      {refusal !== '' && <span class="bad">{refusal}</span>}
    </>
  );
}

/** Its session, or what it waits for. */
function Of({ row: { match, session } }: { readonly row: CaptureRow }): VNode {
  const words = Object.entries(match).filter(([name]) => name !== 'session');
  return (
    <span>
      {session !== undefined && <a href={`#/sessions/${session}`}>session {session}</a>}{' '}
      {words.map(([name, value]) => (
        <span key={name} class="mono">
          {name}:{visible(String(value))}{' '}
        </span>
      ))}
    </span>
  );
}

/** Reads the list again; gives the sentence of a refusal. */
async function done(answered: Promise<Answer<unknown>>): Promise<string | undefined> {
  const answer = await answered;
  look();
  return answer.ok ? undefined : answer.sentence;
}
