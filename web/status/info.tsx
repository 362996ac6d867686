import type { VNode } from 'preact';
import type { ShownInfo } from '../../src/inspect/inspection-facts.ts';
import { visible } from '../shared/visible.ts';

/** The server's INFO, as it came and as the client got it: what natsgate has changed comes first. */
export function Info({ info: { received, sent } }: { readonly info: ShownInfo }): VNode {
  const names = [...new Set([...Object.keys(received), ...Object.keys(sent)])];
  const rows = names.map((name) => ({ name, before: textOf(received[name]), after: textOf(sent[name]) }));
  const changed = rows.filter(({ before, after }) => before !== after);
  const same = rows.filter(({ before, after }) => before === after);
  return (
    <section class="card" aria-label="INFO">
      <h2>INFO</h2>
      {changed.length === 0 ? (
        <p class="hint">The client got it as the server has sent it.</p>
      ) : (
        <table class="info">
          <thead>
            <tr>
              <th scope="col">Changed</th>
              <th scope="col">From the server</th>
              <th scope="col">To the client</th>
            </tr>
          </thead>
          <tbody>
            {changed.map(({ name, before, after }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{visible(name)}</code>
                </th>
                <td>
                  <code>{before}</code>
                </td>
                <td>
                  <code>{after}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <details>
        <summary>{changed.length === 0 ? 'All of it' : 'The rest of it'}</summary>
        <dl class="facts">
          {same.map(({ name, after }) => (
            <div key={name}>
              <dt>
                <code>{visible(name)}</code>
              </dt>
              <dd>
                <code>{after}</code>
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}

const textOf = (value: unknown): string => (value === undefined ? '–' : visible(JSON.stringify(value)));
