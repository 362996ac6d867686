import { Crowd } from './crowd.ts';
import type { PendingConnection } from './pending-connection.ts';

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
