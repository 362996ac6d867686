import type { VNode } from 'preact';
import type { PolicyStatus } from '../../src/status/policy.ts';
import type { RefusedList, SessionList } from '../../src/status.ts';
import { visible } from '../shared/visible.ts';
import { secondsSince, timeSpan, utc, whole } from './format.ts';
import { RouteRules } from './policy-rules.tsx';
import { TestPolicy } from './policy-test.tsx';
import { RULES } from './rules.ts';
import { SessionLinks } from './session-links.tsx';
import { addressOf } from './session-search.ts';
import { Below, useReading } from './shown-reading.tsx';
import { Tile } from './tile.tsx';

const PATH = '/api/policy';
const OBSERVED = '/api/policy/observed';
const LIMITED = '/api/sessions?sort=limited&limit=20';

/** What clients may say and how fast, what was refused, and who is held back now. */
export function Policy(): VNode {
  const read = useReading<PolicyStatus>(PATH);
  const status = read.value;
  const policies = status?.routes.flatMap(({ route, policy }) =>
    policy === undefined ? [] : [{ route, policy }],
  );
  return (
    <section aria-label="Policy">
      {status?.routes.length === 0 && (
        <p class="empty">
          No route has a <code>policy</code> or <code>rates</code>: clients may say all that nats-server lets
          them.
        </p>
      )}
      {status !== undefined && status.routes.length > 0 && (
        <>
          {policies?.length !== 0 && <TestPolicy routes={policies?.map(({ route }) => route) ?? []} />}
          <div class="tiles">
            {policies?.length !== 0 && <Verdicts status={status} />}
            <Rates status={status} />
          </div>
          <Limited />
          {policies?.length !== 0 && <Refused />}
          {policies?.map((one) => (
            <RouteRules key={one.route} {...one} />
          ))}
        </>
      )}
      <Below read={read} path={PATH} />
    </section>
  );
}

type Parts = { readonly status: PolicyStatus };

function Verdicts({ status: { routes, verdicts } }: Parts): VNode {
  const sum = (wanted: string): number =>
    verdicts.reduce((all, { verdict, count }) => all + (verdict === wanted ? count : 0), 0);
  const observes = routes.some(({ policy }) => policy?.mode === 'observe');
  return (
    <Tile title="Verdicts">
      <p class="big">
        {whole(sum('denied'))} <small>operations refused since the start</small>
      </p>
      {(observes || sum('would_deny') > 0) && <p>{whole(sum('would_deny'))} would be, with mode: enforce</p>}
      <dl class="facts">
        {verdicts.map(({ role, verdict, rule, count }) => (
          <div key={`${role} ${verdict} ${rule}`}>
            <dt title={RULES[rule]}>
              {role}: <code>{rule}</code>
              {verdict === 'would_deny' && ', would be'}
            </dt>
            <dd>{whole(count)}</dd>
          </div>
        ))}
      </dl>
    </Tile>
  );
}

function Rates({ status: { delayedSessions, rateLimited, routes } }: Parts): VNode {
  const limited = routes.flatMap(({ route, rates }) => (rates === undefined ? [] : [{ route, rates }]));
  return (
    <Tile title="Rates">
      {limited.length === 0 ? (
        <p>
          No route has <code>rates</code>.
        </p>
      ) : (
        <p class="big">
          {whole(delayedSessions)}{' '}
          <small>{delayedSessions === 1 ? 'session is' : 'sessions are'} read later now</small>
        </p>
      )}
      <dl class="facts">
        {limited.flatMap(({ route, rates: { limits } }) =>
          limits.map(({ limit, perSecond, burstSeconds, exceeded }) => (
            <div key={`${route} ${limit}`}>
              <dt>
                {route}: <code>{limit}</code>
              </dt>
              <dd>
                {whole(perSecond)}/s, burst {timeSpan(burstSeconds)}, then {exceeded}
              </dd>
            </div>
          )),
        )}
        {rateLimited.map(({ limit, delay, error, close }) => (
          <div key={limit}>
            <dt>
              <code>{limit}</code> exceeded
            </dt>
            <dd>
              {whole(delay)} read later, {whole(error)} refused, {whole(close)} ended
            </dd>
          </div>
        ))}
      </dl>
    </Tile>
  );
}

/** Who is limited by rates at this moment. */
function Limited(): VNode | null {
  const rows = useReading<SessionList>(LIMITED).value?.sessions.flatMap((row) =>
    row.state === 'open' && row.rateLimited !== undefined ? [{ ...row, rateLimited: row.rateLimited }] : [],
  );
  if (rows === undefined || rows.length === 0) return null;
  return (
    <>
      <h2 class="part">
        Limited now <a href={addressOf({ sort: 'limited' })}>All sessions by it →</a>
      </h2>
      <div class="table">
        <table>
          <thead>
            <tr>
              <th scope="col">Session</th>
              <th scope="col">User</th>
              <th scope="col">Origin</th>
              <th scope="col">Limit</th>
              <th scope="col" class="number">
                For
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ id, origin, rateLimited: { limit, seconds }, user }) => (
              <tr key={id}>
                <td data-name="Session">
                  <a href={`#/sessions/${id}`}>{id}</a>
                </td>
                <td data-name="User">{visible(user ?? '')}</td>
                <td data-name="Origin">{visible(origin ?? '')}</td>
                <td data-name="Limit">
                  <code>{limit}</code>
                </td>
                <td data-name="For" class="number">
                  {timeSpan(seconds)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Refused(): VNode | null {
  const rows = useReading<RefusedList>(OBSERVED).value?.refused;
  if (rows === undefined) return null;
  return (
    <>
      <h2 class="part">Refused most often</h2>
      {rows.length === 0 ? (
        <p class="empty">No operation was refused yet.</p>
      ) : (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th scope="col">Role</th>
                <th scope="col">Operation</th>
                <th scope="col">Rule</th>
                <th scope="col" class="number">
                  Times
                </th>
                <th scope="col">Sessions</th>
                <th scope="col">Since</th>
                <th scope="col">Last</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(
                ({ role, rule, verdict, operation, subject, queue = '', count, first, last, ...by }) => (
                  <tr key={`${role} ${rule} ${verdict} ${operation} ${subject} ${queue}`}>
                    <td data-name="Role">{role}</td>
                    <td data-name="Operation">
                      <code>
                        {operation} {visible(subject)} {visible(queue)}
                      </code>
                    </td>
                    <td data-name="Rule" title={RULES[rule]}>
                      <code>{rule}</code>
                      {verdict === 'would_deny' && ', would be'}
                    </td>
                    <td data-name="Times" class="number">
                      {whole(count)}
                    </td>
                    <td data-name="Sessions">
                      <SessionLinks {...by} />
                    </td>
                    <td data-name="Since">
                      <time dateTime={first}>{utc(first)}</time>
                    </td>
                    <td data-name="Last">
                      <time dateTime={last} title={utc(last)}>
                        {timeSpan(secondsSince(last))} ago
                      </time>
                    </td>
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
