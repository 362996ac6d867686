import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import type { PolicyTest } from '../../src/test-policy.ts';
import { ask } from './api.ts';
import { CurlLine } from './curl-line.tsx';
import { Facts } from './facts.tsx';
import { RULES } from './rules.ts';

const PATH = '/api/policy/test';
type Verdict = Extract<PolicyTest, object>;

/** The newest answer, or why there is none. */
const result = signal<Verdict | string | undefined>(undefined);
/** What was asked last, for the curl line. */
const question = signal('');

async function send(form: HTMLFormElement): Promise<void> {
  const given = new FormData(form);
  const text = (name: string): string => String(given.get(name) ?? '').trim();
  const named = ['route', 'role', 'user', 'tenant'].map((name) => [name, text(name)] as const);
  const groups = text('groups')
    .split(/[\s,]+/)
    .filter(Boolean);
  question.value = JSON.stringify({
    ...Object.fromEntries(named.filter(([, value]) => value !== '')),
    ...(groups.length === 0 ? {} : { groups }),
    operation: `${text('verb')} ${text('subject')} ${text('more')}`.trim(),
  });
  const answer = await ask<Verdict>(PATH, { method: 'POST', body: question.value });
  result.value = answer.ok ? answer.value : answer.sentence;
}

/** Whether a client may say something, by the code that sessions run. */
export function TestPolicy({ routes }: { readonly routes: readonly string[] }): VNode {
  return (
    <section class="card try" aria-label="Test">
      <h2>May a client say this?</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send(event.currentTarget);
        }}
      >
        {routes.length > 1 && (
          <label>
            Route
            <select name="route">
              {routes.map((route) => (
                <option key={route}>{route}</option>
              ))}
            </select>
          </label>
        )}
        <Field name="role" label="Role, or by the rest" />
        <Field name="user" label="User" />
        <Field name="tenant" label="Tenant" />
        <Field name="groups" label="Groups" />
        <label>
          Operation
          <select name="verb">
            <option>PUB</option>
            <option>SUB</option>
          </select>
        </label>
        <Field name="subject" label="Subject" />
        <Field name="more" label="Reply, bytes, Header: or queue" />
        <button class="primary" type="submit">
          Test
        </button>
      </form>
      <div role="status">
        {typeof result.value === 'string' && <p class="bad">{result.value}</p>}
        {typeof result.value === 'object' && <Result verdict={result.value} />}
      </div>
      {question.value !== '' && <CurlLine path={PATH} body={question.value} />}
    </section>
  );
}

function Field({ name, label }: { readonly name: string; readonly label: string }): VNode {
  return (
    <label>
      {label}
      <input class="mono" name={name} type="text" autocomplete="off" spellcheck={false} />
    </label>
  );
}

function Result({
  verdict: { entry, mode, role, rule, route, verdict },
}: {
  readonly verdict: Verdict;
}): VNode {
  const isAllowed = verdict === 'allow';
  return (
    <>
      <p class={isAllowed ? 'good' : 'bad'}>
        <span aria-hidden="true">{isAllowed ? '●' : '✕'}</span>{' '}
        <b>{isAllowed ? 'allow' : mode === 'observe' ? 'would deny' : 'deny'}</b>
        {rule !== undefined && `: ${RULES[rule]}`}
      </p>
      <Facts
        facts={[
          ['route', route],
          ['role', role],
          ['rule', rule && <code>{rule}</code>],
          ['entry', entry && <code>{entry}</code>],
        ]}
      />
    </>
  );
}
