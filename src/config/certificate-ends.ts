/** When certificates expire, by the kind of file: what the metric of expiry shows. */
import type { Config } from './config.ts';
import { routesOf } from './routes.ts';

/** A closed set of label values: of all upstreams together, the first that ends. */
export type CertificateRole = 'server' | 'client_ca' | 'admin' | 'upstream_ca' | 'upstream_client';

/** Seconds since the epoch; a role is absent where no such file is configured. */
export function certificateEnds(config: Config): Partial<Record<CertificateRole, number>> {
  const ends: Partial<Record<CertificateRole, number>> = {};
  const add = (role: CertificateRole, seconds: number | undefined): void => {
    if (seconds !== undefined) ends[role] = Math.min(seconds, ends[role] ?? seconds);
  };
  const own = config.listen.tls?.material();
  add('server', own?.chainEndsAt);
  add('client_ca', own?.authoritiesEndAt);
  add('admin', config.admin.tls?.material().chainEndsAt);
  for (const { upstream } of routesOf(config)) {
    const theirs = upstream.tls?.material();
    add('upstream_client', theirs?.chainEndsAt);
    add('upstream_ca', theirs?.authoritiesEndAt);
  }
  return ends;
}
