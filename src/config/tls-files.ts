/**
 * What the files of a `tls` section hold, judged as a whole. There is no other reader of certificates: what is found
 * wrong has its sentence, and what is found right is what OpenSSL is given.
 */
import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { certificatesIn, type PemResult, type PrivateKey, pemOf, privateKeyIn } from './pem.ts';
import type { Files } from './sections/check.ts';

export type TlsKey = 'certFile' | 'keyFile' | 'clientCaFile' | 'caFile';
const TLS_KEYS: readonly TlsKey[] = ['certFile', 'keyFile', 'clientCaFile', 'caFile'];

/** What is written in a `tls` section. */
export type TlsSection = { readonly [key in TlsKey]?: string | undefined } & {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
};

/** What the files of a `tls` section held when they were read. */
export type TlsMaterial = {
  /** For OpenSSL, and so named. */
  readonly pem: {
    readonly cert?: string;
    readonly key?: string;
    readonly ca?: string;
    readonly allowPartialTrustChain?: boolean;
  };
  /** When the first certificate of each file expires, in seconds since the epoch; undefined without such a file. */
  readonly chainEndsAt: number | undefined;
  readonly authoritiesEndAt: number | undefined;
};

/** More than any certificate chain with its authorities. */
export const MAX_PEM_BYTES = 1024 * 1024;

/** The files that a `tls` section names. */
export const filesOf = (tls: Omit<TlsSection, 'minVersion'>): readonly [TlsKey, string][] =>
  TLS_KEYS.flatMap((key) => {
    const name = tls[key];
    return name === undefined ? [] : [[key, name]];
  });

/** The content of each file that is named and could be read. */
export type TlsBytes = { [key in TlsKey]?: Buffer };

/** Where the sentences go. */
export type TlsVoice = Record<'problem' | 'warning', (key: TlsKey, text: string) => void>;

/** `written` with its files read and named as they are opened; undefined: one of them is not right, which is reported. */
export async function loadTls<T extends TlsSection>(
  section: string,
  written: T,
  { read, resolve, ...report }: Files,
): Promise<(T & { readonly material: () => TlsMaterial }) | undefined> {
  const bytes: TlsBytes = {};
  const names: { [key in TlsKey]?: string } = {};
  for (const [key, name] of filesOf(written)) {
    const content = await read([section, 'tls', key], name, MAX_PEM_BYTES, key === 'keyFile');
    if (content !== undefined) bytes[key] = content;
    names[key] = resolve(name);
  }
  const material = judgeTls(bytes, written.minVersion, {
    problem: (key, text) => report.problem('tls_file', [section, 'tls', key], text),
    warning: (key, text) => report.warning('tls_file', [section, 'tls', key], text),
  });
  return material && { ...written, ...names, material: () => material };
}

/** undefined: `voice` has a problem. */
export function judgeTls(
  files: Readonly<TlsBytes>,
  minVersion: TlsSection['minVersion'],
  { warning, ...others }: TlsVoice,
): TlsMaterial | undefined {
  let isRight = true;
  const problem = (key: TlsKey, text: string): void => {
    isRight = false;
    others.problem(key, text);
  };
  const voice = { problem, warning };
  const parsed = <T>(key: TlsKey, read: (bytes: Buffer) => PemResult<T>): T | undefined => {
    const result = files[key] && read(files[key]);
    if (result?.ok === false) problem(key, result.problem);
    return result?.ok === true ? result.value : undefined;
  };
  const caKey = files.caFile === undefined ? 'clientCaFile' : 'caFile';
  const chain = parsed('certFile', certificatesIn);
  const key = parsed('keyFile', privateKeyIn);
  const authorities = parsed(caKey, certificatesIn);
  if (chain !== undefined) warnOfDates('certFile', chain, voice);
  if (chain !== undefined && key !== undefined) checkPair(chain, key, voice);
  if (authorities !== undefined) checkAuthorities(caKey, authorities, voice);
  if (!isRight) return undefined;
  const pem = {
    ...(chain && { cert: pemOf(chain) }),
    ...(key && { key: key.pem }),
    ...(authorities && { ca: pemOf(authorities) }),
    // As nats-server and its clients have it: what is listed is trusted, also when it is no root. Node's servers cannot.
    ...(authorities && caKey === 'caFile' && { allowPartialTrustChain: true }),
  };
  try {
    createSecureContext({ ...pem, minVersion });
  } catch (error) {
    problem(chain === undefined ? caKey : 'certFile', refusalOfOpenSsl(error as NodeJS.ErrnoException));
    return undefined;
  }
  return {
    pem,
    chainEndsAt: chain && firstEnd(chain),
    authoritiesEndAt: authorities && firstEnd(authorities),
  };
}

