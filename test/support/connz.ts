import type { RunningNatsServer } from '../../src/dev/nats-process.ts';

export type Shown = {
  readonly authorized_user?: string;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly jwt?: string;
};

/** What nats-server shows of the connection with this id. */
export async function connz(server: RunningNatsServer, cid: number | undefined): Promise<Shown | undefined> {
  const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz?auth=1&cid=${cid}`);
  return ((await answer.json()) as { connections: readonly Shown[] }).connections[0];
}
