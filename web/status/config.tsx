import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import type { RunningConfiguration } from '../../src/config/running-configuration.ts';
import type { Second } from '../../src/status/seconds.ts';
import { visible } from '../shared/visible.ts';
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
  const rows = (read.value?.keys ?? []).filter(
    ({ key, default: isDefault }) => key.toLowerCase().includes(text) && (withDefaults.value || !isDefault),
  );
  return (
    <section aria-label="Configuration">
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <label class="visually-hidden" for="key">
          Key
        </label>
        <input
          id="key"
          class="mono"
          type="search"
          placeholder="limits."
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
      <div class="table">
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
      <td class="mono">{visible(key)}</td>
      <td class="mono">{visible(textOf(value))}</td>
      <td>{isDefault ? 'default' : `${visible(at ?? '')}${inherited ? ' (from the top)' : ''}`}</td>
    </tr>
  );
}

function textOf(value: ConfigKey['value']): string {
  if (value === null || value.length === 0) return 'none';
  return typeof value === 'string' ? value : value.join(', ');
}
