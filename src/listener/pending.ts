import type { Socket } from 'node:net';
import { type Link, LinkedList } from '../linked-list.ts';
import type { Endpoint } from '../net/proxy-protocol.ts';

export type PendingLimits = {
  /** Connections that have no verdict yet, or have their answer and are not closed. */
  readonly pendingConnections: number;
  /** Those of them whose TLS handshake goes on. */
  readonly pendingTls: number;
  /** What one address may keep while there is no room; while there is, it may have it all. */
  readonly pendingPerAddress: number;
};

/** Why a connection was closed without an answer: labels of natsgate_connections_dropped_total. */
export const DROP_REASONS = ['cap', 'pending', 'pending_tls', 'pending_address'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

const DEFAULT_PENDING = 512;
/** How late a deadline may be noticed. */
const DEADLINE_CHECK_MS = 1000;

/** The limits that go with one number, of which memory and descriptors may allow fewer than the default. */
export function pendingLimits(connections = DEFAULT_PENDING): PendingLimits {
  return {
    pendingConnections: connections,
    pendingTls: Math.max(1, Math.floor(connections / 4)),
    pendingPerAddress: Math.max(1, Math.floor(connections / 8)),
  };
}

/** Who is at the other end of a connection, and where it connected to. */
type Arrival = { readonly peer: Endpoint; readonly reached: Endpoint };

/** An accepted connection, until it is a handshake that passed the rules or is closed. */
export class PendingConnection {
  readonly accepted: Socket;
  /** What HTTP is spoken on: the accepted socket, or its TLS. */
  socket: Socket;
  readonly acceptedAtMs: number;
  /** Listens to the accepted socket while the connection is pending. */
  readonly onClose: () => void;
  /** The two addresses, while TLS begins. */
  key = '';
  /** By a PROXY header: the client, and where it connected to. */
  named: Arrival | undefined = undefined;
  /** Whose share it counts to; undefined: a proxy's, which connects for many. */
  address: string | undefined = undefined;
  inTls = false;
  /** @internal its position in each crowd; undefined: it is not there */
  readonly links: Record<CrowdName, Link<PendingConnection> | undefined> = {
    waiting: undefined,
    inTls: undefined,
    answered: undefined,
  };
  /** Reads its head. */
  onData: (chunk: Buffer) => void = ignore;
  /** The verdict has fallen: nothing more of this connection may reach a parser or a rule. */
  judged = false;
  /** Bytes that came after the head, in one piece with its end. */
  earlyBytes = 0;

  constructor(socket: Socket, acceptedAtMs: number, onClose: () => void) {
    this.accepted = socket;
    this.socket = socket;
    this.acceptedAtMs = acceptedAtMs;
    this.onClose = onClose;
  }

  // Both are those of a header, else what TCP says. Not what its TLS says: that was not asked before a reset, and then
  // it knows nothing.

  get peer(): Endpoint {
    const { accepted, named } = this;
    return named?.peer ?? { address: accepted.remoteAddress ?? '', port: accepted.remotePort ?? 0 };
  }

  get reached(): Endpoint {
    const { accepted, named } = this;
    return named?.reached ?? { address: accepted.localAddress ?? '', port: accepted.localPort ?? 0 };
  }
}

function ignore(): void {}

type CrowdName = 'waiting' | 'inTls' | 'answered';

export type PendingOwner = {
  /** There was no room; it is to be closed. */
  onDropped(connection: PendingConnection, reason: DropReason): void;
  /** Its time is up; it is to be answered or closed. */
  onExpired(connection: PendingConnection): void;
};

/**
 * Connections that are no clients yet. A new one always gets in; when there is no room for one more, the
 * oldest leaves: of those that were answered, then of an address that has more than its share, then of all. An honest
 * client needs its place for the moment until its request is there; a silent one wants it for ever.
 */
export class PendingConnections {
  #limits: PendingLimits;
  #deadlineMs: number;
  readonly #owner: PendingOwner;
  readonly #waiting = new Crowd('waiting');
  readonly #inTls = new Crowd('inTls');
  readonly #answered = new Crowd('answered');
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: PendingLimits, deadlineMs: number, owner: PendingOwner) {
    this.#limits = limits;
    this.#deadlineMs = deadlineMs;
    this.#owner = owner;
  }

  /** Looks for whose time is up from now on. */
  start(): void {
    this.#timer = setInterval(this.#expire, Math.min(DEADLINE_CHECK_MS, this.#deadlineMs)).unref();
  }

  /** Others from the next connection on. */
  configure(limits: PendingLimits, deadlineMs: number): void {
    this.#limits = limits;
    this.#deadlineMs = deadlineMs;
  }

  get size(): number {
    return this.#waiting.size + this.#answered.size;
  }

  add(connection: PendingConnection): void {
    const { pendingConnections, pendingPerAddress } = this.#limits;
    this.#waiting.add(connection);
    if (this.size > pendingConnections && !this.#dropAnswered())
      this.#drop(this.#waiting, pendingPerAddress, 'pending');
  }

  /** It is known now whose share it counts to. */
  setAddress(connection: PendingConnection, address: string): void {
    this.#waiting.setAddress(connection, address);
  }

  beginTls(connection: PendingConnection): void {
    const { pendingConnections, pendingTls, pendingPerAddress } = this.#limits;
    connection.inTls = true;
    this.#inTls.add(connection);
    const share = Math.max(1, Math.floor((pendingTls * pendingPerAddress) / pendingConnections));
    if (this.#inTls.size > pendingTls) this.#drop(this.#inTls, share, 'pending_tls');
  }

  endTls(connection: PendingConnection): void {
    connection.inTls = false;
    this.#inTls.delete(connection);
    // While TLS goes on, the deadline is Node's own.
    if (performance.now() - connection.acceptedAtMs >= this.#deadlineMs) this.#owner.onExpired(connection);
  }

  /** It has its answer and will be closed; until then it gives its place to anybody. */
  answered(connection: PendingConnection): void {
    this.#waiting.delete(connection);
    this.#answered.add(connection);
    if (this.size > this.#limits.pendingConnections) this.#dropAnswered();
  }

  /** It is closed, or counted elsewhere from now on. */
  delete(connection: PendingConnection): void {
    this.#waiting.delete(connection);
    this.#inTls.delete(connection);
    this.#answered.delete(connection);
  }

  /** Closes all of them. */
  close(): void {
    clearInterval(this.#timer);
    for (const connection of this.#waiting) connection.socket.destroy();
    for (const connection of this.#answered) connection.socket.destroy();
  }

  #drop(crowd: Crowd, share: number, reason: 'pending' | 'pending_tls'): void {
    const oldest = crowd.oldestAbove(share);
    const connection = oldest ?? crowd.oldest;
    if (connection === undefined) return;
    this.delete(connection);
    this.#owner.onDropped(connection, oldest === undefined ? reason : 'pending_address');
  }

  /** A client that was answered loses nothing when its connection ends early. */
  #dropAnswered(): boolean {
    const oldest = this.#answered.oldest;
    if (oldest === undefined) return false;
    this.#answered.delete(oldest);
    oldest.socket.destroy();
    return true;
  }

  #expire = (): void => {
    const latest = performance.now() - this.#deadlineMs;
    for (const connection of this.#waiting) {
      if (connection.acceptedAtMs > latest) return;
      if (!connection.inTls) this.#owner.onExpired(connection);
    }
  };
}

/** Connections in the order in which they came, and how many of them each address has. */
class Crowd {
  readonly #name: CrowdName;
  readonly #connections = new LinkedList<PendingConnection>();
  readonly #counts = new Map<string, number>();

  constructor(name: CrowdName) {
    this.#name = name;
  }

  get size(): number {
    return this.#connections.size;
  }

  [Symbol.iterator](): Iterator<PendingConnection> {
    return this.#connections[Symbol.iterator]();
  }

  add(connection: PendingConnection): void {
    connection.links[this.#name] = this.#connections.add(connection);
    this.#count(connection, 1);
  }

  setAddress(connection: PendingConnection, address: string): void {
    if (connection.links[this.#name] === undefined) return;
    connection.address = address;
    this.#count(connection, 1);
  }

  delete(connection: PendingConnection): void {
    const link = connection.links[this.#name];
    if (link === undefined) return;
    connection.links[this.#name] = undefined;
    this.#connections.delete(link);
    this.#count(connection, -1);
  }

  get oldest(): PendingConnection | undefined {
    return this.#connections.first;
  }

  oldestAbove(share: number): PendingConnection | undefined {
    for (const connection of this.#connections) {
      if (connection.address !== undefined && (this.#counts.get(connection.address) ?? 0) > share)
        return connection;
    }
    return undefined;
  }

  #count({ address }: PendingConnection, by: 1 | -1): void {
    if (address === undefined) return;
    const count = (this.#counts.get(address) ?? 0) + by;
    if (count > 0) this.#counts.set(address, count);
    else this.#counts.delete(address);
  }
}
