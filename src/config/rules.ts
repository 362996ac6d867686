/** What keys must be in relation to one another. Single values have been checked before. */
import { parseNetwork } from '../net/networks.ts';
import { parseOriginEntry } from '../net/origin-entry.ts';
import { rewritesInfo } from './build.ts';
import type { ListenAddress } from './config.ts';
import type { Report } from './report.ts';
import type { RouteValues, Values } from './schema.ts';
import { locate, type Node } from './tree.ts';

/** nats-server's default max_payload; the lines around it need room as well. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024;
/** The most that nats-server itself inflates. */
const MAX_INFLATED = 64 * 1024 * 1024;

type Path = readonly (string | number)[];

/** How a rule says what it found. `others`: further keys it compared; where one of all failed before, nothing is said. */
type Voice = {
  problem(path: Path, others: readonly Path[], text: string): void;
  warning(path: Path, text: string): void;
  failed(path: Path): boolean;
  /** Of two keys that contradict each other the one that was written, since that is what somebody changed. */
  written(first: Path, second: Path): Path;
  isWritten(path: Path): boolean;
};

/**
 * Reports contradictions (problems) and what is allowed but probably not meant (warnings). A rule is silent
 * when one of its values already failed: `failed` says so by path.
 */
export function checkRules(
  values: Values,
  root: Node,
  failed: (path: Path) => boolean,
  report: Report,
): void {
  const whole = voice([], root, failed, report);
  checkProcess(values, whole);
  checkRoute(values, { ...values, host: undefined }, whole);
  for (const [index, route] of values.routes.entries()) {
    const below = voice(['routes', index], root, failed, report);
    checkRoute(values, route, below);
    checkPlace(route, values.routes.slice(0, index), below);
  }
}

/** Paths begin `below`. What a route inherits was spoken of where it stands. */
function voice(below: Path, root: Node, failed: (path: Path) => boolean, report: Report): Voice {
  const at = (path: Path) => locate(root, [...below, ...path]);
  const isWritten = (path: Path): boolean => at(path).node !== undefined && !at(path).inherited;
  return {
    problem(path, others, text) {
      const { place, key, inherited } = at(path);
      if (inherited || [path, ...others].some((one) => failed([...below, ...one]))) return;
      report.problem(place, key, text);
    },
    warning(path, text) {
      const { place, key, inherited } = at(path);
      if (!inherited && !failed([...below, ...path])) report.warning(place, key, text);
    },
    failed: (path) => failed([...below, ...path]),
    written: (first, second) => (isWritten(first) ? first : second),
    isWritten,
  };
}

/** What holds for the process as a whole. */
function checkProcess({ listen, admin, limits, timeouts, drain }: Values, voice: Voice): void {
  const { problem, warning, failed, written } = voice;
  if (timeouts.silence <= timeouts.ping) {
    problem(
      written(['timeouts', 'silence'], ['timeouts', 'ping']),
      [
        ['timeouts', 'ping'],
        ['timeouts', 'silence'],
      ],
      'silence is not longer than ping, so every idle client would be taken for gone; write a silence of several pings, such as 5m for 25s',
    );
  }
  checkDrain(drain, timeouts, voice);
  if (sameSocket(listen.address, admin.address)) {
    problem(
      written(['admin', 'address'], ['listen', 'address']),
      [
        ['listen', 'address'],
        ['admin', 'address'],
      ],
      `listen and admin are both on port ${admin.address.port}; write another port for one of them`,
    );
  }
  for (const key of ['trustedProxies', 'proxyProtocol'] as const) {
    for (const [index, network] of listen[key].entries()) {
      // Not by the text: ::ffff:0.0.0.0/96 is every IPv4 address, too.
      if (parseNetwork(network)?.prefix !== 0) continue;
      warning(
        ['listen', key, index],
        'this network is every address, so every client may claim any; write the networks of the proxies alone',
      );
    }
  }
  for (const [one, all] of [
    ['sessionsPerAddress', 'sessions'],
    ['handshakesPerSecondPerAddress', 'handshakesPerSecond'],
  ] as const) {
    if (limits[one] > (limits[all] ?? Number.POSITIVE_INFINITY) && !failed(['limits', all])) {
      warning(
        ['limits', one],
        `the cap for one address is above ${all}, the cap for all; write a smaller one`,
      );
    }
  }
}

