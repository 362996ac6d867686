import { certificateEnds } from '../config/certificate-ends.ts';
import type { AuthConfig, Config, RouteConfig } from '../config/config.ts';
import { type ConfigSource, loadConfig } from '../config/load.ts';
import { formatProblem, type Problem, urgentWarnings, WHOLE_FILE } from '../config/problems.ts';
import { counted } from '../config/text.ts';
import { addressText } from '../net/host.ts';
import { type Machine, type Prepared, prepare } from '../prepare.ts';
import { printableJson } from '../printable.ts';
import { type Dials, dialAll } from './dial.ts';

export type CheckOutput = { out(line: string): void; err(line: string): void };

export type CheckOptions = Machine & {
  /** One JSON object in place of lines. */
  readonly json?: boolean | undefined;
  /** Nothing but problems and warnings. */
  readonly quiet?: boolean | undefined;
  /** A warning fails the check. */
  readonly strict?: boolean | undefined;
  /** Connects to the servers, too; one that does not answer fails the check. */
  readonly dial?: boolean | undefined;
  /** A file that the configuration names, and that cannot be read here, fails nothing. */
  readonly allowMissingFiles?: boolean | undefined;
};

/**
 * `natsgate check`: says everything that is wrong with the configuration, or what it will do. The answer is the
 * exit code. It does what a start does before anything listens, so 0 is a promise that the start works on a machine
 * like this one; with `allowMissingFiles` only that everything but those files is right.
 */
export async function check(
  source: ConfigSource,
  io: CheckOutput,
  {
    json = false,
    quiet = false,
    strict = false,
    dial = false,
    allowMissingFiles = false,
    ...machine
  }: CheckOptions = {},
): Promise<number> {
  const loaded = await loadConfig(source);
  let prepared: Prepared | undefined;
  let problems: readonly Problem[] = [];
  if (!loaded.ok) problems = loaded.problems;
  else {
    try {
      prepared = await prepare(loaded.config, machine);
    } catch (error) {
      problems = [{ code: 'start', where: '', key: '', text: (error as Error).message }];
    }
  }
  const missing = allowMissingFiles ? problems.filter(isAboutMissingFile) : [];
  problems = problems.filter((problem) => !missing.includes(problem));
  const { dials, warnings: announced }: Dials =
    prepared !== undefined && dial ? await dialAll(prepared) : NO_DIALS;
  const warnings = [...loaded.warnings, ...announced];
  const unanswered = dials.filter(({ ok }) => !ok).length;
  const failed = problems.length > 0 || unanswered > 0 || (strict && warnings.length > 0);
  const code = failed ? 1 : 0;
  const advice = prepared === undefined ? [] : recommendations(prepared.config);
  if (json) {
    const verdict = {
      valid: problems.length === 0,
      problems: problems.map(withPlace),
      warnings: warnings.map(withPlace),
      advice,
      ...(allowMissingFiles ? { missingFiles: missing.map(({ key }) => key) } : {}),
      ...(dial ? { dials } : {}),
    };
    for (const line of printableJson(JSON.stringify(verdict, undefined, 2)).split('\n')) io.out(line);
    return code;
  }
  if (problems.length > 0) {
    for (const problem of problems) io.err(formatProblem(problem));
    for (const warning of urgentWarnings(warnings)) io.err(`warning: ${formatProblem(warning)}`);
    // Other warnings can wait: they prevent nothing, and some go away with the problems.
    io.err(`natsgate: ${counted(problems.length, 'problem')} in the configuration`);
    return code;
  }
  if (!quiet) {
    io.out('natsgate: the configuration is valid');
    for (const { key } of missing) io.out(`  not read   the file of ${key}, which is not here`);
    for (const line of prepared === undefined ? [] : whatItDoes(prepared)) io.out(`  ${line}`);
  }
  for (const { server, address, ok, text } of dials) {
    const line = `${server}${address === undefined ? '' : ` (${address})`}: ${text}`;
    if (!ok) io.err(`dial failed: ${line}`);
    else if (!quiet) io.out(`dial: ${line}`);
  }
  for (const warning of warnings) io.err(`warning: ${formatProblem(warning)}`);
  if (strict && warnings.length > 0)
    io.err(`natsgate: ${counted(warnings.length, 'warning')} in the configuration`);
  if (!quiet) for (const one of advice) io.out(`advice: ${one}`);
  return code;
}

