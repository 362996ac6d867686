import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { HandshakeRow } from '../../src/status/recent-handshakes.ts';
import type { HandshakeTrial } from '../../src/try-handshake.ts';
import { visible } from '../shared/visible.ts';
import { ask } from './api.ts';
import { Facts } from './facts.tsx';
import { utc } from './format.ts';
import { headerLinesOf } from './header-lines.ts';
import { statusNow } from './status-feed.ts';

const PATH = '/api/handshakes/try';

type Fields = Readonly<Record<'origin' | 'path' | 'host' | 'address' | 'headers', string>> & {
  /** undefined: as the listener. */
  readonly secure: boolean | undefined;
  readonly webhook: boolean;
};

const isOpen = signal(false);
const fields = signal<Fields>({
  origin: '',
  path: '/',
  host: '',
  address: '127.0.0.1',
  headers: '',
  secure: undefined,
  webhook: false,
});
/** The newest answer, or why there is none. */
const result = signal<HandshakeTrial | string | undefined>(undefined);
/** The next answer is for a row that is far from it. */
let isFarAway = false;

const change = (changes: Partial<Fields>): void => {
  fields.value = { ...fields.value, ...changes };
};

/** Tries what this handshake had, as far as it is known, with the rules of now. */
export function tryAgain({ client, origin, route }: HandshakeRow): void {
  const { path = '/', host = '' } = statusNow.value.value?.routes.find(({ name }) => name === route) ?? {};
  change({ origin: origin ?? '', path, host, address: client });
  isOpen.value = true;
  isFarAway = true;
  void send();
}

async function send(): Promise<void> {
  const { origin, path, host, address, headers, secure, webhook } = fields.value;
  const lines = headerLinesOf(headers);
  if (lines === undefined) {
    result.value = 'Write each header line as Name: value.';
    return;
  }
  const answer = await ask<HandshakeTrial>(PATH, {
    method: 'POST',
    body: JSON.stringify({
      ...(origin === '' ? {} : { origin }),
      ...(host === '' ? {} : { host }),
      ...(secure === undefined ? {} : { secure }),
      path,
      address,
      headers: lines,
      webhook,
    }),
  });
  result.value = answer.ok ? answer.value : answer.sentence;
}

/** What a handshake would be answered, without a socket. */
export function TryHandshake(): VNode {
  const { origin, path, host, address, headers, secure, webhook } = fields.value;
  const isTls = statusNow.value.value?.tls === true;
  const verdict = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isFarAway || result.value === undefined) return;
    isFarAway = false;
    verdict.current?.scrollIntoView({ block: 'center' });
    verdict.current?.focus({ preventScroll: true });
  }, [result.value]);
  return (
    <details
      id="try"
      class="card try"
      open={isOpen.value}
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>Try an origin, a path, a header</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field name="Origin" hint="none" value={origin} onChange={(text) => change({ origin: text })} />
        <Field name="Path, with its query" value={path} onChange={(text) => change({ path: text })} />
        <Field
          name="Host"
          hint="the first of listen.hosts"
          value={host}
          onChange={(text) => change({ host: text })}
        />
        <Field name="Address" value={address} onChange={(text) => change({ address: text })} />
        <label class="wide">
          More header lines
          <textarea
            class="mono"
            placeholder={'Cookie: session=…\nSec-WebSocket-Protocol: nats'}
            value={headers}
            onInput={(event) => change({ headers: event.currentTarget.value })}
          />
        </label>
        <Tick
          name="the browser comes by TLS"
          isOn={secure ?? isTls}
          onChange={(isOn) => change({ secure: isOn })}
        />
        <Tick name="ask the webhook, too" isOn={webhook} onChange={(isOn) => change({ webhook: isOn })} />
        <button class="primary" type="submit">
          Try it
        </button>
      </form>
      <div role="status" ref={verdict} tabIndex={-1}>
        {typeof result.value === 'string' && <p class="bad">{result.value}</p>}
        {typeof result.value === 'object' && <Result trial={result.value} />}
      </div>
      <p class="hint">
        No server is dialled, no place is taken, nothing is counted; a token is verified and not shown.
      </p>
    </details>
  );
}

type FieldProps = {
  readonly name: string;
  /** What an empty one means. */
  readonly hint?: string;
  readonly value: string;
  onChange(text: string): void;
};

function Field({ name, hint = '', value, onChange }: FieldProps): VNode {
  return (
    <label>
      {name}
      <input
        class="mono"
        type="text"
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}

type TickProps = { readonly name: string; readonly isOn: boolean; onChange(isOn: boolean): void };

function Tick({ name, isOn, onChange }: TickProps): VNode {
  return (
    <label class="inline">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />{' '}
      {name}
    </label>
  );
}

const STEPS: Readonly<Record<keyof HandshakeTrial['steps'], string>> = {
  request: 'request and rules',
  admit: 'limits',
  authorize: 'login',
  dial: 'server',
};
const LED: Readonly<Record<string, string>> = {
  passed: '● passed',
  refused: '✕ refused here',
  not_reached: '– not reached',
  webhook_not_asked: '? as the webhook answers, which was not asked',
  not_tried: '? not dialled',
};

function Result({ trial }: { readonly trial: HandshakeTrial }): VNode {
  const {
    cause,
    client,
    detail,
    hint,
    loginEndsAt,
    outcome,
    role,
    route,
    servers,
    status,
    steps,
    tenant,
    user,
  } = trial;
  const isRefused = outcome !== 'accepted';
  return (
    <>
      <p class={isRefused ? 'bad' : 'good'}>
        <span aria-hidden="true">{isRefused ? '✕' : '●'}</span>{' '}
        {isRefused ? 'It would be refused: ' : 'Nothing refuses it before a server is dialled: '}
        <code>
          {status} {outcome}
        </code>
        {detail !== undefined && (
          <>
            {' '}
            (<code>{detail}</code>)
          </>
        )}
      </p>
      {hint !== undefined && <p>{hint}</p>}
      {cause !== undefined && <p class="last-error">{visible(cause)}</p>}
      <Facts
        facts={[
          ...(Object.keys(STEPS) as (keyof typeof STEPS)[]).map(
            (step) => [STEPS[step], LED[steps[step]]] as const,
          ),
          ['route', route],
          ['client', client],
          ['user', user && visible(user)],
          ['tenant', tenant && visible(tenant)],
          ['role', role && visible(role)],
          ['login until', loginEndsAt && utc(loginEndsAt)],
          ['servers', servers?.map(({ name, state }) => `${name} ${state}`).join(', ')],
        ]}
      />
    </>
  );
}
