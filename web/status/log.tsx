import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Levels, LogLines } from '../../src/admin/api/log.ts';
import { visible } from '../shared/visible.ts';
import { ask } from './api.ts';
import { utc } from './format.ts';
import { fieldsOf, joined, type LogLine } from './log-lines.ts';
import { type Read, startReading } from './reading.ts';
import { Below, useReading } from './shown-reading.tsx';
import { StateMark } from './state-mark.tsx';
import { look } from './status-feed.ts';

const PATH = '/api/log/lines';
/** What shows most comes first. */
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly Levels['level'][];

const least = signal<string>('debug');
const sought = signal('');

/** The last lines that the log has printed. */
export function Log(): VNode {
  const { read, lines } = useLines();
  const text = sought.value.trim().toLowerCase();
  const from = LEVELS.indexOf(least.value as Levels['level']);
  const shown = lines.filter(
    ({ line }) =>
      LEVELS.indexOf(line['level'] as Levels['level']) >= from &&
      `${line['message']} ${fieldsOf(line)}`.toLowerCase().includes(text),
  );
  return (
    <section aria-label="Log">
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <label for="log-text">Text in the line</label>
        <input
          id="log-text"
          class="mono"
          type="search"
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
        <label>
          Show level{' '}
          <select
            value={least.value}
            onChange={(event) => {
              least.value = event.currentTarget.value;
            }}
          >
            {LEVELS.slice(0, -1).map((level) => (
              <option key={level}>{level}</option>
            ))}
          </select>
        </label>
        <Level />
      </form>
      {shown.length === 0 && read.value !== undefined && <p class="empty">No line to show.</p>}
      <ol class="log">
        {shown.map(({ number, line }) => (
          <Line key={number} line={line} />
        ))}
      </ol>
      <Below read={read} path={PATH} />
    </section>
  );
}

function Line({ line: { session, ...line } }: { readonly line: LogLine['line'] }): VNode {
  const time = String(line['time']);
  return (
    <li>
      <time dateTime={time} title={utc(time)}>
        {time.slice(11, 23)}
      </time>{' '}
      <StateMark state={String(line['level'])} /> <b>{visible(String(line['message']))}</b>{' '}
      {session !== undefined && (
        <>
          <a class="mono" href={`#/sessions/${session}`}>
            session={String(session)}
          </a>{' '}
        </>
      )}
      <span class="mono quiet">{visible(fieldsOf(line))}</span>
    </li>
  );
}

/** What the gateway prints from now on, until the next reload that is applied. */
function Level(): VNode | null {
  const levels = useReading<Levels>('/api/log', never).value;
  const [refusal, setRefusal] = useState('');
  const change = async (level: string): Promise<void> => {
    const answer = await ask<Levels>('/api/log', { method: 'PUT', body: JSON.stringify({ level }) });
    setRefusal(answer.ok ? '' : answer.sentence);
    look();
  };
  if (levels === undefined) return null;
  const { level, configured } = levels;
  return (
    <>
      <label>
        Log level of the process{' '}
        <select value={level} onChange={(event) => void change(event.currentTarget.value)}>
          {LEVELS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      {level !== configured && <span class="hint">configured: {configured}, again with the next reload</span>}
      {refusal !== '' && (
        <span class="bad" role="alert">
          {refusal}
        </span>
      )}
    </>
  );
}

const never = (): boolean => false;

/** Each answer has the lines that are new. */
function useLines(): { readonly read: Read<LogLines>; readonly lines: readonly LogLine[] } {
  const [state, setState] = useState<{ read: Read<LogLines>; lines: readonly LogLine[] }>({
    read: {},
    lines: [],
  });
  useEffect(() => {
    let lines: readonly LogLine[] = [];
    const reading = startReading<LogLines>(() => `${PATH}?after=${lines[0]?.number ?? 0}`);
    const unsubscribe = reading.read.subscribe((read) => {
      if (read.value !== undefined) lines = joined(lines, read.value);
      setState({ read, lines });
    });
    return () => {
      unsubscribe();
      reading.stop();
    };
  }, []);
  return state;
}