/** The configuration itself has no key. */
const isAboutMissingFile = ({ code, key }: Problem): boolean => code === 'unreadable' && key !== WHOLE_FILE;

function whatItDoes({ config, rules }: Prepared): string[] {
  const ends = Object.entries(certificateEnds(config)).map(
    ([role, seconds]) => `${role} ${new Date(1000 * seconds).toISOString().slice(0, 10)}`,
  );
  return [
    ...summary(config),
    `compared   as ${rules.routes[0]?.origins.entries.join(', ')}`,
    ...(ends.length > 0 ? [`expires    ${ends.join(', ')}`] : []),
  ];
}

const NO_DIALS: Dials = { dials: [], warnings: [] };

/** `where` is also in parts, for programs, if it is a place in a file. */
function withPlace(problem: Problem): object {
  const [, file, line, column] = /^(.+):(\d+):(\d+)$/.exec(problem.where) ?? [];
  return file === undefined ? problem : { ...problem, file, line: Number(line), column: Number(column) };
}

/** What the gateway will do, in a few lines and without any secret. */
function summary({
  listen,
  admin,
  origins,
  upstream,
  connect,
  auth,
  policy,
  engine,
  compression,
  inspect,
  info,
  limits,
  timeouts,
  drain,
  log,
  routes,
}: Config): string[] {
  const tls = listen.tls;
  const encrypted = `TLS from ${tls?.minVersion}${tls?.clientCaFile === undefined ? '' : ', with client certificates'}`;
  return [
    `listens    ${tls === undefined ? 'ws' : 'wss'}://${addressText(listen.address)} (${tls === undefined ? 'no TLS' : encrypted})`,
    ...(listen.proxyProtocol.length === 0
      ? []
      : [`           PROXY header from ${listen.proxyProtocol.join(', ')}`]),
    `admin      ${admin.tls === undefined ? 'http' : 'https'}://${addressText(admin.address)} (${admin.token === undefined ? 'no token' : 'token read'})`,
    `origins    ${origins.allow.join(', ')}`,
    `           without Origin: ${origins.missing}; Origin null: ${origins.opaque}`,
    `upstream   ${upstream.servers.map((server) => server.name).join(', ')}`,
    ...(upstream.servers.length > 1 ? [`           order ${upstream.order}`] : []),
    ...(upstream.tls === undefined && upstream.proxyProtocol === 'off'
      ? []
      : [`           ${wayTo(upstream)}`]),
    ...(upstream.proxySigner === undefined
      ? []
      : [`           signs CONNECT as proxy ${upstream.proxySigner.publicKey}`]),
    ...(auth === undefined ? [] : [`auth       ${authText(auth)}`]),
    ...connectLines(connect),
    ...(policy === undefined ? [] : [`policy     ${policyText(policy)}`]),
    `engine     ${engine}`,
    ...(compression.enabled
      ? [`           compression for up to ${compression.sessions} sessions at once, on the buffered engine`]
      : []),
    `inspect    ${inspect} (${INSPECTION[inspect]})`,
    ...(inspect === 'enforce' ? [`           INFO: ${infoText(info)}`] : []),
    `limits     sessions ${limits.sessions ?? 'auto'}, of one address ${orOff(limits.sessionsPerAddress)}; handshakes ${limits.handshakesPerSecond}/s, of one address ${orOff(limits.handshakesPerSecondPerAddress)}`,
    ...(limits.sessionsPerIdentity + limits.handshakesPerSecondPerIdentity === 0
      ? []
      : [
          `           of one identity: sessions ${orOff(limits.sessionsPerIdentity)}, handshakes ${orOff(limits.handshakesPerSecondPerIdentity)}/s`,
        ]),
    `           frames up to ${limits.maxFrameBytes} bytes; session age ${limits.sessionAgeMs === 0 ? 'off' : durationText(limits.sessionAgeMs)}`,
    `timeouts   handshake ${durationText(timeouts.handshakeMs)}, ping ${durationText(timeouts.pingMs)}, silence ${durationText(timeouts.silenceMs)}, stall ${durationText(timeouts.stallMs)}`,
    `drain      after ${durationText(drain.delayMs)}, over ${durationText(drain.timeoutMs)}${drain.budgetMs === 0 ? '' : `, within ${durationText(drain.budgetMs)}`}`,
    `log        ${log.level}, ${log.format === 'auto' ? 'text at a terminal, else JSON' : log.format}`,
    ...routes.flatMap((route) => routeLines(route, { auth, policy })),
  ];
}

