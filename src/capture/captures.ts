import type { CapturesConfig } from '../config/config.ts';
import type { Inspector } from '../inspect/inspector.ts';
import type { SessionFacts } from '../session/session-contract.ts';
import type { CaptureHeader } from './format.ts';
import { Recording } from './recording.ts';

/** That have ended; the oldest go first. */
const MOST_KEPT = 100;

/** Which session: that one, or the next one that begins with all that is named. */
export type CaptureMatch =
  | { readonly session: number }
  | { readonly user?: string; readonly origin?: string; readonly address?: string };

/** Why there is no capture. */
export type CaptureRefusal = 'no_session' | 'inspect_off' | 'already_captured' | 'too_many_captures';

export type CaptureRow = {
  readonly id: number;
  readonly state: 'waiting' | 'recording' | 'ended';
  readonly match: CaptureMatch;
  readonly session: number | undefined;
  readonly startedAt: string;
  readonly bytes: number;
  readonly operations: number;
  readonly lost: number;
  /** Why it ended: the close reason of its session, `time`, `stopped` or `inspect_off`. */
  readonly reason: string | undefined;
};

/**
 * The captures of a gateway, in memory. A capture records one session:
 *
 * ```
 *  start ──▶ waiting ──the next session that fits──▶ recording ──its end, the time, a stop──▶ ended ──▶ deleted
 * ```
 */
export class Captures {
  readonly #all = new Map<number, Capture>();
  /** By session. */
  readonly #recording = new Map<number, Capture>();
  readonly #waiting: Capture[] = [];
  #limits: CapturesConfig;
  #lastId = 0;

  constructor(limits: CapturesConfig) {
    this.#limits = limits;
  }

  /** For captures that start from now on. */
  configure(limits: CapturesConfig): void {
    this.#limits = limits;
  }

