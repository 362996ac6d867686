import {
  autoBytes,
  bytes,
  number,
  numberOrAuto,
  numberOrOff,
  section,
  time,
  type ValuesOf,
  words,
} from '../keys.ts';
import type { Check } from './check.ts';

/** nats-server's default max_payload; the lines around a payload need room as well. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024;
const EXPECTED = 'its keys below it, such as frameBytes: 8MiB';

/** What a route may limit otherwise than the top. */
const sessionKeys = {
  frameBytes: bytes('Largest WebSocket frame of a client.', '8MiB', '1KiB', '2147483647B'),
  sentFrameBytes: bytes('Largest WebSocket frame towards a client.', '65535B', '1KiB', '65535B'),
  controlLineBytes: bytes(
    'Longest argument of a control line of a client, where lines are read.',
    '4KiB',
    '512B',
    '1MiB',
  ),
  sessionAge: time('Longest life of a session, with a jitter of 10 %.', 'off', '10ms', '576h', 'off'),
};

/** What a route inherits from the top; the other limits are for the process. */
export const INHERITED_LIMITS = Object.keys(sessionKeys);

export const limits = section('Caps; each process has its own.', EXPECTED, {
  sessions: numberOrAuto('Sessions at once; auto: 10000, or what descriptors and memory carry.', 1e6),
  memory: autoBytes(
    'Memory of this process; auto: the limit of its container.',
    '64MiB',
    '1024GiB',
    '256MiB',
  ),
  sessionsPerAddress: numberOrOff('Sessions at once from one address (IPv6: one /64).', 1e6),
  handshakesInFlight: number('Handshakes that are not answered yet.', 512, 1e5),
  handshakesPerSecond: number('Handshakes a second; bursts of twice as many pass.', 300, 1e6),
  handshakesPerSecondPerAddress: numberOrOff('The same for one address (IPv6: one /64).', 1e6),
  sessionsPerIdentity: numberOrOff('Sessions at once of one identity (user and tenant); needs auth.', 1e6),
  handshakesPerSecondPerIdentity: numberOrOff('Handshakes a second of one identity; needs auth.', 1e6),
  headBytes: bytes('Header fields of one request together.', '8KiB', '8KiB', '64KiB'),
  headLines: number('Lines of header fields of one request.', 64, 256, 64),
  ...sessionKeys,
  readiness: words('What /readyz follows; capacity: 503 while no session has room.', 'process', [
    'process',
    'capacity',
  ]),
});
export const routeLimits = section('Caps of this route.', EXPECTED, {
  sessions: numberOrOff('Sessions of this route at once, within limits.sessions at the top.', 1e6),
  ...sessionKeys,
});
type Values = ValuesOf<typeof limits>;
type RouteValues = ValuesOf<typeof routeLimits>;

export type LimitsConfig = Readonly<ReturnType<typeof limitsConfig>>;
export const limitsConfig = (values: Values) => ({
  /** undefined: 10 000, or fewer when descriptors or memory ask for it. */
  sessions: values.sessions,
  /** Bytes that this process may use. `auto`: what the system lets it have; `off`: nothing follows from memory. */
  memory: memoryOf(values.memory),
  /** 0: no limit. */
  sessionsPerAddress: values.sessionsPerAddress,
  handshakesInFlight: values.handshakesInFlight,
  /** Tokens a second; the bucket holds twice as many. */
  handshakesPerSecond: values.handshakesPerSecond,
  /** 0: no limit. */
  handshakesPerSecondPerAddress: values.handshakesPerSecondPerAddress,
  /** The same for one identity. */
  sessionsPerIdentity: values.sessionsPerIdentity,
  handshakesPerSecondPerIdentity: values.handshakesPerSecondPerIdentity,
  /** Header fields of one request, without the request line. */
  headBytes: values.headBytes,
  headLines: values.headLines,
  ...sessionLimits(values),
  /** Whether /readyz also says no while no session has room. */
  readiness: values.readiness,
});

const memoryOf = (bytes: number | undefined): number | 'auto' | 'off' =>
  bytes === undefined ? 'auto' : bytes === 0 ? 'off' : bytes;

export type RouteLimits = Readonly<ReturnType<typeof routeLimitsConfig>>;
export const routeLimitsConfig = (values: RouteValues) => ({
  /** Sessions of this route; 0: as many as the gateway has. */
  sessions: values.sessions,
  ...sessionLimits(values),
});

const sessionLimits = (values: Pick<Values, keyof typeof sessionKeys>) => ({
  maxFrameBytes: values.frameBytes,
  /** Payload of one frame towards a client, at most; up to 65,535. */
  maxSentFrameBytes: values.sentFrameBytes,
  /** Argument of one control line of a client, where lines are read. */
  maxControlLineBytes: values.controlLineBytes,
  /** 0: no limit; ended with `session_expired`, with a jitter of ± 10 %. */
  sessionAgeMs: values.sessionAge,
});

/** `hasAuth`: some route asks who its clients are. */
export function checkLimits(values: Values, hasAuth: boolean, { problem, warning }: Check): void {
  for (const [one, all] of [
    ['sessionsPerAddress', 'sessions'],
    ['handshakesPerSecondPerAddress', 'handshakesPerSecond'],
    ['sessionsPerIdentity', 'sessions'],
    ['handshakesPerSecondPerIdentity', 'handshakesPerSecond'],
  ] as const) {
    const isOfIdentity = one.endsWith('Identity');
    if (isOfIdentity && values[one] > 0 && !hasAuth) {
      const text = 'without auth nobody is known by an identity; write auth, or off';
      problem('identity_without_auth', ['limits', one], text);
    }
    if (values[one] <= (values[all] ?? Number.POSITIVE_INFINITY)) continue;
    warning(
      isOfIdentity ? 'identity_cap_above_total' : 'address_cap_above_total',
      ['limits', one],
      `the cap for one ${isOfIdentity ? 'identity' : 'address'} is above ${all}, the cap for all; write a smaller one`,
    );
  }
}

export function checkFrameBytes(
  { frameBytes }: Pick<Values, 'frameBytes'>,
  opaque: boolean,
  { warning }: Check,
): void {
  if (opaque || frameBytes > DEFAULT_MAX_PAYLOAD) return;
  warning(
    'frame_below_max_payload',
    ['limits', 'frameBytes'],
    'a client may publish messages of 1MiB (the default max_payload of nats-server) in one frame, with a line before them; write at least 2MiB',
  );
}
