import { HANDSHAKE_OUTCOMES, type HandshakeOutcome, type OutcomeClass } from '../handshake-outcome.ts';
import type { Snapshot } from '../snapshot.ts';
import { isoTime } from './iso-time.ts';

type Sides = { readonly toUpstream: number; readonly toClient: number };

/** What happened since the report before it, and how things are now; without a name of any client. */
export type Second = {
  readonly at: string;
  /** How long the time is that this is of. */
  readonly seconds: number;
  readonly state: Snapshot['state'];
  readonly ready: boolean;
  readonly sessions: { readonly active: number; readonly opened: number; readonly ended: number };
  readonly handshakes: Readonly<Record<OutcomeClass, number>>;
  readonly bytes: Sides;
  /** Of sessions in which NATS is read. */
  readonly messages: Sides;
  /** Bytes that wait now. */
  readonly buffered: Sides;
  readonly eventLoop: { readonly utilization: number; readonly delayP99Seconds: number };
  /** Whose state is another one than before; null: the server was not there, or is not any more. */
  readonly servers: readonly ServerChange[];
};

export type ServerChange = {
  readonly upstream: string;
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
};

/** Numbers that only grow, and the states of servers, at one moment. */
type Totals = {
  readonly atMs: number;
  readonly opened: number;
  readonly ended: number;
  readonly handshakes: Readonly<Record<OutcomeClass, number>>;
  readonly bytes: Sides;
  readonly messages: Sides;
  readonly servers: ReadonlyMap<string, Omit<ServerChange, 'from' | 'to'> & { readonly state: string }>;
};

/** Reports of how a gateway does, each from the one before it on. Nothing is done in between. */
export class Seconds {
  readonly #read: () => Snapshot;
  #before: Totals;

  /** The first report begins now. */
  constructor(read: () => Snapshot) {
    this.#read = read;
    this.#before = totalsOf(read());
  }

  next(): Second {
    const snapshot = this.#read();
    const now = totalsOf(snapshot);
    const before = this.#before;
    this.#before = now;
    const { loop, sessions, state, ready, buffered } = snapshot;
    const { accepted, client_fault, server_fault } = now.handshakes;
    return {
      at: isoTime(Date.now()),
      seconds: Math.round(now.atMs - before.atMs) / 1000,
      state,
      ready,
      sessions: {
        active: sessions.active,
        opened: now.opened - before.opened,
        ended: now.ended - before.ended,
      },
      handshakes: {
        accepted: accepted - before.handshakes.accepted,
        client_fault: client_fault - before.handshakes.client_fault,
        server_fault: server_fault - before.handshakes.server_fault,
      },
      bytes: grown(now.bytes, before.bytes),
      messages: grown(now.messages, before.messages),
      buffered: { toUpstream: buffered.upstream, toClient: buffered.client },
      eventLoop: { utilization: loop.utilization, delayP99Seconds: loop.delayP99Seconds },
      servers: changesOf(before.servers, now.servers),
    };
  }
}

function totalsOf({ counters, inspection, servers, sessions, traffic }: Snapshot): Totals {
  const handshakes = { accepted: 0, client_fault: 0, server_fault: 0 };
  for (const [outcome, count] of Object.entries(counters.handshakes))
    handshakes[HANDSHAKE_OUTCOMES[outcome as HandshakeOutcome].class] += count;
  const { to_upstream: up, to_client: down } = inspection.operations;
  return {
    atMs: performance.now(),
    opened: sessions.opened,
    ended: Object.values(counters.ends).reduce((sum, count) => sum + count, 0),
    handshakes,
    bytes: { toUpstream: traffic.bytesToUpstream, toClient: traffic.bytesToClient },
    messages: {
      toUpstream: (up['PUB'] ?? 0) + (up['HPUB'] ?? 0),
      toClient: (down['MSG'] ?? 0) + (down['HMSG'] ?? 0),
    },
    servers: new Map(
      servers.map(({ upstream, name, state }) => [`${upstream} ${name}`, { upstream, name, state }]),
    ),
  };
}

const grown = (now: Sides, before: Sides): Sides => ({
  toUpstream: now.toUpstream - before.toUpstream,
  toClient: now.toClient - before.toClient,
});

function changesOf(before: Totals['servers'], now: Totals['servers']): ServerChange[] {
  const changes: ServerChange[] = [];
  for (const [key, { upstream, name, state }] of now) {
    const from = before.get(key)?.state ?? null;
    if (from !== state) changes.push({ upstream, name, from, to: state });
  }
  for (const [key, { upstream, name, state }] of before)
    if (!now.has(key)) changes.push({ upstream, name, from: state, to: null });
  return changes;
}
