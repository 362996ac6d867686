import { natsServer } from './nats-server.ts';
import { natsgate } from './natsgate.ts';
import { haproxy, lighttpd, websockify } from './peers.ts';
import { rawPipe } from './raw-pipe.ts';
import type { SubjectKind } from './subject.ts';

/** No proxy at all: what generator and upstream take together. */
export const DIRECT = 'direct TCP';

const direct: SubjectKind = {
  name: DIRECT,
  canTls: false,
  version: async () => process.versions.node,
  async start({ upstreamPort }) {
    return {
      protocol: 'tcp',
      port: upstreamPort,
      tls: false,
      pid: 0,
      pids: () => [],
      collects: false,
      stop: async () => {},
    };
  },
};

/** In the order of the tables. */
export const SUBJECTS: readonly SubjectKind[] = [
  rawPipe,
  natsgate('cut-through'),
  natsgate('buffered'),
  natsgate('cut-through', 'observe'),
  natsgate('cut-through', 'enforce'),
  direct,
  haproxy,
  lighttpd,
  websockify,
  natsServer('tcp'),
  natsServer('ws'),
];
