import { list, section, type ValuesOf, words } from '../keys.ts';
import type { Path } from '../path.ts';
import { publicAddress } from '../urls.ts';
import { choice } from '../values.ts';
import type { Check } from './check.ts';
import { type ConnectValues, changesConnect } from './connect.ts';
import { countsOperations, type RatesValues } from './rates.ts';

/** What of INFO may be kept from clients. */
const HIDEABLE_FIELDS = ['host', 'port', 'cluster', 'server_name', 'git_commit', 'go', 'ip'] as const;
export type HideableField = (typeof HIDEABLE_FIELDS)[number];

export const inspect = words(
  'How much of the NATS protocol is read; auto: what the other keys need.',
  'auto',
  ['auto', 'off', 'observe', 'enforce'],
);

export const info = section('What of INFO reaches clients.', 'its keys below it, such as connectUrls: drop', {
  connectUrls: list(
    'Addresses to reconnect to that clients get: keep, drop, or a list of host:port.',
    publicAddress,
    'keep',
  ),
  hide: list('Fields of INFO that are kept from clients.', choice(HIDEABLE_FIELDS)),
});

/** How much of the NATS protocol is read: nothing, beside the bytes, or before they may pass. */
export type InspectLevel = 'off' | 'observe' | 'enforce';

export type InfoConfig = {
  /** The addresses to reconnect to that clients get: the server's, none, or these (host:port). */
  readonly connectUrls: 'keep' | 'drop' | readonly string[];
  readonly hide: readonly HideableField[];
};

type Info = ValuesOf<typeof info>;
/** The keys that decide which level is needed. */
export type Inspected = {
  readonly inspect: ValuesOf<typeof inspect>;
  readonly info: Info;
  readonly connect: ConnectValues;
  readonly rates: RatesValues;
  readonly auth?:
    | {
        readonly expiry: { readonly end: 'on' | 'off' };
        readonly webhook?: { readonly recheck: number } | undefined;
      }
    | undefined;
  readonly policy?: { readonly mode: 'observe' | 'enforce' } | undefined;
  readonly upstream: {
    readonly tls: { readonly mode: string };
    readonly proxySeedFile?: string | undefined;
    readonly servers: readonly { readonly opaque?: boolean }[];
  };
};

export const infoConfig = ({ connectUrls, hide }: Info): InfoConfig => ({
  connectUrls: connectUrlsOf(connectUrls),
  hide,
});

/** The level in effect: what was written, or the lowest at which all that is asked for can be done. */
export function inspectLevel(values: Inspected): InspectLevel {
  if (values.upstream.servers[0]?.opaque === true) return 'off';
  if (values.inspect !== 'auto') return values.inspect;
  if (needsOf(values).length > 0) return 'enforce';
  return announces(values) || watches(values) ? 'observe' : 'off';
}

/** Clients learn why they are logged out by a line between two operations of the server. */
const announces = ({ auth }: Inspected): boolean =>
  auth?.expiry.end === 'on' || (auth?.webhook?.recheck ?? 0) > 0;
const watches = ({ policy }: Inspected): boolean => policy !== undefined;

/** The keys that need `enforce`. INFO of a server that speaks TLS with us would tell clients of that TLS. */
function needsOf({ info, connect, policy, rates, upstream }: Inspected) {
  const rewrites = connectUrlsOf(info.connectUrls) !== 'keep' || info.hide.length > 0;
  return [
    { key: 'upstream.proxySeedFile', what: 'sign CONNECT', is: upstream.proxySeedFile !== undefined },
    { key: 'connect', what: 'write CONNECT', is: changesConnect(connect) },
    { key: 'policy', what: 'refuse operations', is: policy?.mode === 'enforce' },
    { key: 'rates', what: 'count or refuse operations', is: countsOperations(rates) },
    { key: 'info', what: 'rewrite INFO', is: rewrites },
    { key: 'upstream.tls.mode', what: 'rewrite INFO', is: upstream.tls.mode !== 'off' },
  ].filter(({ is }) => is);
}

export function checkInspect(values: Inspected, check: Check): void {
  if (values.upstream.servers.some(({ opaque }) => opaque)) checkOpaque(values, check);
  else checkLevel(values, check);
}

function checkLevel(values: Inspected, { problem }: Check): void {
  const { connectUrls } = values.info;
  const word = connectUrls.findIndex((entry) => entry === 'keep' || entry === 'drop');
  if (word >= 0 && connectUrls.length > 1) {
    problem(
      'word_in_list',
      ['info', 'connectUrls', word],
      `${connectUrls[word]} is in a list of addresses; write ${connectUrls[word]} alone, or addresses alone`,
    );
  }
  const { inspect: level } = values;
  if (level !== 'off' && level !== 'observe') return;
  const [need] = needsOf(values);
  if (need === undefined && level === 'off' && announces(values)) {
    const text =
      'off cannot tell a client that its login is over; write inspect: observe, leave inspect out, or switch off auth.expiry.end and auth.webhook.recheck';
    problem('level_too_low', ['inspect'], text);
  }
  if (need === undefined && level === 'off' && watches(values)) {
    const text =
      'off cannot see what clients say, which policy counts; write inspect: observe, leave inspect out, or remove policy';
    problem('level_too_low', ['inspect'], text);
  }
  if (need === undefined) return;
  problem(
    'level_too_low',
    ['inspect'],
    `${level} cannot ${need.what}, which ${need.key} needs; write inspect: enforce, leave inspect out, or remove ${need.key}`,
  );
}

/** Keys about NATS mean nothing for bytes that are not read. */
function checkOpaque(
  { inspect: level, connect, policy, rates, upstream }: Inspected,
  { problem, isWritten }: Check,
): void {
  if (!upstream.servers.every(({ opaque }) => opaque)) {
    problem(
      'mixed_servers',
      ['upstream', 'servers'],
      'nats:// and tcp:// are in one list, though a session may get any of them; write one kind, and a route for the other',
    );
    return;
  }
  const meaningless: readonly (readonly [path: Path, isAsked: boolean])[] = [
    [['inspect'], level === 'observe' || level === 'enforce'],
    [['info', 'connectUrls'], isWritten(['info', 'connectUrls'])],
    [['info', 'hide'], isWritten(['info', 'hide'])],
    [['upstream', 'proxySeedFile'], upstream.proxySeedFile !== undefined],
    [['connect'], changesConnect(connect)],
    [['policy'], policy !== undefined],
    [['rates'], countsOperations(rates)],
    [['upstream', 'tls', 'mode'], upstream.tls.mode === 'after-info'],
  ];
  const text =
    'NATS is not read on tcp://, so this cannot be done; remove the key, or write nats:// (TLS with mode: first works)';
  for (const [path, isAsked] of meaningless) if (isAsked) problem('opaque', path, text);
}

/** A word alone means itself. An empty list names no address, as `drop` does. */
function connectUrlsOf(written: readonly string[]): InfoConfig['connectUrls'] {
  const [first] = written;
  if (first === undefined || first === 'drop') return 'drop';
  return first === 'keep' ? 'keep' : written;
}
