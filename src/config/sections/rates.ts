import { rate, section, time, type ValuesOf, words } from '../keys.ts';
import type { Path } from '../path.ts';
import type { Check } from './check.ts';

const EXPECTED = 'its keys below it, such as bytes: 1MiB/s';
/** What one read brings at most. */
const READ_BYTES = 64 * 1024;

const bytes = () => rate('Bytes a second.', 'bytes');
const burst = () => time('Of how much time these may come at once.', '5s', '0s', '10m');
const ofClients = () => ({
  messages: rate('Messages a second that clients publish.', 'count'),
  bytes: bytes(),
  subscribes: rate('Subscriptions a second; those above are refused.', 'count'),
  burst: burst(),
});

const EXCEEDED = ['delay', 'error', 'close'] as const;
const KINDS = ['messages', 'bytes', 'subscribes'] as const;
const SCOPES = ['session', 'identity', 'origin', 'toClient'] as const;

export const rates = section(
  'How fast clients may be; each process counts for itself.',
  'its keys below it, such as session: {bytes: 1MiB/s}',
  {
    session: section('What one session may send.', EXPECTED, ofClients()),
    identity: section(
      'What all sessions of one identity may send together; needs auth.',
      EXPECTED,
      ofClients(),
    ),
    origin: section('What all sessions from one origin may send together.', EXPECTED, ofClients()),
    toClient: section('What one session may receive.', EXPECTED, { bytes: bytes(), burst: burst() }),
    exceeded: words(
      'What follows: the client is read from later, its operation is refused, or its session ends.',
      'delay',
      EXCEEDED,
    ),
    maxDelay: time('Longest delay without a break; then the session ends.', '5s', '1s', '1m'),
  },
);
export type RatesValues = ValuesOf<typeof rates>;
type Values = RatesValues;

/** One limit. `per`: who has it. */
export type RateLimit = {
  readonly per: (typeof SCOPES)[number];
  readonly kind: (typeof KINDS)[number];
  readonly perSecond: number;
  readonly burstMs: number;
  readonly exceeded: (typeof EXCEEDED)[number];
};

export type RatesConfig = {
  readonly limits: readonly RateLimit[];
  readonly maxDelayMs: number;
};

/** undefined: there are no limits. */
export function ratesConfig(values: Values): RatesConfig | undefined {
  const limits = limitsOf(values);
  return limits.length === 0 ? undefined : { limits, maxDelayMs: values.maxDelay };
}

/** What is counted or refused must be understood: an observer lets pass what it cannot read. */
export const countsOperations = (values: Values): boolean =>
  limitsOf(values).some(({ kind, exceeded }) => kind !== 'bytes' || exceeded === 'error');

export function checkRates(values: Values, hasAuth: boolean, { problem, warning }: Check): void {
  for (const { per, kind, perSecond, burstMs, exceeded } of limitsOf(values)) {
    const path: Path = ['rates', per, kind];
    if (per === 'identity' && !hasAuth)
      problem(
        'identity_without_auth',
        path,
        'without auth nobody is known by an identity; write auth, or off',
      );
    const delayMs = (READ_BYTES / perSecond) * 1000 - burstMs;
    if (kind !== 'bytes' || exceeded !== 'delay' || delayMs <= values.maxDelay) continue;
    warning(
      'rate_below_read',
      path,
      'one read of 64KiB takes longer than maxDelay at this rate, so a client that sends as much at once is ended; write a higher rate, a longer burst, or a longer maxDelay',
    );
  }
}

function limitsOf(values: Values): RateLimit[] {
  const limits: RateLimit[] = [];
  for (const per of SCOPES) {
    const { burst: burstMs, ...own } = values[per];
    for (const kind of KINDS) {
      const perSecond = kind in own ? (own as Record<typeof kind, number>)[kind] : 0;
      if (perSecond > 0)
        limits.push({ per, kind, perSecond, burstMs, exceeded: exceededOf(values, per, kind) });
    }
  }
  return limits;
}

/** A SUB that is delayed would delay all that follows it. What the server sends is never dropped. */
function exceededOf(
  { exceeded }: Values,
  per: RateLimit['per'],
  kind: RateLimit['kind'],
): RateLimit['exceeded'] {
  if (kind === 'subscribes') return 'error';
  return per === 'toClient' && exceeded === 'error' ? 'delay' : exceeded;
}
