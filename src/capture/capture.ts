import type { Inspector } from '../inspect/inspector.ts';
import type { SessionFacts } from '../session/session-contract.ts';
import { inOneLine } from './event.ts';
import type { CaptureHeader } from './format.ts';
import type { Recording } from './recording.ts';

/** Which session: that one, or the next one that begins with all that is named. */
export type CaptureMatch =
  | { readonly session: number }
  | {
      readonly user?: string;
      readonly tenant?: string;
      readonly origin?: string;
      readonly address?: string;
    };

/** What is recorded of one session. */
export type Recorded = {
  readonly facts: SessionFacts;
  readonly inspector: Inspector;
  readonly recording: Recording;
  readonly startedAt: Date;
};

export type CaptureRow = {
  readonly id: number;
  readonly state: 'waiting' | 'recording' | 'ended';
  readonly match: CaptureMatch;
  readonly payloads: boolean;
  readonly session: number | undefined;
  readonly startedAt: string;
  readonly bytes: number;
  readonly operations: number;
  readonly lost: number;
  /** Why it ended: the close reason of its session, `time` or `stopped`. */
  readonly reason: string | undefined;
};

/** One capture, from its start to its file. */
export class Capture {
  readonly id: number;
  readonly match: CaptureMatch;
  readonly payloads: boolean;
  readonly #deadline: NodeJS.Timeout | undefined;
  #startedAt = new Date();
  #recording: Recording | undefined;
  #facts: SessionFacts | undefined;
  /** Until the end, when what it knows of the server is kept. */
  #inspector: Inspector | undefined;
  #server: CaptureHeader['server'];
  #reason: string | undefined;

  /** `time`: when it must end, and who ends it then. */
  constructor(
    id: number,
    match: CaptureMatch,
    payloads: boolean,
    time?: { readonly ms: number; onOver(): void },
  ) {
    this.id = id;
    this.match = match;
    this.payloads = payloads;
    this.#deadline = time && setTimeout(() => time.onOver(), time.ms).unref();
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

  /** From now on, or already: the inspector tells the recording what it sees. */
  record({ facts, inspector, recording, startedAt }: Recorded): void {
    this.#startedAt = startedAt;
    this.#facts = facts;
    this.#inspector = inspector;
    this.#recording = recording;
  }

  end(reason: string): void {
    clearTimeout(this.#deadline);
    this.#reason = reason;
    this.#recording?.finish(reason);
    this.#server = this.#knownServer();
    if (this.#recording !== undefined) this.#inspector?.unwatch(this.#recording);
    this.#inspector = undefined;
  }

  row(): CaptureRow {
    const { operations = 0, lost = 0 } = this.#recording ?? {};
    return {
      id: this.id,
      state: this.state,
      match: this.match,
      payloads: this.payloads,
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
      payloads: this.payloads ? 'full' : 'masked',
      ...(this.#recording.isHashed ? { subjects: 'hashed' } : {}),
      route,
      ...(origin === undefined ? {} : { origin }),
      ...(user === undefined ? {} : { user: inOneLine(user) }),
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
      ...(name === undefined ? {} : { name: inOneLine(name) }),
      ...(version === undefined ? {} : { version: inOneLine(version) }),
      ...(cid === undefined ? {} : { cid }),
    };
  }
}