function checkDrain(
  { delay, timeout, budget }: Values['drain'],
  { close }: Values['timeouts'],
  { warning, failed, written, isWritten }: Voice,
): void {
  if (['delay', 'timeout', 'budget'].some((key) => failed(['drain', key]))) return;
  const own = written(['drain', 'timeout'], ['drain', 'delay']);
  if (budget > 0 && delay + timeout > budget) {
    warning(
      isWritten(own) ? own : ['drain', 'budget'],
      `delay and timeout together are ${(delay + timeout) / 1000}s, and drain.budget is ${budget / 1000}s: a drain will be shortened; write shorter ones, or give the process more time before it is ended`,
    );
  }
  if (timeout > 0 && close >= timeout && !failed(['timeouts', 'close'])) {
    warning(
      written(['drain', 'timeout'], ['timeouts', 'close']),
      'drain.timeout is not longer than timeouts.close, which the last session needs, so all would be closed at once; write a longer timeout',
    );
  }
}

type Served = Pick<RouteValues, 'host' | 'origins' | 'upstream' | 'inspect' | 'info' | 'compression'> & {
  readonly limits: Pick<RouteValues['limits'], 'frameBytes' | 'sentFrameBytes'>;
};

/** What a route is served with. */
function checkRoute({ listen, timeouts }: Values, route: Served, voice: Voice): void {
  const { problem, warning, failed } = voice;
  const { host, origins, upstream, compression, limits } = route;
  if (upstream.dialTimeout < upstream.connectTimeout) {
    problem(
      voice.written(['upstream', 'dialTimeout'], ['upstream', 'connectTimeout']),
      [
        ['upstream', 'dialTimeout'],
        ['upstream', 'connectTimeout'],
      ],
      'dialTimeout is shorter than connectTimeout, though it is the time for all connects together; write a longer dialTimeout or a shorter connectTimeout',
    );
  }
  if (timeouts.handshake <= upstream.dialTimeout) {
    problem(
      voice.written(['timeouts', 'handshake'], ['upstream', 'dialTimeout']),
      [
        ['timeouts', 'handshake'],
        ['upstream', 'dialTimeout'],
      ],
      'timeouts.handshake is not longer than upstream.dialTimeout, which is a part of it; write a longer handshake or a shorter dialTimeout',
    );
  }
  const { url } = upstream.health;
  const urlsFit = url.length <= 1 || url.length === upstream.servers.length;
  if (!urlsFit) {
    problem(
      ['upstream', 'health', 'url'],
      [['upstream', 'servers']],
      `there are ${url.length} URLs for ${upstream.servers.length} servers; write one for all, with {host} in it, or one for each in the order of the servers`,
    );
  } else if (url.length === 1 && upstream.servers.length > 1 && !url[0]?.includes('{host}')) {
    problem(
      ['upstream', 'health', 'url'],
      [['upstream', 'servers']],
      'one URL would speak for all servers; write {host} in place of the host, or one URL for each server',
    );
  }
  for (const [path, repeated] of [
    ...repetitions(origins.allow.map(comparedAs), ['origins', 'allow']),
    ...repetitions(
      upstream.servers.map((server) => server.name),
      ['upstream', 'servers'],
    ),
  ]) {
    if (repeated) warning(path, 'the entry is in the list twice; write it once');
  }
  if (origins.allow.includes('*') && origins.allow.some(isOfWebPages)) {
    warning(
      ['origins', 'allow', origins.allow.indexOf('*')],
      "'*' allows every web page, so the entries of web pages beside it change nothing; write them without '*', or '*' without them",
    );
  }
  if (
    origins.allow.includes('self') &&
    listen.hosts.length === 0 &&
    host === undefined &&
    !failed(['listen', 'hosts'])
  ) {
    warning(
      ['origins', 'allow', origins.allow.indexOf('self')],
      'without listen.hosts the entry self only matches loopback names; write the names of the gateway in listen.hosts',
    );
  }
  checkTls(upstream.tls, voice);
  if (upstream.servers.some(({ opaque }) => opaque)) checkOpaque(route, voice);
  else checkInspection(route, voice);
  if (compression.enabled === 'on') {
    if (limits.frameBytes > MAX_INFLATED) {
      problem(
        voice.written(['limits', 'frameBytes'], ['compression', 'enabled']),
        [
          ['limits', 'frameBytes'],
          ['compression', 'enabled'],
        ],
        'with compression a message is inflated whole, so that a few KiB of a client could cost frameBytes of memory; write limits.frameBytes of at most 64MiB, or compression: off',
      );
    }
    if (compression.threshold > limits.sentFrameBytes && !failed(['limits', 'sentFrameBytes'])) {
      warning(
        ['compression', 'threshold'],
        'no message towards a client is longer than limits.sentFrameBytes, so none would be compressed; write a smaller threshold',
      );
    }
  }
  if (limits.frameBytes <= DEFAULT_MAX_PAYLOAD && !upstream.servers[0]?.opaque) {
    warning(
      ['limits', 'frameBytes'],
      'a client may publish messages of 1MiB (the default max_payload of nats-server) in one frame, with a line in front; write at least 2MiB',
    );
  }
}