/** Who may open a session, beside the rules for origins. */
function authText(auth: AuthConfig | undefined): string {
  if (auth === undefined) return 'off (nobody is asked)';
  const { explain, required, from, issuers, webhook } = auth;
  const sources = from.map((source) => ('name' in source ? `${source.kind} ${source.name}` : source.kind));
  const token = issuers.length === 0 ? 'token' : `token of ${issuers.map(({ issuer }) => issuer).join(', ')}`;
  const asks =
    webhook === undefined ? '' : `; asks ${new URL(webhook.url).origin}${new URL(webhook.url).pathname}`;
  return `${token} from ${sources.join(', ')}${asks}${required ? '' : '; without one let in, too'}${explain ? '; pages may ask why they are refused' : ''}`;
}

function policyText(policy: Config['policy'] | undefined): string {
  if (policy === undefined) return 'off';
  const names = policy.roles.map(({ name }) => name);
  return `${policy.mode}; roles ${names.join(', ')}${names.includes('default') ? '' : '; without one of them nothing is allowed'}`;
}

function connectLines({ login, clientCredentials, name }: Config['connect']): string[] {
  if (login === undefined && clientCredentials === 'keep' && name === undefined) return [];
  const who = login === undefined ? 'clients log in' : `logs in as ${login.kind} ${login.who ?? ''}`.trim();
  return [
    `connect    ${who}; credentials of clients: ${clientCredentials}${name === undefined ? '' : '; name set'}`,
  ];
}

function routeLines(
  { name, origins, upstream, auth, policy, subprotocols, inspect, limits }: RouteConfig,
  top: { readonly auth: AuthConfig | undefined; readonly policy: Config['policy'] | undefined },
): string[] {
  const opaque = upstream.servers[0]?.opaque === true;
  return [
    `route      ${name} -> ${upstream.servers.map((server) => `${opaque ? 'tcp://' : ''}${server.name}`).join(', ')}${upstream.tls === undefined ? '' : ' over TLS'}`,
    `           origins ${origins.allow.join(', ')}; without Origin: ${origins.missing}; Origin null: ${origins.opaque}`,
    ...(auth === top.auth ? [] : [`           auth ${authText(auth)}`]),
    ...(policy === top.policy ? [] : [`           policy ${policyText(policy)}`]),
    `           inspect ${inspect}; sessions ${limits.sessions === 0 ? 'as all' : limits.sessions}; frames up to ${limits.maxFrameBytes} bytes${subprotocols.length === 0 ? '' : `; subprotocols ${subprotocols.join(', ')}`}`,
  ];
}

function wayTo({ tls, proxyProtocol }: Config['upstream']): string {
  const encrypted = `TLS from ${tls?.minVersion} ${tls?.mode === 'first' ? 'before' : 'after'} INFO${tls?.certFile === undefined ? '' : ', with our certificate'}`;
  return `${tls === undefined ? 'no TLS' : encrypted}; PROXY header: ${proxyProtocol}`;
}

const INSPECTION = {
  off: 'bytes pass unread',
  observe: 'NATS is read beside the bytes',
  enforce: 'NATS is read before it may pass',
} as const satisfies Record<Config['inspect'], string>;

function infoText({ connectUrls, hide }: Config['info']): string {
  const urls = typeof connectUrls === 'string' ? connectUrls : `become ${connectUrls.join(', ')}`;
  return `connect_urls ${urls}${hide.length === 0 ? '' : `; without ${hide.join(', ')}`}`;
}

function recommendations({ listen, limits }: Config): string[] {
  if (listen.trustedProxies.length === 0) return [];
  // Caps by address make sense only now: without trusted proxies everybody behind one balancer shares an address.
  const caps = { sessionsPerAddress: 200, handshakesPerSecondPerAddress: 20 } as const;
  return (Object.keys(caps) as (keyof typeof caps)[])
    .filter((key) => limits[key] === 0)
    .map(
      (key) =>
        `listen.trustedProxies tells clients apart, so limits.${key} can cap each; write for example ${caps[key]}`,
    );
}

const orOff = (cap: number): string => (cap === 0 ? 'off' : String(cap));

/** In the largest unit that divides it. */
function durationText(ms: number): string {
  if (ms === 0) return '0s';
  const units = { h: 3_600_000, m: 60_000, s: 1000 };
  const [unit, length] = Object.entries(units).find(([, one]) => ms % one === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}
