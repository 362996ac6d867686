import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Certificate = { readonly certFile: string; readonly keyFile: string; remove(): void };

/** A P-256 pair for 127.0.0.1, made by the openssl program; undefined where there is none. */
export function makeCertificate(): Certificate | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'natsgate-bench-'));
  const certFile = join(folder, 'server.crt');
  const keyFile = join(folder, 'server.key');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const rest = ['-out', certFile, '-days', '1', '-subj', '/CN=localhost'];
  if (spawnSync('openssl', ['req', '-x509', ...key, ...rest]).status === 0)
    return { certFile, keyFile, remove };
  remove();
  return undefined;
}
