import { isIP } from 'node:net';
import type { UpstreamServer } from '../config/config.ts';
import { foreignText, type Log } from '../log.ts';
import { Addresses, LOOKUP_OUTCOMES } from './addresses.ts';
import type { ConnectOutcome } from './connect-outcome.ts';
import { DIAL_FAILURES, DialError, type DialFailure, type Upstream } from './dial.ts';
import { HEALTH_OUTCOMES, type HealthAnswer, type HealthProbe, verdictOf } from './health.ts';
import { Member, type PlacedSessions, SERVER_STATES, type ServerState } from './member.ts';
import type { Tools } from './tools.ts';

/** What became of one attempt: label values of natsgate_upstream_dials_total. */
export const DIAL_OUTCOMES = ['ok', ...DIAL_FAILURES] as const;

/** A server that comes and goes has one line in so long; the state that lasts is always told. */
const LOG_INTERVAL_MS = 1000;

/** One server as it is configured, for metrics, the log and the API. */
export type UpstreamServerStatus = {
  readonly name: string;
  readonly state: ServerState;
  /** Connections that carry a session. */
  readonly sessions: number;
  /** Addresses its name has now; 1 for an address. */
  readonly addresses: number;
  /** Milliseconds until it is tried again before the others are exhausted; 0: it is not passed over. */
  readonly retryInMs: number;
  readonly lastError: string | undefined;
  readonly dials: Readonly<Record<string, number>>;
  readonly healthChecks: Readonly<Record<string, number>>;
  readonly lookups: Readonly<Record<string, number>>;
  /** Times it said that it is a lame duck. */
  readonly lameDucks: number;
};

/** A server of the configuration: one member, or one for each address of its name. */
export class PooledServer {
  readonly server: UpstreamServer;
  readonly #tools: Tools;
  readonly #log: Log;
  readonly #onMembers: () => void;
  readonly #makeProbe: ((address: string) => HealthProbe) | undefined;
  readonly addresses: Addresses | undefined;
  #members: Member[] = [];
  readonly #closers = new WeakMap<Member, () => void>();
  readonly #probes = new Map<Member, HealthProbe>();
  readonly #checking = new Set<Member>();
  readonly #dials = zeros(DIAL_OUTCOMES);
  readonly #healthChecks = zeros(HEALTH_OUTCOMES);
  readonly #lookups = zeros(LOOKUP_OUTCOMES);
  #lameDucks = 0;
  readonly #placed: Placed;
  #lookupFailure: string | undefined;
  #lastError: string | undefined;
  #loggedState: ServerState = 'untried';
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #cancelLog: (() => void) | undefined;

