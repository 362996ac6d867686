import type { ServerInfo } from '../nats/info.ts';

/** What a server calls itself, and its version. One without a name of its own has its key for one, which says nothing. */
export function serverText({ serverName = 'nats-server', version = '' }: ServerInfo): string {
  return `${/^N[A-Z2-7]{55}$/.test(serverName) ? 'nats-server' : serverName} ${version}`.trim();
}
