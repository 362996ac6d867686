import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerTls, TlsMaterial, UpstreamTls } from '../../src/config/config.ts';
import { filesOf, judgeTls, type TlsKey } from '../../src/config/tls-files.ts';
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

type Names<Tls> = Omit<Tls, 'material'>;

/** What a gateway needs to trust the server of these certificates, which is reached by address. */
export function upstreamTls(
  certificates: TestCertificates,
  more: Partial<Names<UpstreamTls>> = {},
): UpstreamTls {
  return loadedTls({
    mode: 'after-info',
    caFile: certificates.serverCertFile,
    certFile: undefined,
    keyFile: undefined,
    serverName: 'localhost',
    minVersion: 'TLSv1.2',
    ...more,
  });
}

/** TLS of a listener that shows the server's certificate. */
export function serverTls(
  { serverCertFile, serverKeyFile }: TestCertificates,
  more: Partial<Names<ServerTls>> = {},
): ServerTls {
  return loadedTls({
    certFile: serverCertFile,
    keyFile: serverKeyFile,
    clientCaFile: undefined,
    minVersion: 'TLSv1.2',
    ...more,
  });
}

/** With the files read, as the configuration does it. */
function loadedTls<Tls extends Names<ServerTls> | Names<UpstreamTls>>(
  tls: Tls,
): Tls & { readonly material: () => TlsMaterial } {
  const files: { [key in TlsKey]?: Buffer } = {};
  for (const [key, name] of filesOf(tls)) files[key] = readFileSync(name);
  const problem = (key: TlsKey, text: string): never => {
    throw new Error(`${key}: ${text}`);
  };
  const material = judgeTls(files, tls.minVersion, { problem, warning: () => {} });
  if (material === undefined) throw new Error('no TLS');
  return { ...tls, material: () => material };
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

/** A certificate, the authority that signed it, and the root above that, in PEM form; and another certificate. */
export type TestChain = Readonly<
  Record<'root' | 'intermediate' | 'leaf' | 'leafKey' | 'stranger', string>
> & {
  /** Runs the openssl program where these lie as root.crt, intermediate.crt, leaf.crt, leaf.key, stranger.crt. */
  convert(output: string, ...args: readonly string[]): Promise<Buffer>;
} & AsyncDisposable;

export async function makeChain(): Promise<TestChain> {
  const folder = await temporaryFolder();
  const file = (name: string): string => join(folder.path, name);
  const text = (name: string): Promise<string> => readFile(file(name), 'utf8');
  const make = (name: string, ...more: string[]): Promise<void> =>
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
        '2',
      ],
      ...['-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), ...more],
    );
  const signedBy = (name: string): string[] => ['-CA', file(`${name}.crt`), '-CAkey', file(`${name}.key`)];
  await make('root');
  await make('intermediate', ...signedBy('root'), '-addext', 'basicConstraints=critical,CA:true');
  await make('leaf', ...signedBy('intermediate'), '-addext', 'subjectAltName=DNS:localhost');
  await make('stranger');
  return {
    root: await text('root.crt'),
    intermediate: await text('intermediate.crt'),
    leaf: await text('leaf.crt'),
    leafKey: await text('leaf.key'),
    stranger: await text('stranger.crt'),
    async convert(output, ...args) {
      await openssl(...args.map((arg) => (/\.(crt|key)$/.test(arg) ? file(arg) : arg)), '-out', file(output));
      return readFile(file(output));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function openssl(...args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args, { timeout: 180_000 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('the openssl program (3.0 or later) makes the certificates of this test; install it', {
      cause: error,
    });
  }
}
