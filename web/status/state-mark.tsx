import type { VNode } from 'preact';

type Mark = { readonly shape: string; readonly word: string; readonly tone: string };

/** By shape and word; the colour only adds to it. */
const MARKS: Readonly<Record<string, Mark>> = {
  ready: { shape: '●', word: 'ready', tone: 'good' },
  up: { shape: '●', word: 'up', tone: 'good' },
  applied: { shape: '●', word: 'applied', tone: 'good' },
  unchanged: { shape: '●', word: 'unchanged', tone: 'good' },
  untried: { shape: '○', word: 'not tried yet', tone: 'quiet' },
  starting: { shape: '◐', word: 'starting', tone: 'warn' },
  draining: { shape: '◐', word: 'draining', tone: 'warn' },
  lame_duck: { shape: '◐', word: 'lame duck', tone: 'warn' },
  restart_needed: { shape: '◐', word: 'restart needed', tone: 'warn' },
  unhealthy: { shape: '▲', word: 'unhealthy', tone: 'bad' },
  waiting: { shape: '○', word: 'waiting', tone: 'quiet' },
  recording: { shape: '●', word: 'recording', tone: 'good' },
  ended: { shape: '■', word: 'ended', tone: 'quiet' },
  debug: { shape: '·', word: 'debug', tone: 'quiet' },
  info: { shape: '○', word: 'info', tone: 'quiet' },
  warn: { shape: '▲', word: 'warn', tone: 'warn' },
  error: { shape: '✕', word: 'error', tone: 'bad' },
  down: { shape: '✕', word: 'down', tone: 'bad' },
  refused: { shape: '✕', word: 'refused', tone: 'bad' },
  stale: { shape: '✕', word: 'no answer', tone: 'bad' },
};

/** The state of something, as the API names it. */
export function StateMark({ state }: { readonly state: string }): VNode {
  const { shape, word, tone } = (Object.hasOwn(MARKS, state) ? MARKS[state] : undefined) ?? {
    shape: '○',
    word: state,
    tone: 'quiet',
  };
  return (
    <span class={`state ${tone}`}>
      <span aria-hidden="true">{shape}</span> {word}
    </span>
  );
}
