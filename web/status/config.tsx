import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import type { RunningConfiguration } from '../../src/config/running-configuration.ts';
import type { Second } from '../../src/status/seconds.ts';
import { visible } from '../shared/visible.ts';
import { whole } from './format.ts';
import { Below, useReading } from './shown-reading.tsx';
import { statusNow } from './status-feed.ts';

const PATH = '/api/config';
type ConfigKey = RunningConfiguration['keys'][number];

/** The hash is read every ten seconds. */
const isDue = (_: Second, { hash }: RunningConfiguration): boolean =>
  hash !== statusNow.peek().value?.configuration.hash;
const sought = signal('');
const withDefaults = signal(false);

/** Every key of what runs: its value, and where it was written. */
export function Config(): VNode {
  const read = useReading<RunningConfiguration>(PATH, isDue);
  const text = sought.value.trim().toLowerCase();
  const fitting = (read.value?.keys ?? []).filter(({ key }) => key.toLowerCase().includes(text));
  const rows = fitting.filter(({ default: isDefault }) => withDefaults.value || !isDefault);
  return (
    <section aria-label="Configuration">
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <label for="key">Key</label>
        <input
          id="key"
          class="mono"
          type="search"
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
        <label class="inline">
          <input
            type="checkbox"
            checked={withDefaults.value}
            onChange={(event) => {
              withDefaults.value = event.currentTarget.checked;
            }}
          />{' '}
          defaults, too
        </label>
      </form>
      {rows.length === 0 && read.value !== undefined && (
        <p class="empty">
          {fitting.length === 0
            ? 'No key fits.'
            : `No key that is written fits; ${whole(fitting.length)} at their defaults do.`}
        </p>
      )}
      <div class="table" hidden={rows.length === 0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Value</th>
              <th scope="col">Written at</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={row.key} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      <Below read={read} path={PATH} />
    </section>
  );
}

function Row({ row: { key, value, at, default: isDefault, inherited } }: { readonly row: ConfigKey }): VNode {
  return (
    <tr class={isDefault ? 'quiet' : ''}>
      <td data-name="Key" class="mono">
        {visible(key)}
      </td>
      <td data-name="Value" class="mono">
        {visible(textOf(value))}
      </td>
      <td data-name="Written at">
        {isDefault ? 'default' : `${visible(at ?? '')}${inherited ? ' (from the top)' : ''}`}
      </td>
    </tr>
  );
}

function textOf(value: ConfigKey['value']): string {
  if (value === null || value.length === 0) return 'none';
  return typeof value === 'string' ? value : value.join(', ');
}
