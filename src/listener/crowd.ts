import { LinkedList } from '../linked-list.ts';
import type { CrowdName, PendingConnection } from './pending-connection.ts';

/** Connections in the order in which they came, and how many of them each address has. */
export class Crowd {
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