function checkTls(tls: Values['upstream']['tls'], { problem, warning, failed }: Voice): void {
  for (const [one, other] of [
    ['certFile', 'keyFile'],
    ['keyFile', 'certFile'],
  ] as const) {
    const path = ['upstream', 'tls', one];
    if (tls[one] === undefined || tls[other] !== undefined) continue;
    problem(path, [['upstream', 'tls', other]], `${one} stands alone; write ${other} beside it`);
  }
  for (const key of ['caFile', 'certFile', 'serverName'] as const) {
    if (tls.mode !== 'off' || tls[key] === undefined || failed(['upstream', 'tls', 'mode'])) continue;
    warning(
      ['upstream', 'tls', key],
      'without upstream.tls.mode nothing is encrypted and this is not used; write mode: after-info beside it',
    );
  }
}

function checkInspection({ upstream, info, inspect }: Served, { problem, failed }: Voice): void {
  const [word] = info.connectUrls.filter((entry) => entry === 'keep' || entry === 'drop');
  if (word !== undefined && info.connectUrls.length > 1) {
    problem(
      ['info', 'connectUrls', info.connectUrls.indexOf(word)],
      [['info', 'connectUrls']],
      `${word} stands in a list of addresses; write ${word} alone, or addresses alone`,
    );
  }
  if (inspect !== 'off' && inspect !== 'observe') return;
  const asking = rewritesInfo({ info, upstream }).filter((key) => !failed(key.split('.')));
  const [what, keys, key] =
    upstream.proxySeedFile !== undefined
      ? ['sign CONNECT', ['upstream.proxySeedFile'], 'proxySeedFile']
      : ['rewrite INFO', asking, asking.join(' and ')];
  const asks = `${keys.join(' and ')} ${keys.length > 1 ? 'ask' : 'asks'}`;
  const text = `${inspect} cannot ${what}, as ${asks} for; write inspect: enforce, leave inspect out, or take ${key} away`;
  if (keys.length > 0) problem(['inspect'], [], text);
}

/** What is said about NATS has no meaning for bytes that are not read. */
function checkOpaque({ upstream, inspect }: Served, { problem, isWritten }: Voice): void {
  const servers: Path = ['upstream', 'servers'];
  if (!upstream.servers.every(({ opaque }) => opaque)) {
    problem(
      servers,
      [],
      'nats:// and tcp:// stand in one list, though a session may get any of them; write one kind, and a route for the other',
    );
    return;
  }
  if (inspect === 'observe' || inspect === 'enforce')
    problem(['inspect'], [servers], 'what goes to tcp:// is never read; take inspect away, or write nats://');
  for (const key of ['connectUrls', 'hide'])
    if (isWritten(['info', key]))
      problem(['info', key], [servers], 'no INFO comes from tcp://; take it away, or write nats://');
  if (upstream.proxySeedFile !== undefined)
    problem(
      ['upstream', 'proxySeedFile'],
      [servers],
      'there is no CONNECT to sign in what goes to tcp://; take it away, or write nats://',
    );
  if (upstream.tls.mode === 'after-info')
    problem(
      ['upstream', 'tls', 'mode'],
      [servers],
      'no INFO comes from tcp:// that TLS could begin after; write mode: first, or nats://',
    );
}

/** A route must be told from the default one and from those `before` it. */
function checkPlace(route: RouteValues, before: readonly RouteValues[], { problem, written }: Voice): void {
  const key = written(['host'], ['path']);
  if (route.host === undefined && route.path === '/') {
    problem(
      key,
      [['path'], ['host']],
      'the keys at the top already serve path /; write another path here, or a host',
    );
  } else if (before.some(({ host, path }) => host === route.host && path === route.path)) {
    problem(
      key,
      [['path'], ['host']],
      'a route before has the same host and path; write another, or one route',
    );
  }
}

function sameSocket(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const everywhere = (host: string): boolean => host === '0.0.0.0' || host === '::';
  return one.host === other.host || everywhere(one.host) || everywhere(other.host);
}

/** What requests are compared with; two spellings of one origin are the same entry. */
function comparedAs(origin: string): string {
  const parsed = parseOriginEntry(origin);
  return parsed.kind === 'problem' ? origin : parsed.text;
}

/** What '*' lets in as well; applications it does not. */
function isOfWebPages(origin: string): boolean {
  return ['exact', 'wildcard', 'self', 'localhost'].includes(parseOriginEntry(origin).kind);
}

function repetitions(entries: readonly string[], path: Path): [Path, boolean][] {
  const seen = new Set<string>();
  return entries.map((entry, index) => {
    const repeated = seen.has(entry);
    seen.add(entry);
    return [[...path, index], repeated];
  });
}
