import type { ComponentChildren, VNode } from 'preact';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { Chart, type Line } from './chart.tsx';
import { secondsSince, timeSpan, utc } from './format.ts';
import type { Point } from './history.ts';
import { StateMark } from './state-mark.tsx';
import { Tile } from './tile.tsx';

/** A certificate is worth a warning for this long before its end. */
const CERTIFICATE_WARNING_SECONDS = 14 * 86_400;

const BUSY: readonly Line[] = [{ name: 'busy', of: ({ busy }) => busy * 100 }];
const percent = (part: number): string => `${Math.round(part)} %`;

export function Process({
  status: { engine, engineFallback, eventLoop, memory },
  points,
}: {
  readonly status: InstanceStatus;
  readonly points: readonly Point[];
}): VNode {
  return (
    <Tile title="Process">
      <p class="big">
        {percent(eventLoop.utilization * 100)} <small>of the event loop</small>
      </p>
      <Chart label="Event loop" points={points} lines={BUSY} shown={percent} />
      <dl class="facts">
        <div>
          <dt>loop delay, p99</dt>
          <dd>{(eventLoop.delayP99Seconds * 1000).toFixed(1)} ms</dd>
        </div>
        {memory.rssBytes !== undefined && (
          <div>
            <dt>memory</dt>
            <dd>
              {byteSize(memory.rssBytes)}
              {memory.limitBytes !== undefined && ` of ${byteSize(memory.limitBytes)}`}
            </dd>
          </div>
        )}
        <div>
          <dt>engine</dt>
          <dd>
            {engine} {engineFallback && <b class="warn">▲ in place of cut-through</b>}
          </dd>
        </div>
      </dl>
    </Tile>
  );
}

export function Configuration({ status: { configuration } }: { readonly status: InstanceStatus }): VNode {
  const { hash, lastReload, restartNeeded } = configuration;
  return (
    <Tile title="Configuration" more={{ href: '#/config', text: 'Every key' }}>
      <p class="big mono">{hash.slice(0, 8)}</p>
      {lastReload === undefined ? (
        <p class="hint">not reloaded since the start</p>
      ) : (
        <p>
          last reload <StateMark state={lastReload.outcome} />{' '}
          <time dateTime={lastReload.at} title={utc(lastReload.at)}>
            {timeSpan(secondsSince(lastReload.at))} ago
          </time>
        </p>
      )}
      {lastReload?.problems.map((problem) => (
        <p key={problem} class="last-error">
          {visible(problem)}
        </p>
      ))}
      {restartNeeded.length > 0 && (
        <p>
          <StateMark state="restart_needed" /> for {restartNeeded.map(({ key }) => key).join(', ')}
        </p>
      )}
    </Tile>
  );
}

export function Certificates({
  status: { certificates },
}: {
  readonly status: InstanceStatus;
}): VNode | null {
  if (certificates.length === 0) return null;
  return (
    <Tile title="Certificates">
      <dl class="facts">
        {certificates.map(({ role, expiresAt }) => (
          <div key={role}>
            <dt>{role}</dt>
            <dd title={utc(expiresAt)}>{expiry(-secondsSince(expiresAt))}</dd>
          </div>
        ))}
      </dl>
    </Tile>
  );
}

function expiry(seconds: number): ComponentChildren {
  if (seconds <= 0) return <b class="bad">✕ expired</b>;
  const left = `${timeSpan(seconds)} left`;
  return seconds < CERTIFICATE_WARNING_SECONDS ? <b class="warn">▲ {left}</b> : left;
}