/**
 * The server's own certificate comes first, then the one that signed it, and so on. TLS sends them in the order of the
 * file.
 */
function checkPair(chain: readonly X509Certificate[], { key }: PrivateKey, voice: TlsVoice): void {
  const own = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (own === -1)
    return voice.problem(
      'keyFile',
      'the key does not belong to the first certificate of certFile; write the matching pair',
    );
  if (own > 0)
    return voice.problem(
      'certFile',
      `the key belongs to ${numbered(own, chain)}, so the chain is in the wrong order; write that one first, then the one that signed it, and so on`,
    );
  const stray = chain.findIndex((one, index) => index > 0 && chain[index - 1]?.checkIssued(one) === false);
  if (stray !== -1)
    voice.warning(
      'certFile',
      `${numbered(stray, chain)} did not sign the one before it, and clients may not find their way; write the chain in order, and nothing else`,
    );
}

/** Without a root a server of Node trusts nobody, and an authority with a weak key is believed by nobody. */
function checkAuthorities(key: TlsKey, authorities: readonly X509Certificate[], voice: TlsVoice): void {
  if (key === 'clientCaFile' && !authorities.some(({ subject, issuer }) => subject === issuer))
    return voice.problem(
      key,
      'the file holds no root: each certificate in it is signed by another one, so no client would be trusted; append the root authority',
    );
  warnOfDates(key, authorities, voice);
  for (const [index, { publicKey }] of authorities.entries()) {
    if ((publicKey.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048)
      voice.warning(
        key,
        `${numbered(index, authorities)} has a key below 2048 bits, which OpenSSL does not accept; renew it`,
      );
  }
}

function warnOfDates(key: TlsKey, certificates: readonly X509Certificate[], { warning }: TlsVoice): void {
  const now = new Date();
  for (const [index, { validFromDate, validToDate }] of certificates.entries()) {
    const which = numbered(index, certificates);
    if (validToDate < now) warning(key, `${which} expired on ${day(validToDate)}; renew it`);
    if (validFromDate > now)
      warning(key, `${which} is not valid before ${day(validFromDate)}; check the clock`);
  }
}

const numbered = (index: number, { length }: readonly unknown[]): string =>
  length === 1 ? 'the certificate' : `certificate ${index + 1} of ${length} in the file`;

const day = (date: Date): string => date.toISOString().slice(0, 10);

/** Seconds since the epoch. */
const firstEnd = (certificates: readonly X509Certificate[]): number =>
  Math.min(...certificates.map(({ validToDate }) => validToDate.getTime() / 1000));

function refusalOfOpenSsl({ code = 'unknown error' }: NodeJS.ErrnoException): string {
  if (code.includes('KEY_TOO_SMALL'))
    return 'the key of the certificate is too short for OpenSSL; make one of P-256, or RSA of 2048 bits';
  if (code.includes('MD_TOO_WEAK'))
    return 'the certificate is signed with a hash that OpenSSL takes for broken; make one signed with SHA-256';
  return `OpenSSL refuses what the files hold (${code}); write a PEM chain and a key that belong together`;
}