  /** `facts` and `inspector`: of the session that `match` names, if it is open. */
  start(
    match: CaptureMatch,
    facts: SessionFacts | undefined,
    inspector: Inspector | undefined,
  ): CaptureRow | CaptureRefusal {
    const { concurrent, maxBytes, totalBytes } = this.#limits;
    const active = this.#active + 1;
    if (active > concurrent || active * maxBytes > totalBytes) return 'too_many_captures';
    if ('session' in match) {
      if (facts === undefined) return 'no_session';
      if (inspector === undefined) return 'inspect_off';
      if (this.#recording.has(match.session)) return 'already_captured';
    }
    const capture = new Capture(++this.#lastId, match, this.#limits, () => this.#end(capture, 'time'));
    this.#all.set(capture.id, capture);
    if (facts !== undefined && inspector !== undefined) this.#record(capture, facts, inspector);
    else this.#waiting.push(capture);
    this.#keepNewest();
    return capture.row();
  }

  /** To be called before the session begins. */
  sessionBegan(facts: SessionFacts, inspector: Inspector | undefined): void {
    if (this.#waiting.length === 0) return;
    const capture = this.#waiting.find(({ match }) => fits(match, facts));
    if (capture === undefined) return;
    if (inspector === undefined) return this.#end(capture, 'inspect_off');
    this.#waiting.splice(this.#waiting.indexOf(capture), 1);
    this.#record(capture, facts, inspector);
  }

  sessionEnded(id: number, reason: string): void {
    const capture = this.#recording.get(id);
    if (capture !== undefined) this.#end(capture, reason);
  }

  /** False: there is none, or it has ended. */
  stop(id: number): boolean {
    const capture = this.#all.get(id);
    if (capture === undefined || capture.state === 'ended') return false;
    this.#end(capture, 'stopped');
    return true;
  }

  /** Stops it first. */
  delete(id: number): boolean {
    this.stop(id);
    return this.#all.delete(id);
  }

  rows(): readonly CaptureRow[] {
    return [...this.#all.values()].map((capture) => capture.row());
  }

  /** The capture file, of a running capture what there is so far; undefined: none, or it still waits. */
  file(id: number): { readonly name: string; readonly text: string } | undefined {
    return this.#all.get(id)?.file();
  }

  close(): void {
    for (const id of this.#all.keys()) this.stop(id);
  }

  #record(capture: Capture, facts: SessionFacts, inspector: Inspector): void {
    this.#recording.set(facts.id, capture);
    capture.record(facts, inspector);
  }

  #end(capture: Capture, reason: string): void {
    const at = this.#waiting.indexOf(capture);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (capture.session !== undefined) this.#recording.delete(capture.session);
    capture.end(reason);
    this.#keepNewest();
  }

  get #active(): number {
    return this.#recording.size + this.#waiting.length;
  }

  /** Beside what those that run may take. */
  #keepNewest(): void {
    const { maxBytes, totalBytes } = this.#limits;
    const room = totalBytes - this.#active * maxBytes;
    const ended = [...this.#all.values()].filter(({ state }) => state === 'ended');
    let bytes = ended.reduce((sum, capture) => sum + capture.bytes, 0);
    for (const [index, { id, bytes: own }] of ended.entries()) {
      if (bytes <= room && ended.length - index <= MOST_KEPT) break;
      bytes -= own;
      this.#all.delete(id);
    }
  }
}

class Capture {
  readonly id: number;
  readonly match: CaptureMatch;
  readonly #deadline: NodeJS.Timeout;
  readonly #maxBytes: number;
  #startedAt = new Date();
  #recording: Recording | undefined;
  #facts: SessionFacts | undefined;
  /** Until the end, when what it knows of the server is kept. */
  #inspector: Inspector | undefined;
  #server: CaptureHeader['server'];
  #reason: string | undefined;

  constructor(id: number, match: CaptureMatch, { maxBytes, maxMs }: CapturesConfig, onTime: () => void) {
    this.id = id;
    this.#maxBytes = maxBytes;
    this.match = match;
    this.#deadline = setTimeout(onTime, maxMs).unref();
  }

  get state(): CaptureRow['state'] {
    if (this.#reason !== undefined) return 'ended';
    return this.#recording === undefined ? 'waiting' : 'recording';
  }

  get session(): number | undefined {
    return this.#facts?.id;
  }

  get bytes(): number {
    return this.#recording?.bytes ?? 0;
  }

  record(facts: SessionFacts, inspector: Inspector): void {
    this.#startedAt = new Date();
    this.#facts = facts;
    this.#inspector = inspector;
    this.#recording = new Recording(this.#maxBytes);
    inspector.watch(this.#recording);
  }

  end(reason: string): void {
    clearTimeout(this.#deadline);
    this.#reason = reason;
    this.#recording?.finish(reason);
    this.#server = this.#knownServer();
    this.#inspector?.watch(undefined);
    this.#inspector = undefined;
  }

  row(): CaptureRow {
    const { operations = 0, lost = 0 } = this.#recording ?? {};
    return {
      id: this.id,
      state: this.state,
      match: this.match,
      session: this.session,
      startedAt: this.#startedAt.toISOString(),
      bytes: this.bytes,
      operations,
      lost,
      reason: this.#reason,
    };
  }

  file(): { readonly name: string; readonly text: string } | undefined {
    const facts = this.#facts;
    if (facts === undefined || this.#recording === undefined) return undefined;
    const { id, route, origin, user, clientAddress: client } = facts;
    const server = this.#server ?? this.#knownServer();
    const started = this.#startedAt.toISOString();
    const header: CaptureHeader = {
      v: 1,
      kind: 'natsgate-capture',
      session: String(id),
      started,
      payloads: 'masked',
      route,
      ...(origin === undefined ? {} : { origin }),
      ...(user === undefined ? {} : { user: user.replaceAll(/[\r\n]/g, ' ') }),
      client,
      ...(server === undefined ? {} : { server }),
    };
    // Nothing of the name is the client's; what it ends in is the format's.
    const name = `natsgate-${started.replaceAll(/[-:]|\.\d+/g, '')}-${id}`;
    return { name, text: this.#recording.text(header) };
  }

  #knownServer(): CaptureHeader['server'] {
    const server = this.#inspector?.facts().server;
    if (server === undefined) return undefined;
    const { name, version, clientId: cid } = server;
    return {
      ...(name === undefined ? {} : { name }),
      ...(version === undefined ? {} : { version }),
      ...(cid === undefined ? {} : { cid }),
    };
  }
}

function fits(match: CaptureMatch, { user, origin, clientAddress }: SessionFacts): boolean {
  if ('session' in match) return false;
  return (
    (match.user === undefined || match.user === user) &&
    (match.origin === undefined || match.origin === origin) &&
    (match.address === undefined || match.address === clientAddress)
  );
}
