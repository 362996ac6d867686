import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { UpstreamTls } from '../../src/config/config.ts';
import { temporaryFolder } from './temporary-folder.ts';

const run = promisify(execFile);

export type ClientIdentity = { readonly cert: Buffer; readonly key: Buffer };

/** Files and identities for TLS on loopback, valid for a day; gone from the disk when disposed of. */
export type TestCertificates = AsyncDisposable & {
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  readonly clientCaFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  readonly strangerCertFile: string;
  readonly strangerKeyFile: string;
  /** Signed by that CA. */
  readonly client: ClientIdentity;
  /** Signed by nobody but itself. */
  readonly stranger: ClientIdentity;
};

/** What a gateway needs to trust the server of these certificates, which is reached by address. */
export function upstreamTls(certificates: TestCertificates, more: Partial<UpstreamTls> = {}): UpstreamTls {
  return {
    mode: 'after-info',
    caFile: certificates.serverCertFile,
    certFile: undefined,
    keyFile: undefined,
    serverName: 'localhost',
    minVersion: 'TLSv1.2',
    ...more,
  };
}

/** P-256 pairs made by the openssl program; throws one sentence when there is none. The server's name is gw.example.com. */
export async function makeCertificates(): Promise<TestCertificates> {
  const folder = await temporaryFolder();
  const file = (name: string): string => join(folder.path, name);
  const make = (name: string, subject: string, ...more: string[]): Promise<unknown> =>
    openssl(
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
      ],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), '-subj', `/CN=${subject}`, ...more],
    );
  const identity = async (name: string): Promise<ClientIdentity> => ({
    cert: await readFile(file(`${name}.crt`)),
    key: await readFile(file(`${name}.key`)),
  });
  try {
    await make('server', 'gw.example.com', '-addext', 'subjectAltName=DNS:gw.example.com,DNS:localhost');
    await make('ca', 'test client CA');
    await make('client', 'test client', '-CA', file('ca.crt'), '-CAkey', file('ca.key'));
    await make('stranger', 'stranger');
    return {
      serverCertFile: file('server.crt'),
      serverKeyFile: file('server.key'),
      clientCaFile: file('ca.crt'),
      clientCertFile: file('client.crt'),
      clientKeyFile: file('client.key'),
      strangerCertFile: file('stranger.crt'),
      strangerKeyFile: file('stranger.key'),
      client: await identity('client'),
      stranger: await identity('stranger'),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

async function openssl(...args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args, { timeout: 10_000 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('the openssl program (3.0 or later) makes the certificates of this test; install it', {
      cause: error,
    });
  }
}
