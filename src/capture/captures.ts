import type { CapturesConfig } from '../config/config.ts';
import type { Inspector } from '../inspect/inspector.ts';
import { FULL_SUBJECTS, type ShownSubjects } from '../nats/shown-subjects.ts';
import type { EndedSession, SessionFacts } from '../session/session-contract.ts';
import { Allowance } from './allowance.ts';
import { Capture, type CaptureMatch, type CaptureRow } from './capture.ts';
import { FlightRecorder } from './flight-recorder.ts';
import { Recording } from './recording.ts';
import { StoredCapture, type StoredFacts } from './stored-capture.ts';

/** That have ended; the oldest go first. */
const MOST_KEPT = 100;

/** Why a capture was not started. */
export type CaptureRefusal =
  | 'no_session'
  | 'inspect_off'
  | 'no_auth'
  | 'not_readable'
  | 'already_captured'
  | 'too_many_captures'
  | 'payloads_locked';

/** Keeps captures in files. Neither may throw, and nothing waits for them. */
export type CaptureKeeper = {
  /** `file` has its text. When that is written, `stored` is to be called. */
  ended(id: number): void;
  /** Of a file that was stored. */
  dropped(name: string): void;
};

/**
 * The captures of a gateway, in memory, and where there is a keeper in files when they have ended. A capture records one session:
 *
 * ```
 *  start ──▶ waiting ──the next session that fits──▶ recording ──its end, the time, a stop──▶ ended ──▶ deleted
 * ```
 */
export class Captures {
  readonly #all = new Map<number, Capture | StoredCapture>();
  readonly #keeper: CaptureKeeper | undefined;
  /** By session. */
  readonly #recording = new Map<number, Capture>();
  readonly #waiting: Capture[] = [];
  readonly #flights: FlightRecorder;
  readonly #subjects: ShownSubjects;
  #limits: CapturesConfig;
  #lastId = 0;

  constructor(limits: CapturesConfig, keeper?: CaptureKeeper, subjects = FULL_SUBJECTS) {
    this.#subjects = subjects;
    this.#limits = limits;
    this.#flights = new FlightRecorder(limits, subjects);
    this.#keeper = keeper;
  }

  /** For captures that start from now on. `allowsPayloads`: else those with payloads end. */
  configure(limits: CapturesConfig, allowsPayloads: boolean): void {
    this.#limits = limits;
    this.#flights.configure(limits);
    if (allowsPayloads) return;
    for (const { id, payloads } of this.#all.values()) if (payloads) this.stop(id);
  }

  /** `payloads`: somebody who may has asked for them. `facts` and `inspector`: of the session that `match` names, if it is open. */
  start(
    match: CaptureMatch,
    payloads: boolean,
    facts: SessionFacts | undefined,
    inspector: Inspector | undefined,
  ): CaptureRow | CaptureRefusal {
    const { concurrent, maxBytes, totalBytes } = this.#limits;
    const active = this.#active + 1;
    if (active > concurrent || active * maxBytes > totalBytes) return 'too_many_captures';
    if ('session' in match) {
      if (facts === undefined) return 'no_session';
      if (inspector === undefined) return 'inspect_off';
      if (inspector.hasStopped) return 'not_readable';
      if (this.#recording.has(match.session)) return 'already_captured';
    }
    const time = { ms: this.#limits.maxMs, onOver: () => this.#end(capture, 'time') };
    const capture = new Capture(++this.#lastId, match, payloads, time);
    this.#all.set(capture.id, capture);
    if (facts !== undefined && inspector !== undefined) this.#record(capture, facts, inspector);
    else this.#waiting.push(capture);
    this.#keepNewest();
    return capture.row();
  }

  /** To be called before the session begins. One without inspector leaves the captures that wait to others. */
  sessionBegan(facts: SessionFacts, inspector: Inspector | undefined): void {
    this.#flights.began(facts, inspector);
    if (this.#waiting.length === 0 || inspector === undefined) return;
    const capture = this.#waiting.find(({ match }) => fits(match, facts));
    if (capture === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(capture), 1);
    this.#record(capture, facts, inspector);
  }

  /** The capture that is kept because the session ended as `captures.keep` says; undefined: there is none. */
  sessionEnded(session: EndedSession): CaptureRow | undefined {
    const { facts, reason } = session;
    const capture = this.#recording.get(facts.id);
    if (capture !== undefined) this.#end(capture, reason);
    const recorded = this.#flights.ended(session);
    if (recorded === undefined) return undefined;
    const kept = new Capture(++this.#lastId, { session: facts.id }, false);
    this.#all.set(kept.id, kept);
    kept.record(recorded);
    this.#end(kept, reason);
    return kept.row();
  }

  /** False: there is none, or it has ended. */
  stop(id: number): boolean {
    const capture = this.#all.get(id);
    if (!(capture instanceof Capture) || capture.state === 'ended') return false;
    this.#end(capture, 'stopped');
    return true;
  }

  /** Stops it first. */
  delete(id: number): boolean {
    this.stop(id);
    return this.#drop(id);
  }

  /** A capture is in this file from now on. False: there is none any more. */
  stored(id: number, name: string, bytes: number): boolean {
    const capture = this.#all.get(id);
    if (capture === undefined) return false;
    this.#all.set(id, new StoredCapture(id, name, bytes, capture.row()));
    this.#keepNewest();
    return true;
  }

  /** A file of an earlier run; to be called by age. */
  found(name: string, bytes: number, facts: StoredFacts): void {
    const id = ++this.#lastId;
    this.#all.set(id, new StoredCapture(id, name, bytes, facts));
    this.#keepNewest();
  }

  row(id: number): CaptureRow | undefined {
    return this.#all.get(id)?.row();
  }

  rows(): readonly CaptureRow[] {
    return [...this.#all.values()].map((capture) => capture.row());
  }

  /** The capture file, of a running capture what there is so far, without text when it is stored; undefined: none, or it still waits. */
  file(id: number): { readonly name: string; readonly text: string | undefined } | undefined {
    const capture = this.#all.get(id);
    return capture instanceof StoredCapture ? { name: capture.name, text: undefined } : capture?.file();
  }

  close(): void {
    for (const id of this.#all.keys()) this.stop(id);
  }

  #record(capture: Capture, facts: SessionFacts, inspector: Inspector): void {
    const { concurrent, maxBytes } = this.#limits;
    const allowance = new Allowance(concurrent);
    const recording = new Recording(maxBytes, allowance, capture.payloads, this.#subjects);
    this.#recording.set(facts.id, capture);
    capture.record({ facts, inspector, recording, startedAt: new Date() });
    inspector.watch(recording);
  }

  #end(capture: Capture, reason: string): void {
    const at = this.#waiting.indexOf(capture);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (capture.session !== undefined && this.#recording.get(capture.session) === capture)
      this.#recording.delete(capture.session);
    capture.end(reason);
    this.#keepNewest();
    this.#keeper?.ended(capture.id);
  }

  #drop(id: number): boolean {
    const capture = this.#all.get(id);
    if (capture instanceof StoredCapture) this.#keeper?.dropped(capture.name);
    return this.#all.delete(id);
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
      this.#drop(id);
    }
  }
}

function fits(match: CaptureMatch, { user, tenant, origin, clientAddress }: SessionFacts): boolean {
  if ('session' in match) return false;
  return (
    (match.user === undefined || match.user === user) &&
    (match.tenant === undefined || match.tenant === tenant) &&
    (match.origin === undefined || match.origin === origin) &&
    (match.address === undefined || match.address === clientAddress)
  );
}
