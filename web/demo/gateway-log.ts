import { clock, element, make } from '../shared/dom.ts';
import type { LogLine } from './dev-server.ts';

const MAX_LINES = 100;
/** Fields that say the same as a line's other words, or what this page shows elsewhere. */
const QUIET_FIELDS = new Set(['hint', 'session', 'version', 'listen', 'admin']);

/** The gateway's own log lines, newest first. */
export function showLogLine(line: LogLine): void {
  const list = element('log', HTMLOListElement);
  element('log-card').hidden = false;
  const word = String(line.fields['outcome'] ?? line.fields['reason'] ?? '');
  const fields = Object.entries(line.fields).filter(
    ([name]) => !QUIET_FIELDS.has(name) && name !== 'outcome' && name !== 'reason',
  );
  const rest = fields
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const hint = line.fields['hint'];
  list.prepend(
    make(
      'li',
      `level-${line.level}`,
      make('time', '', clock(new Date(line.time))),
      make('b', '', word === '' ? line.message : `${word}: `),
      ...(word === '' ? [] : [typeof hint === 'string' ? hint : line.message]),
      make('span', 'fields', rest),
    ),
  );
  while (list.childElementCount > MAX_LINES) list.lastElementChild?.remove();
}
