/**
 * What the files of a `tls` section hold, judged as a whole. There is no other reader of certificates: what is found
 * wrong has its sentence, and what is found right is what OpenSSL is given.
 */
import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { ServerTls, TlsMaterial } from './config.ts';
import { certificatesIn, type PemResult, type PrivateKey, pemOf, privateKeyIn } from './pem.ts';

export type TlsKey = 'certFile' | 'keyFile' | 'clientCaFile' | 'caFile';

/** More than any certificate chain with its authorities. */
export const MAX_PEM_BYTES = 1024 * 1024;

const TLS_KEYS: readonly TlsKey[] = ['certFile', 'keyFile', 'clientCaFile', 'caFile'];

/** The files that a `tls` section names. */
export const filesOf = (
  tls: { readonly [key in TlsKey]?: string | undefined },
): readonly [TlsKey, string][] =>
  TLS_KEYS.flatMap((key) => {
    const name = tls[key];
    return name === undefined ? [] : [[key, name]];
  });

/** The content of each file that is named and could be read. */
export type TlsBytes = Readonly<Partial<Record<TlsKey, Buffer>>>;

/** Where the sentences go. */
export type TlsVoice = {
  problem(key: TlsKey, text: string): void;
  warning(key: TlsKey, text: string): void;
};

/** undefined: `voice` was told of a problem. */
export function judgeTls(
  files: TlsBytes,
  minVersion: ServerTls['minVersion'],
  { warning, ...others }: TlsVoice,
): TlsMaterial | undefined {
  let isRight = true;
  const problem = (key: TlsKey, text: string): void => {
    isRight = false;
    others.problem(key, text);
  };
  const voice = { problem, warning };
  const caKey = files.caFile === undefined ? 'clientCaFile' : 'caFile';
  const chain = parsed(files, 'certFile', certificatesIn, voice);
  const key = parsed(files, 'keyFile', privateKeyIn, voice);
  const authorities = parsed(files, caKey, certificatesIn, voice);
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

function parsed<T>(
  files: TlsBytes,
  key: TlsKey,
  read: (bytes: Buffer) => PemResult<T>,
  voice: TlsVoice,
): T | undefined {
  const bytes = files[key];
  if (bytes === undefined) return undefined;
  const result = read(bytes);
  if (result.ok) return result.value;
  voice.problem(key, result.problem);
  return undefined;
}

/** The own certificate first, then the one that signed it, and so on: TLS sends them in the order of the file. */
function checkPair(chain: readonly X509Certificate[], { key }: PrivateKey, voice: TlsVoice): void {
  const own = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (own === -1) {
    const text = 'the key does not belong to the first certificate of certFile; write the matching pair';
    return voice.problem('keyFile', text);
  }
  if (own > 0) {
    const text = `the key belongs to certificate ${own + 1} of ${chain.length} in the file, so the chain is in the wrong order; write the own certificate first, then the one that signed it, and so on`;
    return voice.problem('certFile', text);
  }
  const gap = chain.findIndex((certificate, index) => {
    const next = chain[index + 1];
    return next !== undefined && !certificate.checkIssued(next);
  });
  if (gap === -1) return;
  const text = `certificate ${gap + 2} of ${chain.length} in the file did not sign the one before it, and clients may not find their way; write the chain in order, and nothing else`;
  voice.warning('certFile', text);
}

/** Without a root a server of Node trusts nobody, and an authority with a weak key is believed by nobody. */
function checkAuthorities(key: TlsKey, authorities: readonly X509Certificate[], voice: TlsVoice): void {
  if (key === 'clientCaFile' && !authorities.some(({ subject, issuer }) => subject === issuer)) {
    const text =
      'the file holds no root: each certificate in it is signed by another one, so no client would be trusted; append the root authority';
    return voice.problem(key, text);
  }
  warnOfDates(key, authorities, voice);
  const weak = authorities.findIndex(({ publicKey }) => {
    const { modulusLength } = publicKey.asymmetricKeyDetails ?? {};
    return modulusLength !== undefined && modulusLength < 2048;
  });
  if (weak === -1) return;
  const text = `${numbered(weak, authorities)} has a key below 2048 bits, which OpenSSL does not accept; renew it`;
  voice.warning(key, text);
}

function warnOfDates(key: TlsKey, certificates: readonly X509Certificate[], voice: TlsVoice): void {
  const nowMs = Date.now();
  const say = (isBad: (certificate: X509Certificate) => boolean, text: (one: X509Certificate) => string) => {
    const index = certificates.findIndex(isBad);
    const one = certificates[index];
    if (one !== undefined) voice.warning(key, `${numbered(index, certificates)} ${text(one)}`);
  };
  say(
    ({ validToDate }) => validToDate.getTime() < nowMs,
    ({ validToDate }) => `expired on ${day(validToDate)}; renew it`,
  );
  say(
    ({ validFromDate }) => validFromDate.getTime() > nowMs,
    ({ validFromDate }) => `is not valid before ${day(validFromDate)}; check the clock`,
  );
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