  /**
   * `onMembers` is called when the addresses have changed. `before`: the same server in the pool whose place is taken;
   * the sessions that it carries count here too.
   */
  constructor(
    server: UpstreamServer,
    tools: Tools,
    log: Log,
    makeProbe: ((address: string) => HealthProbe) | undefined,
    onMembers: () => void,
    before?: PooledServer,
  ) {
    this.#placed = before === undefined ? new Placed() : before.#placed;
    this.server = server;
    this.#tools = tools;
    this.#log = log;
    this.#makeProbe = makeProbe;
    this.#onMembers = onMembers;
    if (isIP(server.host) !== 0) this.#members = [this.#member(server.host)];
    else {
      this.addresses = new Addresses(server.host, tools, {
        onAddresses: (found) => this.#setAddresses(found),
        onLookup: (outcome, cause) => {
          this.#lookups[outcome] = (this.#lookups[outcome] ?? 0) + 1;
          this.#lookedUp(cause);
        },
      });
    }
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get state(): ServerState {
    if (this.#members.length === 0) return this.#lookupFailure === undefined ? 'untried' : 'down';
    const states = new Set(this.#members.map((member) => member.state));
    return SERVER_STATES.find((state) => states.has(state)) ?? 'down';
  }

  status(): UpstreamServerStatus {
    const nowMs = this.#tools.nowMs();
    const waits = this.#members.map((member) => Math.max(0, Math.round(member.retryAtMs - nowMs)));
    return {
      name: this.server.name,
      state: this.state,
      sessions: this.#placed.total,
      addresses: this.#members.length,
      retryInMs: waits.length === 0 ? 0 : Math.min(...waits),
      lastError: this.#lastError,
      dials: this.#dials,
      healthChecks: this.#healthChecks,
      lookups: this.#lookups,
      lameDucks: this.#lameDucks,
    };
  }

  succeeded(member: Member, lameDuck: boolean): void {
    this.#count('ok');
    if (lameDuck) this.#isLameDuck();
    member.succeeded(lameDuck, this.#tools.nowMs());
    this.#changed();
  }

  /** A session that it carries was told that it is about to go. */
  leaves(address: string): void {
    const member = this.#members.find(({ target }) => target.address === address);
    if (member?.leaves(this.#tools.nowMs()) !== true) return;
    this.#isLameDuck();
    this.#changed();
  }

  failed(member: Member, startedAtMs: number, error: DialError): void {
    this.#count(error.outcome);
    const { address, host } = member.target;
    this.#lastError = foreignText(address === host ? error.message : `${error.message} (${address})`);
    member.failed(startedAtMs, this.#tools.nowMs(), this.#tools.random());
    void this.addresses?.fresh();
    this.#changed();
  }

  /** Counts the session until its socket has closed, whoever closes it. */
  placed(member: Member, upstream: Upstream): void {
    member.sessions++;
    this.#placed.total++;
    upstream.socket.on('close', this.#closerOf(member));
  }

  /** The failure of a server whose name has no address; undefined when it has one. */
  unresolved(
    onConnect: (outcome: ConnectOutcome, seconds: number) => void,
    seconds: number,
  ): DialError | undefined {
    if (this.#members.length > 0) return undefined;
    const failure = this.#lookupFailure;
    const outcome = failure === undefined ? 'upstream_timeout' : 'upstream_refused';
    onConnect('dns', seconds);
    this.#count(outcome);
    const cause = failure ?? 'its name is not resolved yet';
    return new DialError(outcome, this.server, `${this.server.name}: ${cause}`);
  }

  /** One health check of each address, unless one is under way there. */
  check(): void {
    const makeProbe = this.#makeProbe;
    if (makeProbe === undefined) return;
    for (const member of this.#members) {
      if (this.#checking.has(member)) continue;
      let probe = this.#probes.get(member);
      if (probe === undefined) {
        probe = makeProbe(member.target.address);
        this.#probes.set(member, probe);
      }
      this.#checking.add(member);
      void probe.ask().then((answer) => this.#checked(member, answer));
    }
  }

  close(): void {
    this.addresses?.close();
    this.#cancelLog?.();
    // As if a line were waiting already: an attempt that ends later must not make another timer.
    this.#cancelLog = () => {};
    for (const probe of this.#probes.values()) probe.close();
    this.#probes.clear();
  }

  #checked(member: Member, { outcome, cause }: HealthAnswer): void {
    this.#checking.delete(member);
    // Its address has gone, or the pool has closed: the answer may be our own doing.
    if (!this.#probes.has(member)) return;
    this.#healthChecks[outcome] = (this.#healthChecks[outcome] ?? 0) + 1;
    if (cause !== undefined) this.#lastError = foreignText(cause);
    member.checked(verdictOf(outcome));
    this.#changed();
  }

  #setAddresses(found: readonly string[]): void {
    const known = new Map(this.#members.map((member) => [member.target.address, member]));
    this.#members = found.map((address) => known.get(address) ?? this.#member(address));
    this.#placed.keepOnly(found);
    for (const [member, probe] of this.#probes) {
      if (this.#members.includes(member)) continue;
      probe.close();
      this.#probes.delete(member);
    }
    this.#onMembers();
    this.#changed();
  }

  #lookedUp(failure: string | undefined): void {
    const before = this.#lookupFailure;
    this.#lookupFailure = failure;
    if (failure !== undefined) this.#lastError = `name lookup: ${failure}`;
    if (before === undefined && failure !== undefined && this.#members.length > 0) {
      const fields = { server: this.server.name, error: failure, addresses: this.#members.length };
      this.#log.warn(fields, 'upstream name not resolved; its last addresses are kept');
    }
    this.#changed();
  }

  #member(address: string): Member {
    return new Member({ ...this.server, address }, this.#placed.at(address));
  }

  #isLameDuck(): void {
    this.#lameDucks++;
    this.#lastError = 'its INFO says ldm: it is in lame-duck mode';
  }

  #count(outcome: 'ok' | DialFailure): void {
    this.#dials[outcome] = (this.#dials[outcome] ?? 0) + 1;
  }

  /** One function for all sessions of a member: a session must not cost a closure. */
  #closerOf(member: Member): () => void {
    let closer = this.#closers.get(member);
    if (closer === undefined) {
      closer = () => {
        member.sessions--;
        this.#placed.total--;
      };
      this.#closers.set(member, closer);
    }
    return closer;
  }

  /** Tells the log when the state is another than it last told. */
  #changed(): void {
    if (this.state === this.#loggedState || this.#cancelLog !== undefined) return;
    const waitMs = this.#loggedAtMs + LOG_INTERVAL_MS - this.#tools.nowMs();
    if (waitMs <= 0) this.#tell();
    else {
      this.#cancelLog = this.#tools.after(waitMs, () => {
        this.#cancelLog = undefined;
        if (this.state !== this.#loggedState) this.#tell();
      });
    }
  }

  #tell(): void {
    const state = this.state;
    const was = this.#loggedState;
    this.#loggedState = state;
    // The first success is how it should be; and untried comes back only with a name's new addresses.
    if (was === 'untried' && state === 'up') return;
    this.#loggedAtMs = this.#tools.nowMs();
    const good = state === 'up' || state === 'untried';
    this.#log[good ? 'info' : 'warn'](
      {
        server: this.server.name,
        state,
        was,
        sessions: this.#placed.total,
        ...(good || this.#lastError === undefined ? {} : { error: this.#lastError }),
      },
      'upstream server changed',
    );
  }
}

/** Sessions on one server, whichever pool placed them. Addresses that the name has lost may still carry some. */
class Placed {
  total = 0;
  readonly #byAddress = new Map<string, PlacedSessions>();

  at(address: string): PlacedSessions {
    const known = this.#byAddress.get(address) ?? { sessions: 0 };
    this.#byAddress.set(address, known);
    return known;
  }

  /** Forgets the others that carry nothing. */
  keepOnly(addresses: readonly string[]): void {
    for (const [address, { sessions }] of this.#byAddress) {
      if (sessions === 0 && !addresses.includes(address)) this.#byAddress.delete(address);
    }
  }
}

const zeros = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 0]));
