import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What is attacked, on loopback. */
export type Target = {
  readonly port: number;
  readonly adminPort: number;
  /** The public port speaks TLS. */
  readonly tls: boolean;
};

/** What an attack has cost the attacker. */
export type Spent = {
  readonly connections: number;
  readonly bytes: number;
  /** What it got for it. */
  readonly note?: string;
};

/** One file each in this folder; `all.ts` lists them. */
export type Attack = {
  readonly name: string;
  /** What it does, in a sentence. */
  readonly what: string;
  /** It makes sense only where the public port speaks TLS, or only where it does not. */
  readonly tls?: boolean;
  /**
   * Attacks from a process of its own, and resolves when it is over. Bounded in count and time: at most 9,000
   * connections at a time (a process has some 20,000 descriptors), and about a minute.
   */
  run(target: Target): Promise<Spent>;
};

/** A connection that never fails loudly: what the gateway does to it is its right. */
export async function open({ port, tls }: Pick<Target, 'port' | 'tls'>): Promise<Socket> {
  const socket = tls
    ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
    : connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => {});
  await Promise.race([once(socket, tls ? 'secureConnect' : 'connect'), once(socket, 'close')]).catch(
    () => {},
  );
  return socket;
}

/** A TCP connection, whatever the port speaks. */
export const openTcp = ({ port }: Pick<Target, 'port'>): Promise<Socket> => open({ port, tls: false });

/** Calls `work` `count` times, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
